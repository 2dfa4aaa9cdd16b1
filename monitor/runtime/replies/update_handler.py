"""Updates of a bot: presses and words of people, carried out as commands, or refused with the reason."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from monitor.core.notifications.channel_messages import MessageReference
from monitor.errors import CommandRefused, MonitorError, StoreError, StoreRefused, UsageError
from monitor.notify.telegram.updates import ChatPress, ChatUser, ChatWords
from monitor.runtime.replies.answered_chats import (
    FAULT,
    NOT_DONE,
    UNKNOWN,
    AnsweredChat,
    as_sentence,
    choose_chat,
    error_text,
    find_candidates,
    not_allowed_text,
    not_listed_text,
    reply_key,
    user_text,
)
from monitor.runtime.replies.button_commands import button_command
from monitor.runtime.replies.chat_answers import ChatAnswers
from monitor.runtime.replies.chat_commands import (
    ChatCommand,
    check_allowed,
    help_text,
    parse_chat_command,
    parse_subject,
)
from monitor.runtime.replies.reply_service import ReplyContext, is_passing
from monitor.store.writes.replies import channel_messages, press_commands, presses
from monitor.store.writes.replies.presses import Press, PressCommand, PressResult
from monitor.view.messages.buttons import (
    ButtonPress,
    parse_button,
    pause_confirmation,
)

log = logging.getLogger(__name__)

MAX_WORDS_AGE = timedelta(minutes=10)
"""Age of words that change something, from which on they are refused: the daemon was not there to read them."""

MAX_STRANGERS_A_DAY = 20
"""Users not listed that are answered, and reported, within a day."""

MAX_UNKNOWN = 1000
"""Presses and words that wait for the database, of which it is remembered that somebody was told so."""

ReadText = Callable[[str, str], Awaitable[str]]
"""A reader of a text for a chat: `status`, `alerts`, or `stress` with its argument. Raises MonitorError."""


class UpdateHandler:
    """The handling of one bot's updates. StoreError leaves the update to be handled again; nothing is done twice.

    An error of this program costs the update alone: people are notified, and whoever pressed or wrote is answered.
    """

    def __init__(
        self, chats: Sequence[AnsweredChat], context: ReplyContext, answers: ChatAnswers, read_text: ReadText
    ) -> None:
        self._chats = chats
        self._context = context
        self._answers = answers
        self._read_text = read_text
        self.bot_name = ""
        """The bot's own name, once it is known: a command in a group may be meant for another bot."""
        self._unknown: dict[str, datetime] = {}
        """When each was first handled of which nothing is known yet: a wait for the database makes nobody late."""

    async def handle(self, content: ChatPress | ChatWords | None) -> None:
        """Carry out one update. Raises StoreError when that could not be recorded, but may be later on."""
        try:
            if isinstance(content, ChatPress):
                await self._handle_press(content)
            elif isinstance(content, ChatWords):
                await self._handle_words(content)
        except Exception as error:
            if is_passing(error):
                raise
            what = "a press was not handled" if isinstance(content, ChatPress) else "words in a chat were not handled"
            await self._context.report_fault("critical", what, error)
            if content is not None:
                await self._answer_fault(content)

    def say_unknown(self, content: ChatPress | ChatWords | None) -> None:
        """Tell once, whoever is listed and pressed or wrote, that it waits for the database."""
        chat = None if content is None else choose_chat(find_candidates(self._chats, content), content)
        if content is None or chat is None or content.user.id not in chat.users or reply_key(content) in self._unknown:
            return
        if isinstance(content, ChatPress):
            self._answer(content, chat, UNKNOWN, is_alert=True)
        elif parse_chat_command(content.text) is not None:
            self._answers.send(str(content.chat), UNKNOWN, topic=content.topic, replies_to=content.message)
        self._unknown[reply_key(content)] = self._context.clock.now()
        while len(self._unknown) > MAX_UNKNOWN:
            del self._unknown[next(iter(self._unknown))]

    async def _answer_fault(self, content: ChatPress | ChatWords) -> None:
        """Answer whoever is listed and pressed or wrote what an error of this program prevented. Raises StoreError.

        From then on a press counts as refused, unless its command was carried out before the error.
        """
        chat = await self._find_chat(content)
        if chat is None or content.user.id not in chat.users:
            return
        if isinstance(content, ChatWords):
            text = "An error in margin-monitor; see its log. What you asked for may not be done: /alerts shows it."
            self._answers.send(str(content.chat), text, topic=content.topic, replies_to=content.message)
            return
        recorded = self._press(content, chat, parse_button(content.data))
        result = await self._record_not_done(recorded)
        self._answer(content, chat, as_sentence(result.answer), is_alert=not result.is_done)

    async def _find_chat(self, content: ChatPress | ChatWords) -> AnsweredChat | None:
        """Return the channel of a press or of words, by its message where the chat has several. Raises StoreError."""
        candidates = find_candidates(self._chats, content)
        message = content.message if isinstance(content, ChatPress) else content.replies_to
        found: frozenset[str] = frozenset()
        if len(candidates) > 1 and message is not None:
            references = {chat.channel: f"{chat.chat}/{message}" for chat in candidates}
            try:
                found = await self._context.store.read(channel_messages.find_channels_of_message, references)
            except StoreError as error:
                if is_passing(error):
                    raise
                await self._context.report_fault("warning", "the channel of a message can't be looked up", error)
        chat = choose_chat(candidates, content, found)
        if chat is not None and not chat.is_certain:
            names = ",".join(each.channel for each in candidates)
            log.warning("reply.channel_unknown message=%s/%s candidates=%s", content.chat, message, names)
        return chat

    async def _handle_press(self, press: ChatPress) -> None:
        chat = await self._find_chat(press)
        if chat is None:
            self._answers.answer_press(press.id, "This chat is no channel of the program any more.", is_alert=True)
            return
        if press.user.id not in chat.users:
            if await self._is_new_stranger(press.user, chat, f"press:{press.id}", "pressed a button"):
                self._answers.answer_press(press.id, not_listed_text(press.user), is_alert=True)
            else:
                self._answers.answer_press(press.id, "")
            return
        button = parse_button(press.data)
        permission = "" if button is None else "pause" if button.action == "confirm_pause" else button.action
        if button is None or permission not in chat.allow:
            what = "this button is none of this program's"
            refusal = what if button is None else not_allowed_text(f'"{permission}"', chat)
            self._answer(press, chat, f"{as_sentence(refusal)}.", is_alert=True)
        elif button.is_drill:
            self._answer(press, chat, "A drill: the button works, and nothing was done.", is_alert=True)
        elif button.action == "status":
            self._answer(press, chat, "")
            self._send_text(chat, "status", "", replies_to=press.message)
        elif button.action == "pause":
            self._answer(press, chat, "")
            self._ask_for_second_press(str(press.chat), chat.topic, press.message)
        else:
            await self._command(press, button, chat)

    async def _command(self, press: ChatPress, button: ButtonPress, chat: AnsweredChat) -> None:
        recorded = self._press(press, chat, button)
        user, now = recorded.user, recorded.at
        asked_at = self._unknown.get(recorded.key, now)
        result = await self._carry_out(recorded, button_command(button, recorded, asked_at))
        self._answer(press, chat, as_sentence(result.answer), is_alert=not result.is_done)
        is_alert = button.action in ("ack", "silence")
        number = button.number if is_alert else None
        if press.text is not None and chat.is_certain and (is_alert or button.action in ("approve", "reject")):
            message = MessageReference(f"{chat.chat}/{press.message}", press.text)
            intent = None if is_alert else button.number
            self._answers.start(
                lambda: self._context.store.execute(
                    channel_messages.add_found_message, chat.channel, message, number, intent, now
                )
            )
        elif button.action == "confirm_pause" and result.is_done:
            self._answers.send(
                str(press.chat), f"{as_sentence(result.answer)} By {user}.", topic=chat.topic, replies_to=press.message
            )

    def _press(self, press: ChatPress, chat: AnsweredChat, button: ButtonPress | None) -> Press:
        command = "" if button is None else f"{button.action} {button.number}" if button.number else button.action
        return Press(reply_key(press), chat.channel, user_text(press.user), command, self._context.clock.now())

    def _answer(self, press: ChatPress, chat: AnsweredChat, text: str, *, is_alert: bool = False) -> None:
        """Answer a press; in the chat where its only answer was that nothing is known yet."""
        if reply_key(press) not in self._unknown:
            self._answers.answer_press(press.id, text, is_alert=is_alert)
        elif text:
            self._answers.send(str(press.chat), text, topic=chat.topic, replies_to=press.message)

    async def _handle_words(self, words: ChatWords) -> None:
        command = parse_chat_command(words.text)
        chat = await self._find_chat(words)
        if command is not None and command.bot and command.bot.lower() != (self.bot_name or command.bot).lower():
            return
        if chat is None or words.user.id not in chat.users:
            if command is not None or words.is_private:
                await self._refuse_words(words, chat)
            return
        if command is None:
            return
        try:
            answer = await self._run(command, words, chat)
        except (UsageError, CommandRefused) as error:
            answer = error_text(error)
        if answer:
            self._answers.send(str(words.chat), answer, topic=words.topic, replies_to=words.message)

    async def _run(self, command: ChatCommand, words: ChatWords, chat: AnsweredChat) -> str:
        """Carry out a command and return the answer, "" where it is on its way already."""
        if command.name in ("help", "start"):
            return help_text(chat.allow)
        check_allowed(command.name, chat)
        if command.name in ("status", "alerts", "stress"):
            self._send_text(chat, command.name, command.argument, words=words)
            return ""
        now = self._context.clock.now()
        if self._unknown.get(reply_key(words), now) - words.at > MAX_WORDS_AGE:
            raise CommandRefused(f"/{command.name} came too late: nobody was there to read it", mend="send it again")
        if command.name == "pause":
            self._ask_for_second_press(str(words.chat), words.topic, words.message)
            return ""
        answered = await self._answered_alerts(words, chat)
        numbers, span = parse_subject(command.argument, answered)
        user, lines = user_text(words.user), []
        for number in numbers[:10]:
            work: PressCommand = partial(press_commands.acknowledge, alert=number, born="", by=user, at=now)
            if command.name == "silence":
                work = partial(
                    press_commands.silence,
                    alert=number,
                    born="",
                    span=span,
                    channel=chat.channel,
                    by=user,
                    at=now,
                )
            key = f"{reply_key(words)}:{number}"
            recorded = Press(key, chat.channel, user, f"{command.name} {number}", now)
            lines.append(as_sentence((await self._carry_out(recorded, work)).answer))
        return "\n".join(lines)

    async def _carry_out(self, press: Press, work: PressCommand) -> PressResult:
        try:
            result = await self._context.store.execute(presses.carry_out, press, work)
        except StoreRefused as error:
            # All of it is rolled back, and would be each time.
            await self._context.report_fault("critical", "what was pressed or written in a chat was not done", error)
            result = await self._record_not_done(press)
        said = "reply.%s channel=%s user=%r command=%r answer=%r"
        word = "repeated" if result.is_repeated else "done" if result.is_done else "refused"
        log.info(said, word, press.channel, press.user, press.command, result.answer)
        if result.is_done and not result.is_repeated:
            self._context.on_command()
        return result

    async def _record_not_done(self, press: Press) -> PressResult:
        """Record that an error of this program prevented a press, and return that; its result if it was done before.

        Raises StoreError.
        """
        refusal: PressCommand = partial(press_commands.refuse, why=NOT_DONE)
        try:
            return await self._context.store.execute(presses.carry_out, press, refusal)
        except StoreRefused:
            return PressResult(False, NOT_DONE)

    async def _answered_alerts(self, words: ChatWords, chat: AnsweredChat) -> list[int]:
        if words.replies_to is None:
            return []
        reference = f"{chat.chat}/{words.replies_to}"
        rows = await self._context.store.read(channel_messages.read_messages_by_reference, chat.channel, reference)
        return [row.alert for row in rows if row.alert is not None]

    def _send_text(
        self,
        chat: AnsweredChat,
        name: str,
        argument: str,
        *,
        words: ChatWords | None = None,
        replies_to: int | None = None,
    ) -> None:
        """Read a text and send it where it was asked for."""
        target = chat.chat if words is None else str(words.chat)
        topic = chat.topic if words is None else words.topic
        answered = replies_to if words is None else words.message

        async def read_and_send() -> None:
            try:
                text = await self._read_text(name, argument)
            except Exception as error:  # noqa: BLE001  reported, and the person is answered
                text = error_text(error) if isinstance(error, MonitorError) else f"Not answered: {FAULT}"
                if not isinstance(error, (UsageError, CommandRefused)):
                    await self._context.report_fault("warning", f"/{name} was not answered in a chat", error)
            self._answers.send(target, text, topic=topic, replies_to=answered)

        self._answers.start(read_and_send)

    def _ask_for_second_press(self, chat: str, topic: int | None, replies_to: int) -> None:
        text = (
            "Pause all actions? Nothing is sent to the exchange until somebody resumes them, which no message can do."
        )
        buttons = pause_confirmation(self._context.clock.now())
        self._answers.send(chat, text, buttons, topic=topic, replies_to=replies_to)

    async def _refuse_words(self, words: ChatWords, chat: AnsweredChat | None) -> None:
        key = f"words:{words.chat}:{words.message}"
        if await self._is_new_stranger(words.user, chat, key, "wrote to the bot"):
            text = not_listed_text(words.user)
            self._answers.send(str(words.chat), text, topic=words.topic, replies_to=words.message)

    async def _is_new_stranger(self, user: ChatUser, chat: AnsweredChat | None, key: str, deed: str) -> bool:
        """Return whether the user, who is not listed, is to be answered: once a day. It is reported then."""
        channel = self._chats[0].channel if chat is None else chat.channel
        press = Press(
            f"telegram:{key}", channel, f"telegram:({user.id})", presses.NOT_LISTED, self._context.clock.now()
        )
        if not await self._context.store.execute(presses.note_stranger, press, MAX_STRANGERS_A_DAY):
            return False
        log.warning("reply.stranger channel=%s user=%r", channel, user_text(user))
        await self._context.notify(
            "warning",
            f"{user_text(user)}, who is not among the users of [[replies]], {deed} of channel {channel}; "
            "nothing was done",
        )
        return True

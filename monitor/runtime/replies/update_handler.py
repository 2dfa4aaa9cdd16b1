"""Updates of a bot: presses and words of people, carried out as commands, or refused with the reason."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from monitor.core.notifications.channel_messages import MessageReference
from monitor.errors import CommandRefused, MonitorError, StoreError
from monitor.notify.telegram.bot import ChatPress, ChatUser, ChatWords
from monitor.runtime.replies.chat_answers import ChatAnswers
from monitor.runtime.replies.chat_commands import (
    ChatCommand,
    check_allowed,
    help_text,
    parse_chat_command,
    parse_subject,
)
from monitor.runtime.replies.reply_service import ReplyContext
from monitor.store.writes.replies import channel_messages, press_commands, presses
from monitor.store.writes.replies.presses import Press, PressCommand, PressResult
from monitor.view.messages.buttons import (
    SILENCE_FOR,
    ButtonPress,
    parse_button,
    parse_moment_mark,
    pause_confirmation,
)

log = logging.getLogger(__name__)

CONFIRM_WITHIN = timedelta(minutes=10)
"""Time after which the second press of a pause no longer counts."""

MAX_WORDS_AGE = timedelta(minutes=10)
"""Age of words that change something, from which on they are refused: the daemon was not there to read them."""

MAX_STRANGERS_A_DAY = 20
"""Users not listed that are answered, and reported, within a day."""

ReadText = Callable[[str, str], Awaitable[str]]
"""A reader of a text for a chat: `status`, `alerts`, or `stress` with its argument. Raises MonitorError."""


@dataclass(frozen=True, slots=True)
class AnsweredChat:
    """A channel that can be answered: its chat, what may be done there, and by whom."""

    channel: str
    chat: str
    topic: int | None
    allow: frozenset[str]
    users: frozenset[int]


class UpdateHandler:
    """The handling of one bot's updates. StoreError leaves the update to be handled again; nothing is done twice."""

    def __init__(
        self, chats: Sequence[AnsweredChat], context: ReplyContext, answers: ChatAnswers, read_text: ReadText
    ) -> None:
        self._chats = chats
        self._context = context
        self._answers = answers
        self._read_text = read_text
        self.bot_name = ""
        """The bot's own name, once it is known: a command in a group may be meant for another bot."""

    async def handle(self, content: ChatPress | ChatWords | None) -> None:
        """Carry out one update. Raises StoreError when that could not be recorded."""
        if isinstance(content, ChatPress):
            await self._handle_press(content)
        elif isinstance(content, ChatWords):
            await self._handle_words(content)

    async def _handle_press(self, press: ChatPress) -> None:
        chat = self._find_chat(press.chat, press.chat_name)
        if chat is None:
            self._answers.answer_press(press.id, "This chat is no channel of the program any more.", is_alert=True)
            return
        if press.user.id not in chat.users:
            if await self._is_new_stranger(press.user, chat, f"press:{press.id}", "pressed a button"):
                self._answers.answer_press(press.id, _not_listed(press.user), is_alert=True)
            else:
                self._answers.answer_press(press.id, "")
            return
        button = parse_button(press.data)
        permission = "" if button is None else "pause" if button.action == "confirm_pause" else button.action
        if button is None or permission not in chat.allow:
            what = (
                "This button is none of this program's." if button is None else f'"{permission}" is not allowed here.'
            )
            self._answers.answer_press(press.id, what, is_alert=True)
        elif button.is_drill:
            self._answers.answer_press(press.id, "A drill: the button works, and nothing was done.", is_alert=True)
        elif button.action == "status":
            self._answers.answer_press(press.id, "")
            self._send_text(chat, "status", "", replies_to=press.message)
        elif button.action == "pause":
            self._answers.answer_press(press.id, "")
            self._ask_for_second_press(str(press.chat), chat.topic, press.message)
        else:
            await self._command(press, button, chat)

    async def _command(self, press: ChatPress, button: ButtonPress, chat: AnsweredChat) -> None:
        command = f"{button.action} {button.number}" if button.number else button.action
        user = _user_text(press.user)
        now = self._context.clock.now()
        recorded = Press(f"telegram:press:{press.id}", chat.channel, user, command, now)
        work = self._work(button, chat.channel, user)
        result = await self._carry_out(recorded, work)
        self._answers.answer_press(press.id, _sentence(result.answer), is_alert=not result.is_done)
        is_alert = button.action in ("ack", "silence")
        number = button.number if is_alert else None
        if press.text is not None and (is_alert or button.action in ("approve", "reject")):
            message = MessageReference(f"{chat.chat}/{press.message}", press.text)
            intent = None if is_alert else button.number
            self._answers.start(
                lambda: self._context.store.execute(
                    channel_messages.add_found_message, chat.channel, message, number, intent, now
                )
            )
        elif button.action == "confirm_pause" and result.is_done:
            self._answers.send(
                str(press.chat), f"{_sentence(result.answer)} By {user}.", topic=chat.topic, replies_to=press.message
            )

    def _work(self, button: ButtonPress, channel: str, user: str) -> PressCommand:
        now = self._context.clock.now()
        match button.action:
            case "ack":
                return partial(press_commands.acknowledge, alert=button.number, born=button.born, by=user, at=now)
            case "silence":
                return partial(
                    press_commands.silence,
                    alert=button.number,
                    born=button.born,
                    span=SILENCE_FOR,
                    channel=channel,
                    by=user,
                    at=now,
                )
            case "approve" | "reject":
                approved = button.action == "approve"
                return partial(
                    press_commands.decide,
                    intent=button.number,
                    born=button.born,
                    approved=approved,
                    by=user,
                    at=now,
                )
            case _:
                asked_at = parse_moment_mark(button.born)
                if asked_at is None or now - asked_at > CONFIRM_WITHIN:
                    return partial(press_commands.refuse, why="that was asked too long ago: press Pause actions again")
                return partial(press_commands.pause, by=user, at=now)

    async def _handle_words(self, words: ChatWords) -> None:
        command = parse_chat_command(words.text)
        chat = self._find_chat(words.chat, words.chat_name)
        if chat is None and words.is_private:
            chat = next((each for each in self._chats if words.user.id in each.users), None)
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
        except StoreError:
            raise
        except MonitorError as error:
            answer = _error_text(error)
        if answer:
            self._answers.send(str(words.chat), answer, topic=words.topic, replies_to=words.message)

    async def _run(self, command: ChatCommand, words: ChatWords, chat: AnsweredChat) -> str:
        """Carry out a command and return the answer, "" where it is on its way already."""
        if command.name in ("help", "start"):
            return help_text(chat.allow)
        check_allowed(command.name, chat.allow)
        if command.name in ("status", "alerts", "stress"):
            self._send_text(chat, command.name, command.argument, words=words)
            return ""
        now = self._context.clock.now()
        if now - words.at > MAX_WORDS_AGE:
            raise CommandRefused(f"/{command.name} came too late: nobody was there to read it", mend="send it again")
        if command.name == "pause":
            self._ask_for_second_press(str(words.chat), words.topic, words.message)
            return ""
        answered = await self._answered_alerts(words, chat)
        numbers, span = parse_subject(command.argument, answered)
        user, lines = _user_text(words.user), []
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
            key = f"telegram:words:{words.chat}:{words.message}:{number}"
            recorded = Press(key, chat.channel, user, f"{command.name} {number}", now)
            lines.append(_sentence((await self._carry_out(recorded, work)).answer))
        return "\n".join(lines)

    async def _carry_out(self, press: Press, work: PressCommand) -> PressResult:
        result = await self._context.store.execute(presses.carry_out, press, work)
        said = "reply.%s channel=%s user=%r command=%r answer=%r"
        word = "repeated" if result.is_repeated else "done" if result.is_done else "refused"
        log.info(said, word, press.channel, press.user, press.command, result.answer)
        if result.is_done and not result.is_repeated:
            self._context.on_command()
        return result

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
            except MonitorError as error:
                text = _error_text(error)
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
            text = _not_listed(words.user)
            self._answers.send(str(words.chat), text, topic=words.topic, replies_to=words.message)

    async def _is_new_stranger(self, user: ChatUser, chat: AnsweredChat | None, key: str, deed: str) -> bool:
        """Return whether the user, who is not listed, is to be answered: once a day. It is reported then."""
        channel = self._chats[0].channel if chat is None else chat.channel
        press = Press(
            f"telegram:{key}", channel, f"telegram:({user.id})", presses.NOT_LISTED, self._context.clock.now()
        )
        if not await self._context.store.execute(presses.note_stranger, press, MAX_STRANGERS_A_DAY):
            return False
        log.warning("reply.stranger channel=%s user=%r", channel, _user_text(user))
        await self._context.notify(
            "warning",
            f"{_user_text(user)}, who is not among the users of [[replies]], {deed} of channel {channel}; "
            "nothing was done",
        )
        return True

    def _find_chat(self, number: int, name: str) -> AnsweredChat | None:
        names = {str(number), name.lower()}
        return next((chat for chat in self._chats if chat.chat.lower() in names), None)


def _user_text(user: ChatUser) -> str:
    name = "".join(sign for sign in user.name if sign.isprintable() and sign not in "()").strip()[:40]
    return f"telegram:{name or 'unnamed'} ({user.id})"


def _not_listed(user: ChatUser) -> str:
    return (
        f"Sorry, you are not among those who may answer here. Your number is {user.id}: "
        "whoever runs this can add it to users."
    )


def _error_text(error: MonitorError) -> str:
    """Return the error and its fix without its place on a command line."""
    return _sentence(f"{error.message}; {error.mend}" if error.mend else error.message)


def _sentence(text: str) -> str:
    """Return the text as a sentence."""
    return f"{text[:1].upper()}{text[1:]}"

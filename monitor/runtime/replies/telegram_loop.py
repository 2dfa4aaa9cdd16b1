"""The reading of one bot's updates by long polls, and the edits of its messages."""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from monitor.errors import MonitorError, StoreError
from monitor.notify.telegram.bot import BotRequestFailed, TelegramBot
from monitor.notify.telegram.updates import BotUpdate
from monitor.runtime.replies.answered_chats import AnsweredChat
from monitor.runtime.replies.chat_answers import ChatAnswers
from monitor.runtime.replies.message_editor import MessageEditor
from monitor.runtime.replies.reply_service import ReplyContext
from monitor.runtime.replies.update_handler import ReadText, UpdateHandler
from monitor.store.writes.replies import presses
from monitor.store.writes.replies.presses import UpdateOffset

log = logging.getLogger(__name__)

LONG_POLL_S = 25
"""Machine seconds for which the service holds a request without updates open."""

MIN_RETRY_S, MAX_RETRY_S = 1.0, 30.0
MAX_REQUESTED_WAIT_S = 900.0
STORE_RETRY_S = 1.0

CONFLICT_WINDOW_S = 60.0
"""Machine seconds within which two conflicts mean another program that goes on reading. Both have their turns, so a
read that works is no sign that it has gone. One conflict alone may be a daemon that was just replaced."""

OFFSET_VALID_FOR = timedelta(days=6)
"""After a week without updates the service numbers them anew: an older offset could skip one."""

ANSWER_WORKERS = 2

_CONFLICT = "another program reads the updates of this bot: stop it, or give this program a bot of its own"


class TelegramLoop:
    """The loop of one bot, for all channels that use it: a second reader would take updates from the first."""

    def __init__(self, bot_number: int, bot: TelegramBot, chats: Sequence[AnsweredChat], read_text: ReadText) -> None:
        self._bot_number = bot_number
        self._bot = bot
        self._chats = tuple(chats)
        self._read_text = read_text
        self._woken = asyncio.Event()
        self._unread = 0
        self._conflicts: list[float] = []
        """Machine times of the latest conflicts."""

    @property
    def channels(self) -> Sequence[str]:
        return tuple(chat.channel for chat in self._chats)

    def wake(self) -> None:
        """Compare at once what the messages show with the truth."""
        self._woken.set()

    async def run(self, context: ReplyContext) -> None:
        """Read updates, answer and edit until cancelled. An error of this program ends the loop; its owner starts it
        anew."""
        answers = ChatAnswers(self._bot, context)
        handler = UpdateHandler(self._chats, context, answers, self._read_text)
        editor = MessageEditor(self._bot, {chat.channel: chat.allow for chat in self._chats}, context)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._poll(context, handler), name="replies poll")
                tasks.create_task(editor.run(self._woken), name="replies edit")
                for number in range(ANSWER_WORKERS):
                    tasks.create_task(answers.run(), name=f"replies answer {number}")
        finally:
            await self._bot.close()

    async def _poll(self, context: ReplyContext, handler: UpdateHandler) -> None:
        offset = await self._read_offset(context)
        retry_s, is_working = MIN_RETRY_S, False
        while True:
            try:
                if not handler.bot_name:
                    handler.bot_name = await self._bot.read_name()
                # Short at first and after a failure, so that it is soon known to work.
                wait_s = LONG_POLL_S if is_working else 0
                updates = await self._bot.read_updates(self._valid(offset, context), wait_s)
            except BotRequestFailed as error:
                is_working = False
                pause_s = self._note_failure(error, retry_s, context)
                retry_s = min(2 * retry_s, MAX_RETRY_S)
                await asyncio.sleep(pause_s)
                continue
            if not is_working:
                log.info("replies.read channels=%s bot=%s", ",".join(self.channels), handler.bot_name)
            retry_s, is_working = MIN_RETRY_S, True
            if not self._is_contested():
                context.health.record(self.channels, None)
            handled = await self._handle_all(updates, context, handler)
            offset = handled or offset
            if updates and (handled is None or handled.next <= updates[-1].number):
                await asyncio.sleep(STORE_RETRY_S)

    async def _handle_all(
        self, updates: Sequence[BotUpdate], context: ReplyContext, handler: UpdateHandler
    ) -> UpdateOffset | None:
        """Handle the updates in order, up to one that can't be recorded; return the next one to read."""
        offset: UpdateOffset | None = None
        for index, update in enumerate(updates):
            if update.error:
                await self._report_unread(update, context)
            try:
                await handler.handle(update.content)
            except StoreError as error:
                log.error("replies.unrecorded in_s=%g cause=%s", STORE_RETRY_S, error)
                for waiting in updates[index:]:
                    handler.say_unknown(waiting.content)
                break
            offset = UpdateOffset(update.number + 1, context.clock.now())
        if offset is not None:
            try:
                await context.store.execute(presses.save_offset, self._bot_number, offset)
            except StoreError as error:
                # The same updates would come again after a restart: they are known by their keys.
                log.error("replies.offset_unwritten cause=%s", error)
                await context.report_fault("warning", "the place among a bot's updates can't be recorded", error)
        return offset

    async def _report_unread(self, update: BotUpdate, context: ReplyContext) -> None:
        """Report an update that is left out, by its number alone: what it holds may be anything."""
        self._unread += 1
        what = "an update of a bot can't be read and is left out; whoever pressed or wrote it gets no answer"
        said = f"update {update.number}, {update.error}; {self._unread} so far of {', '.join(self.channels)}"
        await context.report_fault("warning", what, MonitorError(said))

    async def _read_offset(self, context: ReplyContext) -> UpdateOffset | None:
        """Return the next update to read, as recorded; None while the store fails: all that wait come again then."""
        try:
            return await context.store.read(presses.read_offset, self._bot_number)
        except StoreError as error:
            log.warning("replies.offset_unknown cause=%s", error)
            await context.report_fault("warning", "the place among a bot's updates can't be read", error)
            return None

    def _is_contested(self) -> bool:
        now = time.monotonic()
        self._conflicts = [at for at in self._conflicts if now - at < CONFLICT_WINDOW_S]
        return len(self._conflicts) > 1

    def _valid(self, offset: UpdateOffset | None, context: ReplyContext) -> int | None:
        is_valid = offset is not None and context.clock.now() - offset.at < OFFSET_VALID_FOR
        return offset.next if offset is not None and is_valid else None

    def _note_failure(self, error: BotRequestFailed, retry_s: float, context: ReplyContext) -> float:
        """Record a failed poll; return the machine seconds until the next one."""
        if error.kind == "conflict":
            self._conflicts.append(time.monotonic())
        pause_s = max(retry_s, min(error.retry_after_s or 0.0, MAX_REQUESTED_WAIT_S))
        answer = f"{error.answer} ({_CONFLICT})" if error.kind == "conflict" else error.answer
        context.health.record(self.channels, f"answers can't be read: {answer}", is_lasting=error.kind == "token")
        said = "replies.unreadable channels=%s kind=%s in_s=%g cause=%r"
        log.warning(said, ",".join(self.channels), error.kind, pause_s, answer)
        return pause_s

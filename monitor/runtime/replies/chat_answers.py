"""Answers on their way to a chat: sent by a task of its own, so that no press waits for them."""

import asyncio
import html
import logging
from collections.abc import Awaitable, Callable

from monitor.notify.telegram.bot import BotRequestFailed, TelegramBot
from monitor.notify.telegram.message_text import MAX_CHARS, cut
from monitor.runtime.replies.reply_service import ReplyContext, is_passing
from monitor.view.messages.buttons import ButtonRows

log = logging.getLogger(__name__)

MAX_ANSWERS = 100
"""Answers that may wait; more are left out, and logged. The commands were carried out all the same."""

MAX_RETRY_WAIT_S = 30.0
"""Machine seconds that the service may ask an answer to wait; a later one helps nobody."""


Work = Callable[[], Awaitable[object]]


class ChatAnswers:
    """Answers of one bot, each tried once, and once more when the service asks to wait."""

    def __init__(self, bot: TelegramBot, context: ReplyContext) -> None:
        self._bot = bot
        self._context = context
        self._queue: asyncio.Queue[Work] = asyncio.Queue(MAX_ANSWERS)

    def answer_press(self, press: str, text: str, *, is_alert: bool = False) -> None:
        """Answer a press with a short text; "" ends its waiting and shows nothing."""
        self._put(lambda: self._bot.answer_press(press, text, is_alert=is_alert))

    def send(
        self,
        chat: str,
        text: str,
        buttons: ButtonRows = (),
        *,
        topic: int | None = None,
        replies_to: int | None = None,
    ) -> None:
        """Send a text to a chat."""
        shown = html.escape(cut(text, MAX_CHARS), quote=False)
        self._put(lambda: self._bot.send(chat, shown, buttons, topic=topic, replies_to=replies_to))

    def start(self, work: Work) -> None:
        """Do other work in the turn of the answers, such as reading what one needs."""
        self._put(work)

    async def run(self) -> None:
        """Send answers until cancelled."""
        while True:
            work = await self._queue.get()
            try:
                await self._try(work)
            except Exception as error:  # noqa: BLE001  reported, and other answers go on
                if is_passing(error):
                    log.warning("reply.answer_failed cause=%s", error)
                else:
                    await self._context.report_fault("warning", "an answer to a chat failed", error)

    async def _try(self, work: Work) -> None:
        for is_last in (False, True):
            try:
                await work()
            except BotRequestFailed as error:
                wait_s = error.retry_after_s or 0.0
                if is_last or error.kind != "retry" or wait_s > MAX_RETRY_WAIT_S:
                    # A press is answered within a short time or never: after a restart it is too late for a word.
                    log.log(logging.DEBUG if error.kind == "gone" else logging.WARNING, "reply.unsaid %s", error.answer)
                    return
                await asyncio.sleep(wait_s)
            else:
                return

    def _put(self, work: Work) -> None:
        try:
            self._queue.put_nowait(work)
        except asyncio.QueueFull:
            log.warning("reply.answer_left_out cause='%d others wait'", MAX_ANSWERS)

"""A sink for one chat of a bot: messages with buttons, later ones as replies to the first one about their alert."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from monitor.core.model.intent import Intent, IntentState
from monitor.core.notifications.channel_messages import MessageReference
from monitor.errors import MonitorError
from monitor.notify.sinks import Delivered, NotDelivered, SendResult
from monitor.notify.telegram.bot import BotRequestFailed, TelegramBot
from monitor.notify.telegram.message_text import message_html, with_state
from monitor.view.messages.buttons import ButtonRows, alert_buttons, drill_buttons, intent_buttons
from monitor.view.messages.message import Message, MessageSubject

log = logging.getLogger(__name__)

LOOKUP_TIMEOUT_S, PROPOSAL_LOOKUP_TIMEOUT_S = 0.5, 3.0
"""Seconds that a message waits for the store; then it is sent without what only the store knows. Without it a proposal
has no buttons, which is worth more of a wait."""

NO_BUTTONS = "No buttons: the database could not be read. `margin-monitor actions` lists what waits."

MAX_REMEMBERED = 1000


@dataclass(frozen=True, slots=True)
class TelegramChat:
    """The chat of a channel. `allow`: what may be done from there."""

    chat: str
    topic: int | None
    silent: bool
    allow: frozenset[str]


@dataclass(frozen=True, slots=True)
class SubjectRecord:
    """What the store knows of a message's subject: the first message about it, and the intent as it is.

    `is_unknown`: the store failed, did not answer in time, or holds what can't be understood.
    """

    first_reference: str | None = None
    intent: Intent | None = None
    is_decided: bool = False
    is_unknown: bool = False


SubjectLookup = Callable[[str, MessageSubject], Awaitable[SubjectRecord]]
"""A lookup of a subject for a channel. May raise MonitorError."""


class TelegramSink:
    """Sends to one chat. `lookup` None: no store is there, as in a test of the channel."""

    def __init__(
        self, name: str, bot: TelegramBot, chat: TelegramChat, timeout_s: float, lookup: SubjectLookup | None = None
    ) -> None:
        self._name = name
        self._bot = bot
        self._chat = chat
        self._timeout_s = timeout_s
        self._lookup = lookup
        self._first: dict[int, int] = {}

    @property
    def name(self) -> str:
        return self._name

    @property
    def accepts_images(self) -> bool:
        return True

    @property
    def is_formatted(self) -> bool:
        return True

    async def warm_up(self) -> None:
        await self._bot.load()

    async def send(self, message: Message) -> SendResult:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._send(message)
        except TimeoutError:
            return NotDelivered(f"no answer within {self._timeout_s:g} s")
        except BotRequestFailed as error:
            is_refused = error.kind == "request"
            return NotDelivered(error.answer, error.retry_after_s, is_refused=is_refused)

    async def close(self) -> None:
        await self._bot.close()

    async def _send(self, message: Message) -> SendResult:
        subject, chat = message.subject, self._chat
        known = await self._look_up(subject)
        first = self._first_message(subject, known)
        if message.image is not None:
            await self._bot.send_picture(
                chat.chat, message.image, f"{message.title}\n{message.text}"[:1000], topic=chat.topic, replies_to=first
            )
            return Delivered("accepted")
        text, buttons = message_html(message), self._buttons(subject, known)
        if known.is_unknown and subject.intent is not None and self._chat.allow & {"approve", "reject"}:
            text = with_state(text, [NO_BUTTONS])
        number = await self._bot.send(chat.chat, text, buttons, topic=chat.topic, silent=chat.silent, replies_to=first)
        self._remember(subject, number)
        # A notice about an order that is decided says itself what became of it.
        is_proposal = known.intent is not None and known.intent.state is IntentState.PROPOSED
        is_answered = bool(subject.alerts) or is_proposal
        reference = MessageReference(f"{chat.chat}/{number}", text) if is_answered else None
        return Delivered(f"accepted as message {number}", reference)

    async def _look_up(self, subject: MessageSubject) -> SubjectRecord:
        """Return what the store knows; nothing where it does not answer at once: the message is worth more."""
        if self._lookup is None or not (subject.alerts or subject.intent is not None):
            return SubjectRecord()
        with contextlib.suppress(MonitorError, TimeoutError):
            async with asyncio.timeout(LOOKUP_TIMEOUT_S if subject.intent is None else PROPOSAL_LOOKUP_TIMEOUT_S):
                return await self._lookup(self._name, subject)
        log.warning("telegram.subject_unknown channel=%s", self._name)
        return SubjectRecord(is_unknown=True)

    def _first_message(self, subject: MessageSubject, known: SubjectRecord) -> int | None:
        for alert in subject.alerts:
            if alert.id in self._first:
                return self._first[alert.id]
        chat, _, number = (known.first_reference or "").rpartition("/")
        return int(number) if chat == self._chat.chat and number.isdecimal() else None

    def _buttons(self, subject: MessageSubject, known: SubjectRecord) -> ButtonRows:
        if subject.alerts:
            return alert_buttons(subject.alerts, self._chat.allow)
        if known.intent is not None:
            return intent_buttons(known.intent, known.is_decided, self._chat.allow)
        return () if subject.drill is None else drill_buttons(subject.drill, self._chat.allow)

    def _remember(self, subject: MessageSubject, number: int) -> None:
        for alert in subject.alerts:
            self._first.setdefault(alert.id, number)
        while len(self._first) > MAX_REMEMBERED:
            del self._first[next(iter(self._first))]

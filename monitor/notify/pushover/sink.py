"""A Pushover channel whose critical messages repeat until somebody acknowledges them."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from monitor.core.model.alert import Alert, AlertState
from monitor.core.notifications.channel_messages import MessageReference
from monitor.core.notifications.emergencies import alert_tag, drill_tag
from monitor.notify.pushover.client import (
    MAX_LINK_CHARS,
    MAX_TEXT_CHARS,
    MAX_TITLE_CHARS,
    PushoverAnswer,
    PushoverClient,
    PushoverFailure,
)
from monitor.notify.sinks import Delivered, NotDelivered, SendResult
from monitor.view.messages.message import Message

DRILL_EXPIRE_S = 600
"""Seconds after which the emergency of a drill ends, even if nothing could end it."""

SWEEP_TIMEOUT_S, PARTS_TIMEOUT_S = 3.0, 5.0
"""Machine seconds to end lost emergencies before a message, and to send the further parts of a long one after it."""

PRESS_SETTLE_S = 10.0
"""Machine seconds after a press in which a reminder that was made before it is no emergency any more."""

EMERGENCY = "2"


@dataclass(frozen=True, slots=True)
class PushoverRecipient:
    """The user or group that is sent messages, and how. `device` "": all of them; `retry_s` and `expire_s` are those of
    emergencies, `priority` that of all other messages."""

    user: str
    device: str = ""
    sound: str = ""
    priority: str = "0"
    retry_s: int = 60
    expire_s: int = 10_800


class PushoverSink:
    """Sends as an emergency what is critical and not acknowledged, and returns the receipt with the delivery.

    While an emergency about an alert repeats, other messages about it are normal ones. An emergency whose receipt was
    lost is ended by its tag: before another one about its alert, and with the end of the alert.
    """

    def __init__(
        self,
        name: str,
        client: PushoverClient,
        recipient: PushoverRecipient,
        now: Callable[[], datetime],
        machine_time: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is read once, at the start: about an earlier alert one may repeat of which no receipt is known."""
        self._name = name
        self._client = client
        self._recipient = recipient
        self._now = now
        self._started_at: datetime | None = None
        self._machine_time = machine_time
        self._ringing: dict[str, tuple[frozenset[str], float]] = {}
        self._pressed: dict[str, float] = {}
        self._lost_tags: set[str] = set()
        self._swept_tags: set[str] = set()

    @property
    def name(self) -> str:
        return self._name

    @property
    def client(self) -> PushoverClient:
        """The application's access to the service."""
        return self._client

    @property
    def accepts_images(self) -> bool:
        return True

    @property
    def is_formatted(self) -> bool:
        return False

    @property
    def expire_s(self) -> int:
        """Seconds after which the service ends an emergency that nobody acknowledges."""
        return self._recipient.expire_s

    def note_ringing(self, receipt: str, tags: Iterable[str]) -> None:
        """Note an emergency that repeats, by the tags that it was sent with."""
        until = self._machine_time() + self._recipient.expire_s
        self._ringing.setdefault(receipt, (frozenset(tags), until))

    def note_end(self, receipt: str) -> None:
        """Note that an emergency does not repeat any more."""
        self._ringing.pop(receipt, None)

    def note_press(self, receipt: str) -> None:
        """Note that somebody has acknowledged an emergency: for a moment messages about it may not know that yet."""
        now = self._machine_time()
        tags, _ = self._ringing.pop(receipt, (frozenset[str](), now))
        self._pressed = {tag: until for tag, until in self._pressed.items() if now < until}
        self._pressed |= dict.fromkeys(tags, now + PRESS_SETTLE_S)

    async def warm_up(self) -> None:
        if self._started_at is None:
            self._started_at = self._now()
        await self._client.open()

    async def send(self, message: Message) -> SendResult:
        first, *others = split_text(message.text)
        fields = self._fields(message)
        if message.image is not None:
            return _send_result(await self._client.send({**fields, "message": first}, message.image))
        await self.warm_up()
        alerts = [alert for alert in message.subject.alerts if alert.severity == "critical"]
        await self._end_lost(alerts)
        tags = self._tags(message, alerts)
        if tags:
            expire_s = self._recipient.expire_s if message.subject.drill is None else DRILL_EXPIRE_S
            fields |= {"priority": EMERGENCY, "retry": str(self._recipient.retry_s), "expire": str(expire_s)}
            fields |= {"tags": ",".join(tags)}
        # Until the answer is known, an emergency may repeat of which no receipt is known.
        self._lost_tags.update(tags)
        result = await self._client.send({**fields, "message": first})
        if isinstance(result, PushoverAnswer) or not result.is_unknown:
            self._lost_tags.difference_update(tags)
        if isinstance(result, PushoverAnswer):
            await self._send_parts(message, others)
        if isinstance(result, PushoverFailure) or not (tags and result.receipt):
            return _send_result(result)
        all_tags = {*tags, *(alert_tag(alert) for alert in message.subject.alerts)}
        self.note_ringing(result.receipt, all_tags)
        return Delivered("accepted as an emergency", MessageReference(result.receipt, message.text))

    async def close(self) -> None:
        await self._client.close()

    def _tags(self, message: Message, critical: Sequence[Alert]) -> list[str]:
        """The tags of the emergency that the message is; none for an ordinary message.

        It is one while an alert of it fires that nobody has acknowledged, and no emergency about that repeats already.
        """
        drill = message.subject.drill
        tags = [alert_tag(a) for a in critical if a.state is AlertState.FIRING and a.acked_at is None]
        if drill is not None and message.kind == "failure":
            tags = [drill_tag(drill)]
        repeated = self._repeated_tags()
        return [tag for tag in tags if tag not in repeated]

    def _repeated_tags(self) -> frozenset[str]:
        now = self._machine_time()
        ringing = frozenset(tag for tags, until in self._ringing.values() if now < until for tag in tags)
        return ringing | {tag for tag, until in self._pressed.items() if now < until}

    async def _end_lost(self, critical: Sequence[Alert]) -> None:
        """End emergencies about these alerts of which no receipt is known: a crash or a cut line may have taken it."""
        repeated, wanted = self._repeated_tags(), set[str]()
        for alert in critical:
            tag, is_over = alert_tag(alert), alert.state is not AlertState.FIRING
            is_old = self._started_at is None or (alert.fired_at or alert.since) < self._started_at
            is_old = is_old and tag not in self._swept_tags | repeated
            if tag in self._lost_tags or is_old or is_over:
                wanted.add(tag)
        with suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_TIMEOUT_S):
                for tag in sorted(wanted):
                    if isinstance(await self._client.cancel_by_tag(tag), PushoverAnswer):
                        self._swept_tags.add(tag)
                        self._lost_tags.discard(tag)

    async def _send_parts(self, message: Message, parts: Sequence[str]) -> None:
        """Send the rest of a long message. The phone rings by the first part: a part that is lost is not repeated."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PARTS_TIMEOUT_S):
                for part in parts:
                    await self._client.send({**self._fields(message), "message": part})

    def _fields(self, message: Message) -> dict[str, str]:
        recipient, url = self._recipient, message.document.get("url")
        fields = {
            "user": recipient.user,
            "title": message.title[:MAX_TITLE_CHARS],
            "priority": recipient.priority,
            "device": recipient.device,
            "sound": recipient.sound,
        }
        if url and len(url) <= MAX_LINK_CHARS:
            fields |= {"url": url, "url_title": f"Alert #{message.document['id']}"}
        return {name: value for name, value in fields.items() if value}


def _send_result(result: PushoverAnswer | PushoverFailure) -> SendResult:
    if isinstance(result, PushoverFailure):
        return NotDelivered(result.answer, is_refused=result.is_refused and not result.is_key_refused)
    return Delivered("accepted")


def split_text(text: str) -> list[str]:
    """Return the text in parts that the service takes, cut at line ends where that is possible."""
    parts, rest = [], text.strip() or "-"
    while len(rest) > MAX_TEXT_CHARS:
        cut = rest.rfind("\n", 1, MAX_TEXT_CHARS + 1)
        cut = cut if cut > 0 else MAX_TEXT_CHARS
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip("\n")
    return [*parts, rest]

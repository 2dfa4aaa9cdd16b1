"""Stream events: composed once, recorded, delivered to every subscribed connection."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

UserStreamKind = Literal["account", "risk"]
DeliveryFate = Literal["queued", "written", "swallowed", "cut"]


@dataclass(slots=True)
class EventDelivery:
    """One event on one connection: written, or the fault that kept it."""

    connection: int
    fate: DeliveryFate = "queued"


@dataclass(slots=True)
class SentEvent:
    """One event of the exchange as its exact JSON text, and the connections that sent it."""

    at_ms: int
    account: str
    symbol: str | None
    stream: UserStreamKind
    kind: str
    text: str
    deliveries: list[EventDelivery] = field(default_factory=list)

    @property
    def swallowed(self) -> bool:
        """Return whether no connection delivered it, because a fault dropped it or cut the connection."""
        return all(delivery.fate in ("swallowed", "cut") for delivery in self.deliveries)

    def as_json(self) -> dict[str, object]:
        """The event in the form of the admin API."""
        return {
            "at": self.at_ms,
            "account": self.account,
            "symbol": self.symbol,
            "stream": self.stream,
            "type": self.kind,
            "event": self.text,
            "swallowed": self.swallowed,
            "deliveries": [[delivery.connection, delivery.fate] for delivery in self.deliveries],
        }


class EventListener(Protocol):
    """A connection that may carry events."""

    def listens_to(self, account: str, symbol: str | None, stream: UserStreamKind) -> bool:
        """Return whether the connection carries this account's events."""
        ...

    def deliver(self, event: SentEvent) -> None:
        """Send one event to the client."""
        ...


class EventFeed:
    """Composes events and delivers them. Every event of an account has an event time of its own."""

    def __init__(self) -> None:
        self.sent: list[SentEvent] = []
        self._listeners: list[EventListener] = []
        self._last_ms: dict[str, int] = {}

    def subscribe(self, listener: EventListener) -> None:
        """Deliver events to this connection from now on."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: EventListener) -> None:
        """Stop delivering events to this connection."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def compose(
        self,
        account: str,
        symbol: str | None,
        stream: UserStreamKind,
        kind: str,
        fields: dict[str, object],
        now_ms: int,
    ) -> SentEvent:
        """An event with its time, a millisecond later if the account already has an event at that time."""
        stamp = max(now_ms, self._last_ms.get(account, 0) + 1)
        self._last_ms[account] = stamp
        text = msgspec.json.encode({"e": kind, "E": stamp, **fields}).decode()
        return SentEvent(stamp, account, symbol, stream, kind, text)

    def emit(
        self,
        account: str,
        symbol: str | None,
        stream: UserStreamKind,
        kind: str,
        fields: dict[str, object],
        now_ms: int,
    ) -> None:
        """Send an event to all listeners. Without a listener nothing is sent and nothing recorded."""
        listeners = [candidate for candidate in self._listeners if candidate.listens_to(account, symbol, stream)]
        if not listeners:
            return
        event = self.compose(account, symbol, stream, kind, fields, now_ms)
        self.sent.append(event)
        for listener in listeners:
            listener.deliver(event)

"""From frames to events: pure. Whatever arrives becomes a reply, an event, or a rejection; nothing raises."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from monitor.core.model.account import Price, Scope
from monitor.core.model.events import (
    AssetMoved,
    BalancesChanged,
    Filled,
    LiabilityTold,
    MarginNotice,
    Meaning,
    StreamEvent,
    StreamName,
)
from monitor.core.model.reads import OrderTold
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.frames import (
    Envelope,
    EventHead,
    Execution,
    Liability,
    Movement,
    Notice,
    Position,
    Subscribed,
    SubscriptionId,
    TickerFrame,
)
from monitor.exchange.binance.wire.numbers import Implausible, amount, moment, plain, positive, signed

LARGEST_EVENT = 2**20
"""No event is believed above this many bytes."""

RECORDED_CHARS = 2000
"""How much of a rejected frame is kept."""

SHUTDOWN = "serverShutdown"
TERMINATED = "eventStreamTerminated"
KEY_EXPIRED = "listenKeyExpired"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request of ours. `code` is None when it was granted."""

    id: int | str | None
    result: bytes
    code: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event as its JSON text, and the subscription that it came by where the frame names one."""

    subscription: int | None
    event: bytes


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The exchange is about to close this connection."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that is none of these, and why."""

    reason: str


Frame = Reply | Delivery | Shutdown | Unreadable


def read_frame(raw: bytes) -> Frame:
    """What the frame is: an event bare or in any of its known wrappers, a reply, a shutdown notice."""
    if len(raw) > LARGEST_EVENT:
        return Unreadable(f"too large: {len(raw)} bytes")
    try:
        envelope = decode(raw, Envelope)
    except Implausible as why:
        # An event may use our words for its envelope in a way of its own.
        return Delivery(None, raw) if _type_of(raw) is not None else Unreadable(str(why))
    if envelope.stream == f"!{SHUTDOWN}" or envelope.e == SHUTDOWN:
        return Shutdown()
    inner = bytes(envelope.event) or bytes(envelope.wrapped)
    if inner and inner != b"null":
        return Shutdown() if _type_of(inner) == SHUTDOWN else Delivery(envelope.subscription_id, inner)
    if envelope.e is not None:
        return Delivery(envelope.subscription_id, raw)
    return _reply(envelope)


def subscribed(result: bytes) -> tuple[int, datetime | None]:
    """The subscription's id and its expiry, if told. Raises Implausible."""
    answer = decode(result, Subscribed)
    expiry = answer.expiration_time
    return answer.subscription_id, moment(expiry, "expirationTime") if expiry is not None else None


def subscription_ids(result: bytes) -> frozenset[int]:
    """The subscriptions that the exchange holds open. Raises Implausible."""
    return frozenset(row.subscription_id for row in decode(result, list[SubscriptionId]))


def stream_names(result: bytes) -> frozenset[str]:
    """The market streams that the exchange holds open. Raises Implausible."""
    return frozenset(decode(result, list[str]))


def stream_event(
    account: str, stream: StreamName, scope: Scope, raw: bytes, received_at: datetime, *, hide: str = ""
) -> StreamEvent:
    """The event with its meaning, or a rejection of it. `hide` is a secret that never enters the record."""
    try:
        head = decode(raw, EventHead)
        canonical = msgspec.json.encode(msgspec.json.decode(raw), order="sorted")
        event_time = moment(head.at, "E") if head.at is not None else received_at
        meaning = _meaning(head.e, raw, event_time)
        order = _order(decode(raw, Execution)) if head.e == "executionReport" else None
    except (Implausible, msgspec.MsgspecError, RecursionError) as why:
        return rejected_event(account, stream, scope, raw, str(why), received_at, hide=hide)
    return StreamEvent(
        stream=stream,
        scope=scope,
        type=head.e,
        key=_key(account, scope, canonical),
        event_time=event_time,
        received_at=received_at,
        payload=_shown(raw, hide),
        meaning=meaning,
        order=order,
    )


def rejected_event(
    account: str, stream: StreamName, scope: Scope, raw: bytes, reason: str, received_at: datetime, *, hide: str = ""
) -> StreamEvent:
    """The record of a frame that could not be read."""
    return StreamEvent(
        stream=stream,
        scope=scope,
        type="rejected",
        key=_key(account, scope, raw),
        event_time=received_at,
        received_at=received_at,
        payload=_shown(raw, hide)[:RECORDED_CHARS],
        rejected=reason,
    )


def ticker(raw: bytes) -> tuple[str, Price] | None:
    """The symbol and last price of a miniTicker frame, or None for any other. Raises Implausible for a bad price."""
    try:
        told = _TICKER.decode(raw).told
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    value = plain(told.close) or positive(told.close, f"price of {told.symbol}")
    return told.symbol, Price(value, moment(told.at, "E"))


def listen_key_of(raw: bytes) -> str:
    """The secret that a listenKeyExpired event carries, or empty."""
    try:
        return decode(raw, _Expired).key
    except Implausible:
        return ""


class _Expired(msgspec.Struct):
    key: str = msgspec.field(name="listenKey", default="")


_TICKER = msgspec.json.Decoder(TickerFrame)


def _type_of(event: bytes) -> str | None:
    try:
        return decode(event, EventHead).e
    except Implausible:
        return None


def _reply(envelope: Envelope) -> Frame:
    if envelope.error is not None:
        return Reply(envelope.id, b"", envelope.error.code, envelope.error.msg)
    if envelope.code is not None:
        return Reply(envelope.id, b"", envelope.code, envelope.msg or "")
    if envelope.status is not None and envelope.status != 200:
        return Reply(envelope.id, b"", 0, f"status {envelope.status}")
    if envelope.id is not None:
        return Reply(envelope.id, bytes(envelope.result))
    return Unreadable("neither an event nor a reply")


def _meaning(kind: str, raw: bytes, event_time: datetime) -> Meaning:
    match kind:
        case "outboundAccountPosition":
            position = decode(raw, Position)
            amounts: dict[str, tuple[Decimal, Decimal]] = {
                row.a: (amount(row.f, f"{row.a}.f"), amount(row.l, f"{row.a}.l")) for row in position.rows
            }
            as_of = moment(position.updated, "u") if position.updated is not None else event_time
            return BalancesChanged(as_of=as_of, amounts=amounts)
        case "balanceUpdate":
            moved = decode(raw, Movement)
            return AssetMoved(moved.asset, signed(moved.delta, "d"), moment(moved.cleared, "T"))
        case "executionReport":
            return _fill(decode(raw, Execution))
        case "USER_LIABILITY_CHANGE":
            liability = decode(raw, Liability)
            return LiabilityTold(liability.asset, liability.kind, event_time)
        case "MARGIN_LEVEL_STATUS_CHANGE":
            notice = decode(raw, Notice)
            return MarginNotice(amount(notice.level, "l"), notice.status)
        case _:
            return None


def _fill(report: Execution) -> Filled | None:
    quantity, quote = amount(report.quantity, "l"), amount(report.quote_quantity, "Y")
    commission = signed(report.commission, "n")
    whole = report.symbol and report.trade >= 0 and report.at is not None and quantity and quote
    if report.kind != "TRADE" or not whole or report.at is None or report.side not in ("BUY", "SELL"):
        return None
    if commission and not report.commission_asset:
        return None
    return Filled(
        symbol=report.symbol,
        trade=report.trade,
        is_buyer=report.side == "BUY",
        quantity=quantity,
        quote_quantity=quote,
        commission=commission,
        commission_asset=report.commission_asset or "",
        as_of=moment(report.at, "T"),
    )


def _order(report: Execution) -> OrderTold | None:
    if report.order is None or report.at is None or report.status not in (*_OPEN, *_CLOSED):
        return None
    is_open, at, quantity = report.status in _OPEN, moment(report.at, "T"), amount(report.ordered, "q")
    return OrderTold(report.order, report.symbol, is_open, at, report.client, quantity)


_OPEN = frozenset({"NEW", "PENDING_NEW", "PARTIALLY_FILLED", "PENDING_CANCEL"})
_CLOSED = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"})


def _key(account: str, scope: Scope, content: bytes) -> str:
    return hashlib.sha256(f"{account}\n{scope}\n".encode() + content).hexdigest()


def _shown(raw: bytes, hide: str) -> str:
    # No database takes a NUL in a text.
    text = raw.decode("utf-8", "replace").replace("\0", "\ufffd")
    return text.replace(hide, "…") if hide else text

"""Decoding of frames to events: pure. Every frame becomes a reply, an event or a rejection; nothing raises."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from monitor.core.model.account import Price, Scope
from monitor.core.model.events import StreamEvent
from monitor.core.model.reads import OrderUpdate
from monitor.core.model.stream_payloads import (
    BalanceAdjusted,
    BalancesChanged,
    LiabilityChanged,
    MarginNotice,
    ParsedPayload,
    StreamName,
    TradeFilled,
)
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.frames import (
    AccountPositionFrame,
    BalanceUpdateFrame,
    CombinedTickerFrame,
    EventHeader,
    ExecutionReportFrame,
    FrameEnvelope,
    LiabilityChangeFrame,
    MarginLevelFrame,
    SubscriptionIdRow,
    SubscriptionPayload,
)
from monitor.exchange.binance.wire.numbers import (
    ImplausibleValue,
    parse_amount,
    parse_plain,
    parse_positive,
    parse_signed,
    parse_time,
)
from monitor.exchange.binance.wire.orders import CLOSED_STATUSES, OPEN_STATUSES

MAX_EVENT_BYTES = 2**20
"""Maximum bytes of an event that is believed."""

MAX_RECORDED_FRAME_CHARS = 2000
"""Characters of a rejected frame that are kept."""

SHUTDOWN = "serverShutdown"
TERMINATED = "eventStreamTerminated"
KEY_EXPIRED = "listenKeyExpired"


@dataclass(frozen=True, slots=True)
class ReplyFrame:
    """The reply to a request of ours. `code` is None when the request was granted."""

    id: int | str | None
    result: bytes
    code: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class EventFrame:
    """One event as its JSON text, and the subscription that it came by where the frame names one."""

    subscription: int | None
    event: bytes


@dataclass(frozen=True, slots=True)
class ShutdownFrame:
    """Announcement that the exchange is about to close this connection."""


@dataclass(frozen=True, slots=True)
class UnreadableFrame:
    """A frame of none of these kinds, and why."""

    reason: str


StreamFrame = ReplyFrame | EventFrame | ShutdownFrame | UnreadableFrame


def read_frame(raw: bytes) -> StreamFrame:
    """Return the kind of the frame: an event bare or in any of its known wrappers, a reply, a shutdown notice."""
    if len(raw) > MAX_EVENT_BYTES:
        return UnreadableFrame(f"too large: {len(raw)} bytes")
    try:
        envelope = decode(raw, FrameEnvelope)
    except ImplausibleValue as why:
        # An event may use the envelope's field names in a way of its own.
        return EventFrame(None, raw) if _event_type(raw) is not None else UnreadableFrame(str(why))
    if envelope.stream == f"!{SHUTDOWN}" or envelope.e == SHUTDOWN:
        return ShutdownFrame()
    inner = bytes(envelope.event) or bytes(envelope.wrapped)
    if inner and inner != b"null":
        return ShutdownFrame() if _event_type(inner) == SHUTDOWN else EventFrame(envelope.subscription_id, inner)
    if envelope.e is not None:
        return EventFrame(envelope.subscription_id, raw)
    return _parse_reply(envelope)


def parse_subscription(result: bytes) -> tuple[int, datetime | None]:
    """Return the subscription's id, and its expiry if given. Raises Implausible."""
    payload = decode(result, SubscriptionPayload)
    expiry = payload.expiration_time
    return payload.subscription_id, parse_time(expiry, "expirationTime") if expiry is not None else None


def parse_subscription_ids(result: bytes) -> frozenset[int]:
    """Return the subscriptions that the exchange holds open. Raises Implausible."""
    return frozenset(row.subscription_id for row in decode(result, list[SubscriptionIdRow]))


def parse_stream_names(result: bytes) -> frozenset[str]:
    """Return the market streams that the exchange holds open. Raises Implausible."""
    return frozenset(decode(result, list[str]))


def parse_stream_event(
    account: str, stream: StreamName, scope: Scope, raw: bytes, received_at: datetime, *, secret: str = ""
) -> StreamEvent:
    """Return the event with its parsed content, or its rejection. `secret` never enters the record."""
    try:
        head = decode(raw, EventHeader)
        canonical = msgspec.json.encode(msgspec.json.decode(raw), order="sorted")
        event_time = parse_time(head.at, "E") if head.at is not None else received_at
        meaning = _parse_content(head.e, raw, event_time)
        order = _parse_order_update(decode(raw, ExecutionReportFrame)) if head.e == "executionReport" else None
    except (ImplausibleValue, msgspec.MsgspecError, RecursionError) as why:
        return build_rejected_event(account, stream, scope, raw, str(why), received_at, secret=secret)
    return StreamEvent(
        stream=stream,
        scope=scope,
        type=head.e,
        key=_event_key(account, scope, canonical),
        event_time=event_time,
        received_at=received_at,
        payload=_redact(raw, secret),
        parsed=meaning,
        order=order,
    )


def build_rejected_event(
    account: str, stream: StreamName, scope: Scope, raw: bytes, reason: str, received_at: datetime, *, secret: str = ""
) -> StreamEvent:
    """Return the record of a frame that could not be read."""
    return StreamEvent(
        stream=stream,
        scope=scope,
        type="rejected",
        key=_event_key(account, scope, raw),
        event_time=received_at,
        received_at=received_at,
        payload=_redact(raw, secret)[:MAX_RECORDED_FRAME_CHARS],
        rejected=reason,
    )


def parse_ticker(raw: bytes) -> tuple[str, Price] | None:
    """Return symbol and last price of a miniTicker frame, None for any other. Raises Implausible for a bad price."""
    try:
        frame = _TICKER.decode(raw).ticker
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    value = parse_plain(frame.close) or parse_positive(frame.close, f"price of {frame.symbol}")
    return frame.symbol, Price(value, parse_time(frame.at, "E"))


def read_ticker_symbol(raw: bytes) -> str:
    """Return the symbol of a market frame whose price can't be read; empty where it can't be known."""
    try:
        return decode(raw, _CombinedNameFrame).data.symbol
    except ImplausibleValue:
        return ""


class _TickerName(msgspec.Struct):
    symbol: str = msgspec.field(name="s")


class _CombinedNameFrame(msgspec.Struct):
    data: _TickerName


def parse_expired_listen_key(raw: bytes) -> str:
    """Return the secret that a listenKeyExpired event carries, or an empty text."""
    try:
        return decode(raw, _ListenKeyExpiredFrame).key
    except ImplausibleValue:
        return ""


class _ListenKeyExpiredFrame(msgspec.Struct):
    key: str = msgspec.field(name="listenKey", default="")


_TICKER = msgspec.json.Decoder(CombinedTickerFrame)


def _event_type(event: bytes) -> str | None:
    try:
        return decode(event, EventHeader).e
    except ImplausibleValue:
        return None


def _parse_reply(envelope: FrameEnvelope) -> StreamFrame:
    if envelope.error is not None:
        return ReplyFrame(envelope.id, b"", envelope.error.code, envelope.error.msg)
    if envelope.code is not None:
        return ReplyFrame(envelope.id, b"", envelope.code, envelope.msg or "")
    if envelope.status is not None and envelope.status != 200:
        return ReplyFrame(envelope.id, b"", 0, f"status {envelope.status}")
    if envelope.id is not None:
        return ReplyFrame(envelope.id, bytes(envelope.result))
    return UnreadableFrame("neither an event nor a reply")


def _parse_content(kind: str, raw: bytes, event_time: datetime) -> ParsedPayload:
    match kind:
        case "outboundAccountPosition":
            position = decode(raw, AccountPositionFrame)
            amounts: dict[str, tuple[Decimal, Decimal]] = {
                row.a: (parse_amount(row.f, f"{row.a}.f"), parse_amount(row.l, f"{row.a}.l")) for row in position.rows
            }
            as_of = parse_time(position.updated_at, "u") if position.updated_at is not None else event_time
            return BalancesChanged(as_of=as_of, amounts=amounts)
        case "balanceUpdate":
            moved = decode(raw, BalanceUpdateFrame)
            return BalanceAdjusted(moved.asset, parse_signed(moved.delta, "d"), parse_time(moved.cleared_at, "T"))
        case "executionReport":
            return _parse_fill(decode(raw, ExecutionReportFrame))
        case "USER_LIABILITY_CHANGE":
            liability = decode(raw, LiabilityChangeFrame)
            return LiabilityChanged(liability.asset, liability.kind, event_time)
        case "MARGIN_LEVEL_STATUS_CHANGE":
            notice = decode(raw, MarginLevelFrame)
            return MarginNotice(parse_amount(notice.level, "l"), notice.status)
        case _:
            return None


def _parse_fill(report: ExecutionReportFrame) -> TradeFilled | None:
    quantity, quote = parse_amount(report.quantity, "l"), parse_amount(report.quote_quantity, "Y")
    commission = parse_signed(report.commission, "n")
    whole = report.symbol and report.trade_id >= 0 and report.transaction_time is not None and quantity and quote
    if report.kind != "TRADE" or not whole or report.transaction_time is None or report.side not in ("BUY", "SELL"):
        return None
    if commission and not report.commission_asset:
        return None
    return TradeFilled(
        symbol=report.symbol,
        trade=report.trade_id,
        is_buyer=report.side == "BUY",
        quantity=quantity,
        quote_quantity=quote,
        commission=commission,
        commission_asset=report.commission_asset or "",
        as_of=parse_time(report.transaction_time, "T"),
    )


def _parse_order_update(report: ExecutionReportFrame) -> OrderUpdate | None:
    if (
        report.order_id is None
        or report.transaction_time is None
        or report.status not in (*OPEN_STATUSES, *CLOSED_STATUSES)
    ):
        return None
    is_open, at, quantity = (
        report.status in OPEN_STATUSES,
        parse_time(report.transaction_time, "T"),
        parse_amount(report.order_quantity, "q"),
    )
    return OrderUpdate(report.order_id, report.symbol, is_open, at, report.client_order_id, quantity)


def _event_key(account: str, scope: Scope, content: bytes) -> str:
    return hashlib.sha256(f"{account}\n{scope}\n".encode() + content).hexdigest()


def _redact(raw: bytes, secret: str) -> str:
    # No database takes a NUL in a text.
    text = raw.decode("utf-8", "replace").replace("\0", "\ufffd")
    return text.replace(secret, "…") if secret else text

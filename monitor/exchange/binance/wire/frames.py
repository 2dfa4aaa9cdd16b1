"""WebSocket frames: replies, wrapped events, and the events whose content the daemon reads."""

import msgspec


class FrameError(msgspec.Struct):
    """The error of a WebSocket-API reply."""

    code: int = 0
    msg: str = ""


class SubscriptionPayload(msgspec.Struct, rename="camel"):
    """The result of a listenToken subscription. The time is milliseconds or microseconds."""

    subscription_id: int
    expiration_time: int | None = None


class SubscriptionIdRow(msgspec.Struct, rename="camel"):
    """A row of the result of session.subscriptions."""

    subscription_id: int


class FrameEnvelope(msgspec.Struct, rename="camel", kw_only=True):
    """Any frame: a reply (`id`, `status`), an event wrapped in one of two ways, or a bare event (`e`).

    Raw parts that are absent are empty.
    """

    id: int | str | None = None
    status: int | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: FrameError | None = None
    subscription_id: int | None = None
    event: msgspec.Raw = msgspec.Raw()
    stream: str | None = None
    wrapped: msgspec.Raw = msgspec.field(name="data", default=msgspec.Raw())
    e: str | None = None
    code: int | None = None
    msg: str | None = None


class EventHeader(msgspec.Struct, kw_only=True):
    """Fields that every event should have. The time comes as integer or as text."""

    e: str
    at: int | str | None = msgspec.field(name="E", default=None)


class AccountPositionRow(msgspec.Struct):
    """One asset of outboundAccountPosition: free and locked, never debt."""

    a: str
    f: str
    l: str  # noqa: E741 - the exchange's own name


class AccountPositionFrame(msgspec.Struct, kw_only=True):
    """outboundAccountPosition: absolute amounts of the assets that may have changed."""

    at: int = msgspec.field(name="E")
    updated_at: int | None = msgspec.field(name="u", default=None)
    rows: list[AccountPositionRow] = msgspec.field(name="B")


class BalanceUpdateFrame(msgspec.Struct, kw_only=True):
    """balanceUpdate: a signed change by a transfer, deposit or withdrawal."""

    asset: str = msgspec.field(name="a")
    delta: str = msgspec.field(name="d")
    cleared_at: int = msgspec.field(name="T")


class ExecutionReportFrame(msgspec.Struct, kw_only=True):
    """executionReport: a fill, or an order that opened or closed; where a field is missing, neither is read."""

    kind: str = msgspec.field(name="x", default="")
    symbol: str = msgspec.field(name="s", default="")
    side: str = msgspec.field(name="S", default="")
    trade_id: int = msgspec.field(name="t", default=-1)
    quantity: str = msgspec.field(name="l", default="0")
    quote_quantity: str = msgspec.field(name="Y", default="0")
    commission: str = msgspec.field(name="n", default="0")
    commission_asset: str | None = msgspec.field(name="N", default=None)
    transaction_time: int | None = msgspec.field(name="T", default=None)
    order_id: int | None = msgspec.field(name="i", default=None)
    status: str = msgspec.field(name="X", default="")
    client_order_id: str = msgspec.field(name="c", default="")
    order_quantity: str = msgspec.field(name="q", default="0")


class LiabilityChangeFrame(msgspec.Struct, kw_only=True):
    """USER_LIABILITY_CHANGE. Its amounts are not read: it is not documented whether they are changes or totals."""

    asset: str = msgspec.field(name="a")
    kind: str = msgspec.field(name="t", default="")


class MarginLevelFrame(msgspec.Struct, kw_only=True):
    """MARGIN_LEVEL_STATUS_CHANGE of the risk stream."""

    level: str = msgspec.field(name="l")
    status: str = msgspec.field(name="s")


class MiniTickerPayload(msgspec.Struct, kw_only=True):
    """24hrMiniTicker: `c` is the last price."""

    symbol: str = msgspec.field(name="s")
    close: str = msgspec.field(name="c")
    at: int = msgspec.field(name="E")


class CombinedTickerFrame(msgspec.Struct):
    """A miniTicker in the wrapper of a combined stream."""

    ticker: MiniTickerPayload = msgspec.field(name="data")

"""Types of one liquidation unit in a status: cross margin, or an isolated pair.

Fields that documents of older programs lack are not required.
"""

from typing import Literal, NotRequired, TypedDict

from monitor.core.model.account import ThresholdOrigin
from monitor.core.model.metric_values import DataIssueKind, DataState, LiquidationSide
from monitor.view.documents.types.balances import CrossBalanceDocument, PairSideDocument
from monitor.view.documents.types.recovery import RecoveryDocument
from monitor.view.documents.types.stress import PastWindowsDocument
from monitor.view.documents.types.values import AgeSeconds, DecimalText, Seconds, TimeText


class LevelNoticeDocument(TypedDict):
    """A level that the exchange reported after the last read."""

    level: DecimalText
    status: str
    at: TimeText


class DataGapDocument(TypedDict):
    """Something that the figures lack."""

    kind: DataIssueKind
    name: str | None
    text: str


class TransferLimitDocument(TypedDict):
    """The amount of an asset that may be moved out."""

    asset: str
    amount: DecimalText
    value_usdt: DecimalText


class ScopeDocument(TypedDict):
    """A scope's state and levels.

    A level or distance of null is infinite (nothing is owed) or unavailable: `state` tells which. `as_of` is the time
    of the last read, `live_as_of` that of the newest prices since. `bars_origin` is the source of the thresholds.
    `past_day` is the scope taken through every day of the past, as it was measured last, with the largest moves alone;
    null where nothing was measured, or nothing is owed.
    """

    state: DataState
    as_of: TimeText | None
    age_s: AgeSeconds | None
    source: Literal["live", "poll"]
    live_as_of: NotRequired[TimeText | None]
    live_age_s: NotRequired[AgeSeconds | None]
    bars_origin: NotRequired[ThresholdOrigin | None]
    margin_level: DecimalText | None
    polled_margin_level: DecimalText | None
    initial_level: DecimalText | None
    margin_call_level: DecimalText | None
    liquidation_level: DecimalText | None
    distance_to_liquidation: DecimalText | None
    interest_usdt: DecimalText | None
    gaps: NotRequired[list[DataGapDocument]]
    restore: NotRequired[RecoveryDocument | None]
    past_day: NotRequired[PastWindowsDocument | None]


class CrossDocument(ScopeDocument):
    """Cross margin."""

    notice: NotRequired[LevelNoticeDocument | None]
    collateral_margin_level: DecimalText | None
    assets_usdt: DecimalText | None
    liabilities_usdt: DecimalText | None
    equity_usdt: DecimalText | None
    drop_to_liquidation: DecimalText | None
    rise_to_liquidation: DecimalText | None
    drop_to_margin_call: DecimalText | None
    time_to_liquidation_by_interest: Seconds | None
    balances: list[CrossBalanceDocument]
    may_leave: NotRequired[list[TransferLimitDocument]]


class IsolatedDocument(ScopeDocument):
    """An isolated pair; `base` and `quote` are null while nothing is known of it."""

    symbol: str
    status: str | None
    index_price: DecimalText | None
    liquidation_price: DecimalText | None
    danger: LiquidationSide | None
    base: PairSideDocument | None
    quote: PairSideDocument | None

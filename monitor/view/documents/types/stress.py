"""Types of a stress: each scope after a price shock, and taken through windows of the past."""

from typing import NotRequired, TypedDict

from monitor.core.model.account import ScopeKind
from monitor.core.model.metric_values import DataState
from monitor.view.documents.types.values import AgeSeconds, Count, DecimalText, Seconds, TimeText


class PriceMoveDocument(TypedDict):
    """The move of one asset's price, as a fraction."""

    asset: str
    move: DecimalText


WorstWindowDocument = TypedDict(
    "WorstWindowDocument",
    {
        "from": TimeText,
        "until": TimeText,
        "lowest_at": TimeText,
        "level": DecimalText,
        "moves": list[PriceMoveDocument],
    },
)
WorstWindowDocument.__doc__ = """The window with the lowest level.

`moves` are the price moves from its start to the low or high of the hour with that level, which begins at `lowest_at`.
"""


class PastRemedyDocument(TypedDict):
    """Amounts that make the odds at most `odds`: USDT brought in as collateral, or that much less of the largest debt.

    `repay` is null where even the whole debt is too little.
    """

    odds: DecimalText
    bring_in_usdt: DecimalText
    repay_asset: str
    repay: DecimalText | None


class PastWindowsDocument(TypedDict):
    """A scope's balances and debts of now, taken through every window of the past.

    `windows` begin at each full hour from `since` on; `liquidated` of them would have touched the liquidation level,
    and `odds` is their share. `days_liquidated` are the days on which these have their lowest level, of the `days` that
    the windows cover. `level_percentiles` are of the lowest level of each window. `unavailable` is the reason why
    nothing is known; odds are null then. `to_survive` would have survived all windows, `to_reach` has the odds that
    were asked for. `remarks` say where the past prices have gaps, are short, or are those of another asset.
    """

    window_s: Seconds
    windows: Count
    liquidated: Count
    odds: DecimalText | None
    days: Count
    days_liquidated: Count
    since: TimeText | None
    until: TimeText | None
    worst: WorstWindowDocument | None
    level_percentiles: dict[str, DecimalText]
    assets_without_history: list[str]
    remarks: list[str]
    unavailable: str | None
    to_survive: PastRemedyDocument | None
    to_reach: PastRemedyDocument | None


class ShockDocument(TypedDict):
    """The price moves: a fall of all assets that are not stable, single assets, or a crash of the past.

    `like` is the date of the crash, or "worst": the worst window of each scope's own past, told by its `history`, with
    the interest charged by its lowest level. These windows need not be one and the same.
    """

    drop: DecimalText
    moves: dict[str, DecimalText]
    like: str | None
    source: str | None


class AssetMoveDocument(TypedDict):
    """The smallest move of one asset alone that liquidates the scope."""

    asset: str
    move: DecimalText
    price_usdt: DecimalText


class StressItemDocument(TypedDict):
    """One scope after the shock. `liquidated_at` is the part of the shock after which it is liquidated.

    `to_survive_usdt`: USDT brought in as collateral beforehand so that the level after the shock is the liquidation
    level and five per cent. `history`, where the past was asked for: the scope taken through it; null when nothing is
    owed.
    """

    account: str
    scope: ScopeKind
    symbol: str | None
    state: DataState
    as_of: TimeText | None
    age_s: AgeSeconds | None
    level_before: DecimalText | None
    level_after: DecimalText | None
    liquidated: bool
    liquidated_at: DecimalText | None
    to_survive_usdt: DecimalText | None
    first_to_liquidate: AssetMoveDocument | None
    history: NotRequired[PastWindowsDocument | None]


class StressDocument(TypedDict):
    """The shock and its effect, one item for each scope."""

    generated_at: TimeText
    shock: ShockDocument
    accounts: list[StressItemDocument]

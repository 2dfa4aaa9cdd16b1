"""Types of a stress: each scope after a price shock."""

from typing import TypedDict

from monitor.core.model.account import ScopeKind
from monitor.core.model.metric_values import DataState
from monitor.view.documents.types.values import AgeSeconds, DecimalText, TimeText


class ShockDocument(TypedDict):
    """The price moves: a fall of all assets that are not stable, single assets, or a crash of the past."""

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
    level and five per cent.
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


class StressDocument(TypedDict):
    """The shock and its effect, one item for each scope."""

    generated_at: TimeText
    shock: ShockDocument
    accounts: list[StressItemDocument]

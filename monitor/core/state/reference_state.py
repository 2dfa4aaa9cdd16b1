"""Reference data and account activity of one account, as part of its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from monitor.core.margin.usdt_prices import AT_SPOT
from monitor.core.model.account import Scope
from monitor.core.model.lending_terms import Terms, TermsKey
from monitor.core.model.reads import CollateralRead, LiquidationLoanRead, SchedulesRead, TagsRead
from monitor.core.model.symbols import Markets, Resting
from monitor.core.state.index_basis import IndexReading, bases_of
from monitor.core.state.open_orders import OpenOrders


@dataclass(frozen=True, slots=True)
class Followed:
    """What is known beside balances, prices and interest. `follow` makes the next one."""

    orders: Mapping[Scope, OpenOrders] = field(default_factory=dict)
    liquidation_loan: LiquidationLoanRead | None = None
    schedules: SchedulesRead | None = None
    collateral: CollateralRead | None = None
    tags: TagsRead | None = None
    terms_given: bool = False
    """Whether nothing reads those two, and they are taken to hold everything back from nothing."""
    watches_hands: bool = False
    """Whether the ledger is read soon after anything moved, since it tells of another hand that acts."""
    min_repay: Mapping[str, Decimal] = field(default_factory=dict)
    """By asset the least that the exchange takes as a repayment of a part, where that was read."""
    resting: Mapping[Scope, tuple[Resting, ...]] = field(default_factory=dict)
    """What was open in each scope when that was last read."""
    markets: Markets = field(default_factory=Markets)
    """The rules of symbols, where an action trades."""
    indexes: Mapping[str, IndexReading] = field(default_factory=dict)
    """The margin index price of symbols, as last read, with the spot price of its moment."""
    bases: Mapping[str, Decimal] = field(default_factory=lambda: AT_SPOT)
    """By symbol that price over the spot price of the same moment, to eight decimals."""
    terms: Mapping[TermsKey, Terms] = field(default_factory=dict)
    """The terms last seen of what is held or owed, remembered from run to run."""
    told_at: Mapping[tuple[Scope, str], datetime] = field(default_factory=dict)
    """When a stream last told of an asset of a scope."""
    untold: Mapping[tuple[Scope, str], datetime] = field(default_factory=dict)
    """Balances that changed from one snapshot to the next without a word, and since when."""
    moved_at: Mapping[Scope, datetime] = field(default_factory=dict)
    """Scopes in which something moved that their ledger, as last read, does not show; and when that was noticed."""
    ledger_at: Mapping[Scope, datetime] = field(default_factory=dict)
    """Up to when the ledger of each scope was read."""
    index_asked_at: datetime | None = None
    """When the index was asked for out of turn: once there is something to compare it with, and unmatched ones too."""
    asked_at: datetime | None = None
    """When the ledger was last asked for because nothing explained what had moved."""
    disagreeing: frozenset[Scope] = frozenset()
    """Scopes whose open orders, as far as they are known, do not fit what the last snapshot has locked."""


def with_readings(followed: Followed, readings: Mapping[str, IndexReading]) -> Followed:
    """`followed` with these readings of indexes, by symbol, and the bases that they give."""
    indexes = {**followed.indexes, **readings}
    return replace(followed, indexes=indexes, bases=bases_of(followed.bases, readings))

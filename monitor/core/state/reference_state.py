"""Reference data and account activity of one account, as part of its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from monitor.core.margin.usdt_prices import NO_BASIS
from monitor.core.model.account import Scope
from monitor.core.model.lending_terms import LendingTerms, TermsKey
from monitor.core.model.reads import CollateralRatiosRead, LiquidationLoanRead, ListingScheduleRead, MonitoringTagsRead
from monitor.core.model.symbols import OpenOrder, SymbolRulebook
from monitor.core.state.index_basis import IndexReading, update_bases
from monitor.core.state.open_orders import OpenOrders


@dataclass(frozen=True, slots=True)
class ReferenceState:
    """What is known beside balances, prices and interest. `follow` makes the next one."""

    orders: Mapping[Scope, OpenOrders] = field(default_factory=dict)
    liquidation_loan: LiquidationLoanRead | None = None
    schedules: ListingScheduleRead | None = None
    collateral: CollateralRatiosRead | None = None
    tags: MonitoringTagsRead | None = None
    terms_assumed: bool = False
    """Whether nothing reads those two, and they are taken to hold everything back from nothing."""
    watches_foreign_activity: bool = False
    """Whether the ledger is read soon after anything moved, since it tells of another hand that acts."""
    min_repay: Mapping[str, Decimal] = field(default_factory=dict)
    """By asset the least that the exchange takes as a repayment of a part, where that was read."""
    open_orders: Mapping[Scope, tuple[OpenOrder, ...]] = field(default_factory=dict)
    """What was open in each scope when that was last read."""
    trading_rules: SymbolRulebook = field(default_factory=SymbolRulebook)
    """The rules of symbols, where an action trades."""
    index_readings: Mapping[str, IndexReading] = field(default_factory=dict)
    """The margin index price of symbols, as last read, with the spot price of its moment."""
    index_basis: Mapping[str, Decimal] = field(default_factory=lambda: NO_BASIS)
    """By symbol that price over the spot price of the same moment, to eight decimals."""
    terms: Mapping[TermsKey, LendingTerms] = field(default_factory=dict)
    """The terms last seen of what is held or owed, remembered from run to run."""
    last_event_at: Mapping[tuple[Scope, str], datetime] = field(default_factory=dict)
    """When a stream last told of an asset of a scope."""
    unexplained: Mapping[tuple[Scope, str], datetime] = field(default_factory=dict)
    """Balances that changed from one snapshot to the next without a word, and since when."""
    ledger_stale_since: Mapping[Scope, datetime] = field(default_factory=dict)
    """Scopes in which something moved that their ledger, as last read, does not show; and when that was noticed."""
    ledger_read_until: Mapping[Scope, datetime] = field(default_factory=dict)
    """Up to when the ledger of each scope was read."""
    index_requested_at: datetime | None = None
    """When the index was asked for out of turn: once there is something to compare it with, and unmatched ones too."""
    ledger_requested_at: datetime | None = None
    """When the ledger was last asked for because nothing explained what had moved."""
    order_mismatch: frozenset[Scope] = frozenset()
    """Scopes whose open orders, as far as they are known, do not fit what the last snapshot has locked."""


def with_index_readings(reference: ReferenceState, readings: Mapping[str, IndexReading]) -> ReferenceState:
    """`followed` with these readings of indexes, by symbol, and the bases that they give."""
    indexes = {**reference.index_readings, **readings}
    return replace(reference, index_readings=indexes, index_basis=update_bases(reference.index_basis, readings))

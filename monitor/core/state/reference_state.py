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
    """Known data of the account besides balances, prices and interest. `apply_reference` returns the next state."""

    orders: Mapping[Scope, OpenOrders] = field(default_factory=dict)
    liquidation_loan: LiquidationLoanRead | None = None
    schedules: ListingScheduleRead | None = None
    collateral: CollateralRatiosRead | None = None
    tags: MonitoringTagsRead | None = None
    terms_assumed: bool = False
    """True if `schedules` and `collateral` are not read, and are assumed to restrict nothing."""
    watches_foreign_activity: bool = False
    """True if the ledger is read soon after any movement, because it shows foreign activity."""
    min_repay: Mapping[str, Decimal] = field(default_factory=dict)
    """Minimum that the exchange accepts as a partial repayment, by asset, where read."""
    open_orders: Mapping[Scope, tuple[OpenOrder, ...]] = field(default_factory=dict)
    """Open orders of each scope at the last read."""
    trading_rules: SymbolRulebook = field(default_factory=SymbolRulebook)
    """Trading rules of symbols, if an action trades."""
    index_readings: Mapping[str, IndexReading] = field(default_factory=dict)
    """Last margin index price of each symbol, with the spot price of its moment."""
    index_basis: Mapping[str, Decimal] = field(default_factory=lambda: NO_BASIS)
    """Index price over the spot price of the same moment by symbol, to eight decimals."""
    terms: Mapping[TermsKey, LendingTerms] = field(default_factory=dict)
    """Last known lending terms of assets held or owed, kept from run to run."""
    last_event_at: Mapping[tuple[Scope, str], datetime] = field(default_factory=dict)
    """Time of the last stream event of an asset of a scope."""
    unexplained: Mapping[tuple[Scope, str], datetime] = field(default_factory=dict)
    """Balances that changed from one snapshot to the next without a stream event, and since when."""
    ledger_stale_since: Mapping[Scope, datetime] = field(default_factory=dict)
    """Scopes with a movement that their ledger, as last read, does not show; and when that was noticed."""
    ledger_read_until: Mapping[Scope, datetime] = field(default_factory=dict)
    """Time up to which the ledger of each scope was read."""
    index_requested_at: datetime | None = None
    """Time of the last extra request of index prices: for the first comparison, and for unmatched ones."""
    ledger_requested_at: datetime | None = None
    """Time of the last request of the ledger for unexplained changes."""
    order_mismatch: frozenset[Scope] = frozenset()
    """Scopes whose known open orders do not match the locked amounts of the last snapshot."""


def with_index_readings(reference: ReferenceState, readings: Mapping[str, IndexReading]) -> ReferenceState:
    """Return the reference state with these index readings, by symbol, and the resulting bases."""
    indexes = {**reference.index_readings, **readings}
    return replace(reference, index_readings=indexes, index_basis=update_bases(reference.index_basis, readings))

"""Orders and movements of one account beside its balances, as part of its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from monitor.core.model.account import Scope
from monitor.core.model.reads import LiquidationLoanRead
from monitor.core.model.symbols import OpenOrder
from monitor.core.state.open_orders import OpenOrders


@dataclass(frozen=True, slots=True)
class ActivityState:
    """Open orders, the ledger's progress, and unexplained changes. `apply_activity` returns the next state."""

    orders: Mapping[Scope, OpenOrders] = field(default_factory=dict)
    open_orders: Mapping[Scope, tuple[OpenOrder, ...]] = field(default_factory=dict)
    """Open orders of each scope at the last read."""
    order_mismatch: frozenset[Scope] = frozenset()
    """Scopes whose known open orders do not match the locked amounts of the last snapshot."""
    liquidation_loan: LiquidationLoanRead | None = None
    watches_foreign_activity: bool = False
    """True if the ledger is read soon after any movement, because it shows foreign activity."""
    last_event_at: Mapping[tuple[Scope, str], datetime] = field(default_factory=dict)
    """Time of the last stream event of an asset of a scope."""
    unexplained: Mapping[tuple[Scope, str], datetime] = field(default_factory=dict)
    """Balances that changed from one snapshot to the next without a stream event, and since when."""
    ledger_stale_since: Mapping[Scope, datetime] = field(default_factory=dict)
    """Scopes with a movement that their ledger, as last read, does not show; and when that was noticed."""
    ledger_read_until: Mapping[Scope, datetime] = field(default_factory=dict)
    """Time up to which the ledger of each scope was read."""
    ledger_requested_at: datetime | None = None
    """Time of the last request of the ledger for unexplained changes."""

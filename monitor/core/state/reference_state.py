"""Reference data of one account, as part of its state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from monitor.core.model.lending_terms import LendingTerms, TermsKey
from monitor.core.model.reads import CollateralRatiosRead, ListingScheduleRead, MonitoringTagsRead
from monitor.core.model.symbols import SymbolRulebook


@dataclass(frozen=True, slots=True)
class ReferenceState:
    """Data that the exchange publishes for all accounts alike. `apply_reference` returns the next state."""

    schedules: ListingScheduleRead | None = None
    collateral: CollateralRatiosRead | None = None
    tags: MonitoringTagsRead | None = None
    terms_assumed: bool = False
    """True if `schedules` and `collateral` are not read, and are assumed to restrict nothing."""
    min_repay: Mapping[str, Decimal] = field(default_factory=dict)
    """Minimum that the exchange accepts as a partial repayment, by asset, where read."""
    trading_rules: SymbolRulebook = field(default_factory=SymbolRulebook)
    """Trading rules of symbols, if an action trades."""
    terms: Mapping[TermsKey, LendingTerms] = field(default_factory=dict)
    """Last known lending terms of assets held or owed, kept from run to run."""

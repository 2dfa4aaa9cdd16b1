"""Configured settings of one account: watched scopes, poll intervals, maximum ages, pegs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class PollIntervals:
    """Poll intervals of an account's scopes, in exchange time."""

    cross: timedelta = timedelta(seconds=60)
    cross_without_stream: timedelta = timedelta(seconds=30)
    isolated: timedelta = timedelta(seconds=60)
    near_liquidation: timedelta = timedelta(seconds=2)


PRICES_STALE_AFTER = timedelta(seconds=15)
"""Age at which prices of the stream are too old to value a scope; one comes every second."""


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """Settings that an account's metrics depend on besides the exchange's data."""

    account: str
    cross: bool = True
    isolated: tuple[str, ...] | None = None
    """Watched pairs; None: all that the exchange lists, (): none."""
    poll_intervals: PollIntervals = field(default_factory=PollIntervals)
    stale_after: timedelta = timedelta(minutes=3)
    prices_stale_after: timedelta = PRICES_STALE_AFTER
    interest_stale_after: timedelta = timedelta(hours=3)
    reference_stale_after: timedelta = timedelta(hours=18)
    rates_stale_after: timedelta = timedelta(hours=3)
    liquidations_stale_after: timedelta = timedelta(minutes=15)
    wallets_stale_after: timedelta = timedelta(minutes=30)
    stable_assets: frozenset[str] = frozenset({"USDT", "USDC", "FDUSD", "TUSD", "USDP", "DAI", "BUSD", "USD1"})
    pegs: Mapping[str, str] = field(default_factory=dict)
    max_drift: Decimal = Decimal("0.01")
    isolated_margin_call: Mapping[Decimal, Decimal] = field(default_factory=dict)
    """Margin-call ratio by liquidation ratio: no answer of the exchange has it (stream-facts 6.5, 2026-11-22)."""
    price_history: timedelta = timedelta()
    """Time for which past prices are kept, from which the odds of liquidation are measured; zero: none are."""
    slow_rules: frozenset[str] = frozenset()
    """Rules about odds alone: they may fire for weeks, so their alerts do not make reads faster."""
    acts_with_own_key: bool = False
    """True if a second key moves money: then missing permissions of the reading key stop nothing."""

    @property
    def measures_odds(self) -> bool:
        return bool(self.price_history)

"""The exchange's own figures of one account, as its answers state them: not yet held against each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from monitor.core.model.account import (
    Balance,
    CollateralTier,
    InterestCharge,
    IsolatedPair,
    LeverageTier,
    Price,
    Scope,
    ScopeKind,
    Thresholds,
)


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """A read that gave no figures: its name, the error's stable code, and the reason in words.

    `venue_code` is the exchange's own code. The reason may quote the exchange, which quotes addresses.
    """

    read: str
    code: str
    reason: str
    venue_code: int | None = None


@dataclass(frozen=True, slots=True)
class ReportedBalance:
    """The balance of one asset, and the net amount that the exchange states beside it."""

    balance: Balance
    net: Decimal


@dataclass(frozen=True, slots=True)
class ReportedCross:
    """The cross account. Levels are INFINITE where nothing is owed; None: the answer lacks the figure."""

    balances: tuple[ReportedBalance, ...]
    margin_level: Decimal
    collateral_margin_level: Decimal | None
    assets_btc: Decimal
    liabilities_btc: Decimal
    net_btc: Decimal
    collateral_usdt: Decimal | None
    transfer_out_enabled: bool = True
    unread: tuple[str, ...] = ()
    """Assets whose rows can't be read."""


@dataclass(frozen=True, slots=True)
class ReportedPair:
    """One isolated pair, and the net amounts of its two sides."""

    pair: IsolatedPair
    base_net: Decimal
    quote_net: Decimal

    @property
    def is_owing(self) -> bool:
        return bool(self.pair.base.owed or self.pair.quote.owed)


@dataclass(frozen=True, slots=True)
class ReportedIsolated:
    """The isolated pairs that were ever created, and the totals over all of them."""

    pairs: tuple[ReportedPair, ...]
    assets_btc: Decimal | None
    liabilities_btc: Decimal | None
    net_btc: Decimal | None
    unread: tuple[str, ...] = ()
    """Pairs whose rows can't be read."""


@dataclass(frozen=True, slots=True)
class AccountReport:
    """Everything that the exchange answered about one account, and the reads that failed; None: not asked for.

    `transferable` are the amounts that may leave cross, of the assets whose limit is compared. `rates` and `next_rates`
    are fractions an hour: in force in cross by the exchange's list, and of the coming hour.
    """

    cross: ReportedCross | ReadFailure | None
    isolated: ReportedIsolated | ReadFailure | None
    prices: Mapping[str, Price] | ReadFailure
    thresholds: Thresholds | ReadFailure | None = None
    collateral: Mapping[str, tuple[CollateralTier, ...]] | ReadFailure | None = None
    tiers: Mapping[str, tuple[LeverageTier, ...] | ReadFailure] = field(default_factory=dict)
    charges: Mapping[Scope, tuple[InterestCharge, ...] | ReadFailure] = field(default_factory=dict)
    transferable: Mapping[str, Decimal | ReadFailure] = field(default_factory=dict)
    rates: Mapping[str, Decimal] | ReadFailure | None = None
    next_rates: Mapping[ScopeKind, Mapping[str, Decimal] | ReadFailure] = field(default_factory=dict)

"""What the daemon needs of an exchange: reads, streams, one way to send money orders, and their traces."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from monitor.core.model.account import (
    CollateralTier,
    CrossSnapshot,
    InterestCharge,
    IsolatedSnapshot,
    KeyPermissions,
    LeverageTier,
    LiquidationOrder,
    Price,
    Scope,
    Thresholds,
    WalletBalances,
)
from monitor.core.model.events import Event
from monitor.core.model.ledger import LedgerRow, MarginTransfer
from monitor.core.model.lending_terms import Delisting, Restrictions
from monitor.core.model.order import Order, Outcome, PreSendCheck, TimeWindow, VenueRecord, Withheld
from monitor.core.model.reads import LiquidationLoanRead, OpenOrdersRead
from monitor.core.model.symbols import TradingRules


class Streams(Protocol):
    """The live streams of one account. Events go to the `deliver` given at construction, which never blocks."""

    async def run(self) -> None:
        """Keep all streams up until cancelled: connect, subscribe, renew, reconnect, announce every gap.

        After every (re)connect a StreamChanged(connected=True) is delivered; the owner then takes a snapshot.
        """
        ...

    def watch_pairs(self, symbols: Iterable[str]) -> None:
        """The isolated pairs whose account events are wanted; may be called again at any time."""
        ...

    def watch_prices(self, symbols: Iterable[str]) -> None:
        """The symbols whose prices are wanted; may be called again at any time."""
        ...

    @property
    def conflated(self) -> int:
        """How many prices a newer one of the same symbol replaced before they were delivered."""
        ...


class AccountActivity(Protocol):
    """What an account reads besides balances and prices. Raises ExchangeError."""

    async def read_open_orders(self, scope: Scope) -> OpenOrdersRead: ...

    async def read_symbol_rules(
        self, assets: Iterable[str], isolated: Iterable[str], valuing: Iterable[str] = ()
    ) -> Mapping[str, TradingRules]:
        """The symbols between `assets` that cross margin trades, the isolated pairs, and known ones that only value."""
        ...

    async def read_ledger(self, scope: Scope, since: datetime, until: datetime) -> tuple[LedgerRow, ...]:
        """Every row of the margin ledger of the scope, oldest first. The venue keeps 90 days."""
        ...

    async def read_repayments(self, scope: Scope, since: datetime, until: datetime) -> tuple[VenueRecord, ...]:
        """Every repayment of the scope, automatic ones among them and marked; at most seven days."""
        ...

    async def read_transfers(self, scope: Scope, since: datetime, until: datetime) -> tuple[MarginTransfer, ...]:
        """Every transfer into and out of the scope, oldest first."""
        ...

    async def read_liquidation_loan(self, now: datetime) -> LiquidationLoanRead: ...

    async def read_delistings(self) -> tuple[Delisting, ...]: ...

    async def read_restricted_assets(self) -> Restrictions: ...

    async def read_asset_tags(self) -> Mapping[str, frozenset[str]]:
        """By asset its tags on the spot market; *Monitoring* comes weeks before a delisting."""
        ...

    async def read_collateral_ratios(self) -> Mapping[str, tuple[CollateralTier, ...]]: ...

    async def read_min_repay(self) -> Mapping[str, Decimal]:
        """By asset the least that may be repaid of a debt."""
        ...

    async def read_index_price(self, symbol: str) -> Price: ...


class InterestData(Protocol):
    """What one account pays on its debts. Rates are fractions an hour. Raises ExchangeError."""

    async def read_charges(self, scope: Scope, since: datetime, until: datetime) -> tuple[InterestCharge, ...]:
        """All charges in the window, oldest first, each once; windows and pages of the venue are walked inside."""
        ...

    async def read_rates(self) -> Mapping[str, Decimal]:
        """The rates of cross in force for this user, of every asset."""
        ...

    async def read_next_rates(self, assets: Sequence[str], *, isolated: bool) -> Mapping[str, Decimal]:
        """The rates of the coming hour of the assets, as far as the venue tells them."""
        ...

    async def read_rate_at(self, asset: str, at: datetime) -> Decimal | None:
        """The rate of cross that was in force then; None when the venue tells none."""
        ...


class Exchange(Protocol):
    """One account of one venue. Reads raise ExchangeError; `execute` never raises for what the venue answers."""

    @property
    def interest(self) -> InterestData: ...

    @property
    def key_fingerprint(self) -> str:
        """What tells the key that reads apart from others and leads nobody back to it."""
        ...

    async def read_cross(self) -> CrossSnapshot: ...

    async def read_isolated(self) -> IsolatedSnapshot:
        """Every isolated pair of the account that was created, enabled or not."""
        ...

    async def read_thresholds(self) -> Thresholds:
        """The cross account's own bars."""
        ...

    async def read_tiers(self, symbol: str) -> tuple[LeverageTier, ...]: ...

    async def read_liquidations(
        self, symbols: Iterable[str], since: datetime, until: datetime
    ) -> tuple[LiquidationOrder, ...]:
        """Forced liquidation orders in the window, of cross and of the isolated pairs `symbols`, oldest first."""
        ...

    async def read_prices(self, symbols: Iterable[str]) -> Mapping[str, Price]:
        """The last prices; symbols that the venue does not know are left out."""
        ...

    async def read_spot_wallet(self) -> WalletBalances: ...

    async def read_funding_wallet(self) -> WalletBalances: ...

    async def read_key(self) -> KeyPermissions: ...

    async def read_action_key(self) -> KeyPermissions:
        """What the key that moves money may do: the second one where there is one."""
        ...

    def take_rejected_rows(self) -> tuple[str, ...]:
        """What rows of answers were left out since the last time, and why; each as long as it lasts once."""
        ...

    async def read_user_id(self) -> int:
        """The number by which the exchange knows the user whose key reads."""
        ...

    async def read_action_user_id(self) -> int:
        """The same of the key that moves money: the second one where there is one."""
        ...

    async def sync_clock(self) -> timedelta:
        """Measure the server's time and correct the clock by it. Server time minus the wall clock, which is unused."""
        ...

    @property
    def weight_used(self) -> Decimal:
        """Share of the fullest weight pool used in the present minute, 0 to 1."""
        ...

    def create_streams(self, deliver: Callable[[Event], None]) -> Streams: ...

    async def execute(self, order: Order, objection: PreSendCheck) -> Outcome | Withheld:
        """Send one money order: exactly one request, never retried.

        None at all where `objection`, asked right before its bytes leave, has a reason against it.
        """
        ...

    async def find_records(self, order: Order, window: TimeWindow) -> tuple[VenueRecord, ...]:
        """Rows of the venue's history that fit the order's kind, scope and asset in the window. Reads only."""
        ...

    async def find_ledger_rows(self, order: Order, window: TimeWindow) -> tuple[LedgerRow, ...]:
        """Every ledger row of the order's asset in its scope in the window, oldest first. Reads only, and dear ones."""
        ...

    @property
    def activity(self) -> AccountActivity: ...

    async def aclose(self) -> None: ...

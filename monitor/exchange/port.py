"""The exchange as the daemon uses it: account reads, streams, one way to send orders, their records."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

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
from monitor.core.model.order import ExchangeRecord, Order, Outcome, PreSendCheck, TimeWindow, Withheld
from monitor.core.model.price_history import HourSpan, PriceBar
from monitor.core.model.reads import LiquidationLoanRead, OpenOrdersRead
from monitor.core.model.symbols import TradingRules

T = TypeVar("T")

MAX_HOURS = 1000
"""Maximum hours of one read of past prices."""


@dataclass(frozen=True, slots=True)
class MarketAnswer(Generic[T]):
    """An answer about the market, and when it was requested: perhaps by another account, some seconds ago."""

    content: T
    as_of: datetime


class Streams(Protocol):
    """Live streams of one account. Events go to the `deliver` given at construction, which never blocks."""

    async def run(self) -> None:
        """Keep all streams up until cancelled: connect, subscribe, renew, reconnect, report every gap.

        After every (re)connect a StreamChanged(connected=True) is delivered; the owner then takes a snapshot.
        """
        ...

    def watch_pairs(self, symbols: Iterable[str]) -> None:
        """Set the isolated pairs whose account events are wanted; may be called again at any time."""
        ...

    def watch_prices(self, symbols: Iterable[str]) -> None:
        """Set the symbols whose prices are wanted; may be called again at any time."""
        ...

    @property
    def conflated(self) -> int:
        """Number of prices that a newer one replaced before their delivery, on the connection of all accounts."""
        ...


class ActivitySource(Protocol):
    """Activity of one account: movements, open orders, the liquidation loan. Raises ExchangeError."""

    async def read_open_orders(self, scope: Scope) -> OpenOrdersRead: ...

    async def read_ledger(self, scope: Scope, since: datetime, until: datetime) -> tuple[LedgerRow, ...]:
        """Return every row of the scope's margin ledger, oldest first. The exchange keeps 90 days."""
        ...

    async def read_repayments(self, scope: Scope, since: datetime, until: datetime) -> tuple[ExchangeRecord, ...]:
        """Return every repayment of the scope, automatic ones included and marked; at most seven days."""
        ...

    async def read_transfers(self, scope: Scope, since: datetime, until: datetime) -> tuple[MarginTransfer, ...]:
        """Return every transfer into and out of the scope, oldest first."""
        ...

    async def read_liquidation_loan(self, now: datetime) -> LiquidationLoanRead: ...


class ReferenceDataSource(Protocol):
    """Terms of trading and lending, and prices, which hold for every account. Raises ExchangeError.

    Accounts that ask at about the same time are given one answer, each with the answer's own time.
    """

    async def read_prices(self, symbols: Iterable[str]) -> Mapping[str, Price]:
        """Return the last prices, at most a second old; symbols that the exchange does not know are left out.

        Not for orders: `Exchange.read_prices` asks for them at this moment.
        """
        ...

    async def read_symbol_rules(
        self, assets: Iterable[str], isolated: Iterable[str], valuing: Iterable[str] = ()
    ) -> MarketAnswer[Mapping[str, TradingRules]]:
        """Return the rules of cross symbols between `assets`, of isolated pairs, and of known `valuing` symbols."""
        ...

    async def read_delistings(self) -> MarketAnswer[tuple[Delisting, ...]]: ...

    async def read_restricted_assets(self) -> MarketAnswer[Restrictions]: ...

    async def read_asset_tags(self) -> MarketAnswer[Mapping[str, frozenset[str]]]:
        """Return the spot-market tags by asset; *Monitoring* comes weeks before a delisting."""
        ...

    async def read_collateral_ratios(self) -> MarketAnswer[Mapping[str, tuple[CollateralTier, ...]]]: ...

    async def read_min_repay(self) -> MarketAnswer[Mapping[str, Decimal]]:
        """Return the smallest repayment of a debt, by asset."""
        ...

    async def read_index_price(self, symbol: str) -> Price: ...

    async def read_hourly_bars(self, symbol: str, span: HourSpan) -> tuple[PriceBar, ...]:
        """Return the finished bars of a symbol that open in the span, oldest first; at most MAX_HOURS of hours.

        With the least priority: other requests go first. Raises ExchangeRefused for a symbol that does not exist.
        """
        ...

    def take_rejected_bars(self) -> tuple[str, ...]:
        """Return the bars left out of answers since the last call, and why; a lasting fault is returned once."""
        ...

    async def read_listing_time(self, symbol: str) -> datetime | None:
        """Return the open of the first hourly bar that the exchange has of a symbol; None if it has none."""
        ...


class InterestSource(Protocol):
    """Interest on one account's debts. Rates are fractions an hour. Raises ExchangeError."""

    async def read_charges(self, scope: Scope, since: datetime, until: datetime) -> tuple[InterestCharge, ...]:
        """Return all charges in the window, oldest first, each once; the exchange's windows and pages are hidden."""
        ...

    async def read_rates(self) -> Mapping[str, Decimal]:
        """Return the cross rates in force for this user, of every asset."""
        ...

    async def read_next_rates(self, assets: Sequence[str], *, isolated: bool) -> Mapping[str, Decimal]:
        """Return the next hour's rates of the assets, as far as the exchange publishes them."""
        ...

    async def read_rate_at(self, asset: str, at: datetime) -> Decimal | None:
        """Return the cross rate that was in force at `at`; None when the exchange gives none."""
        ...


class Exchange(Protocol):
    """One account of one exchange. Reads raise ExchangeError; `execute` never raises for an answer of the exchange."""

    @property
    def interest(self) -> InterestSource: ...

    @property
    def key_fingerprint(self) -> str:
        """Fingerprint that distinguishes the reading key from others; the key can't be derived from it."""
        ...

    async def read_cross(self) -> CrossSnapshot: ...

    async def read_isolated(self) -> IsolatedSnapshot:
        """Return every isolated pair of the account that was ever created, enabled or not."""
        ...

    async def read_thresholds(self) -> Thresholds:
        """Return the cross account's own thresholds."""
        ...

    async def read_tiers(self, symbol: str) -> tuple[LeverageTier, ...]: ...

    async def read_liquidations(
        self, symbols: Iterable[str], since: datetime, until: datetime
    ) -> tuple[LiquidationOrder, ...]:
        """Return forced liquidation orders in the window, of cross and of the pairs `symbols`, oldest first."""
        ...

    async def read_prices(self, symbols: Iterable[str]) -> Mapping[str, Price]:
        """Return the last prices, read now; symbols that the exchange does not know are left out."""
        ...

    async def read_spot_wallet(self) -> WalletBalances: ...

    async def read_funding_wallet(self) -> WalletBalances: ...

    async def read_key(self) -> KeyPermissions: ...

    async def read_action_key(self) -> KeyPermissions:
        """Return the permissions of the key that moves money: the second key where there is one."""
        ...

    def take_rejected_rows(self) -> tuple[str, ...]:
        """Return the rows left out of answers since the last call, and why; a lasting fault is returned once.

        Without bars, which are nobody's account: `take_rejected_bars` has them.
        """
        ...

    async def read_user_id(self) -> int:
        """Return the exchange's number of the user who owns the reading key."""
        ...

    async def read_action_user_id(self) -> int:
        """Return the exchange's number of the user who owns the key that moves money: the second where there is one."""
        ...

    async def sync_clock(self) -> timedelta:
        """Measure the server's time and correct the clock. Return server time minus the wall clock, which is unused."""
        ...

    @property
    def weight_used(self) -> Decimal:
        """Used share of the fullest weight pool in the present minute, 0 to 1."""
        ...

    def create_streams(self, deliver: Callable[[Event], None]) -> Streams: ...

    async def execute(self, order: Order, objection: PreSendCheck) -> Outcome | Withheld:
        """Send one money order: exactly one request, never retried.

        No request is sent where `objection`, asked right before the bytes leave, has a reason against the order.
        """
        ...

    async def find_records(self, order: Order, window: TimeWindow) -> tuple[ExchangeRecord, ...]:
        """Return the exchange's records that fit the order's kind, scope and asset in the window. Only reads."""
        ...

    async def find_ledger_rows(self, order: Order, window: TimeWindow) -> tuple[LedgerRow, ...]:
        """Return every ledger row of the asset and scope of `order` in the window, oldest first. Heavy reads only."""
        ...

    @property
    def activity(self) -> ActivitySource: ...

    @property
    def reference_data(self) -> ReferenceDataSource: ...

    async def aclose(self) -> None: ...

"""Reads of one account's activity and of reference data: movements, open orders, and lending terms."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.clock import Clock
from monitor.core.margin.usdt_prices import pricing_symbol, usdt_price
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.events import Event
from monitor.core.model.reads import (
    CollateralRatiosRead,
    IndexPriceRead,
    LedgerRead,
    ListingScheduleRead,
    MinRepayRead,
    MonitoringTagsRead,
    TradingRulesRead,
    TransfersRead,
)
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.attribution import needs_repayment_history
from monitor.core.state.live_balances import live_scope_balances
from monitor.core.state.open_orders import OpenOrders
from monitor.core.state.scopes import needed_symbols, watched_scopes
from monitor.exchange.port import Exchange
from monitor.runtime.account.poller import GuardedRead

FIRST_LEDGER_WINDOW = timedelta(days=7)
"""The span of a ledger that was never read: as far back as one request reaches."""

LEDGER_OVERLAP = timedelta(minutes=10)
"""The end of the previous read is read again: a history may show movements late."""

MAX_LEDGER_AGE = timedelta(hours=24)
"""The longest time between two reads of a scope without movements: each costs a hundred of weight."""

TRANSFER_WINDOW = timedelta(hours=24)
MIN_ORDERS_READ_GAP_S = 30.0
"""Open orders are not read again within this time, whatever requests it."""

HALT_CHECK_INTERVAL = timedelta(hours=2)
"""A symbol may rest because nobody trades it."""

MONITORING_TAG = "Monitoring"
"""The tag that the exchange gives to assets that it may delist."""

MATERIAL_SHARE = ONE / 20
"""An asset matters to the level from this share of all assets, or of all liabilities."""


class ActivityReader:
    """Reads by name; a failure affects its own scope alone."""

    def __init__(
        self,
        exchange: Exchange,
        settings: AccountSettings,
        clock: Clock,
        deliver: Callable[[Event], None],
        state: Callable[[], AccountState],
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        self._deliver = deliver
        self._state = state
        self._ledger_read: set[Scope] = set()
        self._transfers_read: set[Scope] = set()
        self._last_index = ""
        self._collateral_is_due = True
        self._tags_are_due = True
        self._rules_read_at: datetime | None = None
        self._halt_checked: set[str] = set()

    async def read_ledger(self, run_guarded: GuardedRead) -> None:
        """Read the margin ledger of every scope with movements since, or not read for a day."""
        for scope in self._scopes():
            if not self._ledger_is_due(scope):
                continue

            async def read(scope: Scope = scope) -> None:
                known, now = self._state().activity.ledger_read_until.get(scope), self._clock.now()
                since = (
                    now - FIRST_LEDGER_WINDOW
                    if known is None
                    else max(known - LEDGER_OVERLAP, now - FIRST_LEDGER_WINDOW)
                )
                around = self._exchange.activity
                rows = await around.read_ledger(scope, since, now)
                repayments = await around.read_repayments(scope, since, now) if needs_repayment_history(rows) else ()
                self._ledger_read.add(scope)
                self._deliver(LedgerRead(scope, since, now, rows, repayments))

            await run_guarded("capital_flow", scope, read)

    async def read_transfers(self, run_guarded: GuardedRead) -> None:
        """Read transfers into and out of every scope; at the first call those of a week."""
        for scope in self._scopes():

            async def read(scope: Scope = scope) -> None:
                now = self._clock.now()
                # After a start the read covers the time without reads, too.
                since = now - (TRANSFER_WINDOW if scope in self._transfers_read else FIRST_LEDGER_WINDOW)
                self._deliver(TransfersRead(scope, await self._exchange.activity.read_transfers(scope, since, now)))
                self._transfers_read.add(scope)

            await run_guarded("transfers", scope, read)

    async def read_open_orders(self, run_guarded: GuardedRead) -> None:
        """Read the open orders of every scope with a locked balance; without one there is no open order."""
        for scope in self._scopes():
            known = self._state().activity.orders.get(scope, OpenOrders())
            has_locked = any(balance.locked for balance in live_scope_balances(self._state(), scope))
            if not (has_locked or known.order_ids) or self._is_recent(known.read_at, scope):
                continue

            async def read(scope: Scope = scope) -> None:
                self._deliver(await self._exchange.activity.read_open_orders(scope))

            await run_guarded("orders", scope, read)

    async def read_liquidation_loan(self, run_guarded: GuardedRead) -> None:
        """Read the loan that a bankrupt liquidation of cross left."""
        if not self._settings.cross:
            return

        async def read() -> None:
            self._deliver(await self._exchange.activity.read_liquidation_loan(self._clock.now()))

        await run_guarded("liquidation_loan", CROSS, read)

    async def read_reference_data(self, run_guarded: GuardedRead) -> None:
        """Read schedules, restrictions and minimum repayments; every second time collateral ratios and asset tags.

        The last two are expensive reads.
        """

        async def schedules() -> None:
            around = self._exchange.activity
            delistings, restricted = await around.read_delistings(), await around.read_restricted_assets()
            self._deliver(ListingScheduleRead(delistings, restricted, self._clock.now()))

        async def collateral() -> None:
            self._deliver(
                CollateralRatiosRead(await self._exchange.activity.read_collateral_ratios(), self._clock.now())
            )

        async def minima() -> None:
            self._deliver(MinRepayRead(await self._exchange.activity.read_min_repay(), self._clock.now()))

        async def tags() -> None:
            found = await self._exchange.activity.read_asset_tags()
            monitored = frozenset(asset for asset, own in found.items() if MONITORING_TAG in own)
            self._deliver(MonitoringTagsRead(monitored, self._clock.now()))

        await run_guarded("reference_data", None, schedules)
        if self._settings.cross and self._collateral_is_due:
            self._collateral_is_due = not await run_guarded("reference_data", CROSS, collateral)
        else:
            self._collateral_is_due = True
        await run_guarded("reference_data", None, minima)
        self._tags_are_due = not (self._tags_are_due and await run_guarded("reference_data", None, tags))

    async def read_symbol_rules(self, run_guarded: GuardedRead) -> None:
        """Read the rules and status of the symbols that trade or value anything held or owed."""

        async def read() -> None:
            state = self._state()
            valuing = needed_symbols(state, self._settings) & state.prices.newest.keys()
            assets = frozenset(b.asset for b in live_scope_balances(state, CROSS) if not b.is_zero)
            isolated = [scope.symbol for scope in self._scopes() if scope.symbol]
            markets = await self._exchange.activity.read_symbol_rules(assets, isolated, valuing)
            self._rules_read_at = self._clock.now()
            self._deliver(TradingRulesRead(markets, assets, self._rules_read_at))

        await run_guarded("markets", None, read)

    async def check_halted(self, run_guarded: GuardedRead, quiet: AbstractSet[str], moving: AbstractSet[str]) -> None:
        """Read whether symbols without a streamed price since the last read are halted; each one every two hours.

        They are read at once when a halted symbol has a streamed price again.
        """
        markets = self._state().reference.trading_rules.by_symbol
        revived = any(symbol in markets and not markets[symbol].is_traded for symbol in moving)
        if self._rules_read_at is None or self._clock.now() - self._rules_read_at >= HALT_CHECK_INTERVAL:
            self._halt_checked = set()
        if revived or quiet - self._halt_checked:
            self._halt_checked |= quiet
            await self.read_symbol_rules(run_guarded)

    async def read_index(self, run_guarded: GuardedRead) -> None:
        """Read the index price of one asset that matters to cross, the next one each time.

        While assets have no basis yet, all of those are read instead.
        """
        symbols = self._material_symbols()
        known = self._state().prices.index_readings
        unknown = [symbol for symbol in symbols if symbol not in known or known[symbol].should_retry]
        following = next((symbol for symbol in symbols if symbol > self._last_index), symbols[0] if symbols else "")
        for symbol in unknown or ([following] if following else []):

            async def read(symbol: str = symbol) -> None:
                self._deliver(IndexPriceRead(symbol, await self._exchange.activity.read_index_price(symbol)))

            self._last_index = symbol
            await run_guarded("index", CROSS, read)

    def _scopes(self) -> tuple[Scope, ...]:
        """Return the scopes with any balance."""
        state = self._state()
        return tuple(
            scope
            for scope in watched_scopes(state, self._settings)
            if any(not balance.is_zero for balance in live_scope_balances(state, scope))
        )

    def _ledger_is_due(self, scope: Scope) -> bool:
        activity = self._state().activity
        read_at = activity.ledger_read_until.get(scope)
        if read_at is None or scope not in self._ledger_read or scope in activity.ledger_stale_since:
            return True
        return self._clock.now() - read_at >= MAX_LEDGER_AGE

    def _is_recent(self, read_at: datetime | None, scope: Scope) -> bool:
        if read_at is None or scope in self._state().activity.order_mismatch:
            return False
        return (self._clock.now() - read_at).total_seconds() < MIN_ORDERS_READ_GAP_S

    def _material_symbols(self) -> list[str]:
        """Return, in order, the symbols that price assets of at least a twentieth of cross's assets or liabilities."""
        state = self._state()
        if not self._settings.cross:
            return []
        worth: list[tuple[Balance, Decimal]] = []
        for balance in live_scope_balances(state, CROSS):
            price = usdt_price(balance.asset, state.prices.newest)
            if price is not None:
                worth.append((balance, price))
        held = sum((balance.held * price for balance, price in worth), ZERO)
        owed = sum((balance.owed * price for balance, price in worth), ZERO)
        if not owed:
            return []
        return sorted(
            pricing_symbol(balance.asset, state.prices.newest)
            for balance, price in worth
            if balance.asset != "USDT"
            and (balance.held * price >= held * MATERIAL_SHARE or balance.owed * price >= owed * MATERIAL_SHARE)
        )

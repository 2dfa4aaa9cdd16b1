"""One account's reads beside its balances: what moved, which orders are open, on which terms the exchange lends."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.clock import Clock
from monitor.core.margin.usdt_prices import price_of, symbol_of
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.events import Event
from monitor.core.model.reads import (
    CollateralRead,
    IndexRead,
    LedgerRead,
    MarketsRead,
    MinimaRead,
    SchedulesRead,
    TagsRead,
    TransfersRead,
)
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.attribution import needs_repayments
from monitor.core.state.live_balances import balances_of
from monitor.core.state.open_orders import OpenOrders
from monitor.core.state.scopes import needed_symbols, scopes
from monitor.exchange.port import Exchange
from monitor.runtime.account.poller import Guarded

FIRST_LEDGER = timedelta(days=7)
"""How far back the ledger is read where none of it is known: as far as one request reaches."""

LEDGER_OVERLAP = timedelta(minutes=10)
"""What was read last is read again: a history may show late what has happened."""

LEDGER_AT_LEAST = timedelta(hours=24)
"""The ledger of a scope in which nothing moved is read this seldom: each time costs a hundred of weight."""

TRANSFERS_BACK = timedelta(hours=24)
ORDERS_AGAIN_S = 30.0
"""Open orders that were read a moment ago are not read again, whoever asks."""

RESTING_AGAIN = timedelta(hours=2)
"""A symbol may rest because nobody trades it."""

MONITORING = "Monitoring"
"""The tag that the exchange gives to what it may delist."""

MATTERS = ONE / 20
"""An asset matters to the level from this share of everything held, or of everything owed."""


class SurroundingsWatch:
    """Reads by name; each failure concerns its own scope alone."""

    def __init__(
        self,
        exchange: Exchange,
        settings: Settings,
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
        self._collaterals_turn = True
        self._tags_turn = True
        self._markets_at: datetime | None = None
        self._asked_about: set[str] = set()

    async def ledger(self, guarded: Guarded) -> None:
        """The margin ledger of every scope in which something moved since, or that was not read for a day."""
        for scope in self._scopes():
            if not self._ledger_is_due(scope):
                continue

            async def read(scope: Scope = scope) -> None:
                known, now = self._state().followed.ledger_at.get(scope), self._clock.now()
                since = now - FIRST_LEDGER if known is None else max(known - LEDGER_OVERLAP, now - FIRST_LEDGER)
                around = self._exchange.surroundings
                rows = await around.ledger(scope, since, now)
                repayments = await around.repayments(scope, since, now) if needs_repayments(rows) else ()
                self._ledger_read.add(scope)
                self._deliver(LedgerRead(scope, since, now, rows, repayments))

            await guarded("capital_flow", scope, read)

    async def transfers(self, guarded: Guarded) -> None:
        """Transfers into and out of every scope; the first time those of a week."""
        for scope in self._scopes():

            async def read(scope: Scope = scope) -> None:
                now = self._clock.now()
                # After a start those of the time in which nobody read them, too.
                since = now - (TRANSFERS_BACK if scope in self._transfers_read else FIRST_LEDGER)
                self._deliver(TransfersRead(scope, await self._exchange.surroundings.transfers(scope, since, now)))
                self._transfers_read.add(scope)

            await guarded("transfers", scope, read)

    async def orders(self, guarded: Guarded) -> None:
        """The open orders of every scope that has something locked; where nothing is, none is open."""
        for scope in self._scopes():
            known = self._state().followed.orders.get(scope, OpenOrders())
            has_locked = any(balance.locked for balance in balances_of(self._state(), scope))
            if not (has_locked or known.numbers) or self._was_read(known.read_at, scope):
                continue

            async def read(scope: Scope = scope) -> None:
                self._deliver(await self._exchange.surroundings.open_orders(scope))

            await guarded("orders", scope, read)

    async def liquidation_loan(self, guarded: Guarded) -> None:
        """What a bankrupt liquidation of cross left owing."""
        if not self._settings.cross:
            return

        async def read() -> None:
            self._deliver(await self._exchange.surroundings.liquidation_loan(self._clock.now()))

        await guarded("liquidation_loan", CROSS, read)

    async def reference_data(self, guarded: Guarded) -> None:
        """Schedules, restrictions and least repayments; every second time what counts as collateral and the tags of
        assets, two dear reads."""

        async def schedules() -> None:
            around = self._exchange.surroundings
            delistings, restricted = await around.delistings(), await around.restricted()
            self._deliver(SchedulesRead(delistings, restricted, self._clock.now()))

        async def collateral() -> None:
            self._deliver(CollateralRead(await self._exchange.surroundings.collateral(), self._clock.now()))

        async def minima() -> None:
            self._deliver(MinimaRead(await self._exchange.surroundings.min_repay(), self._clock.now()))

        async def tags() -> None:
            found = await self._exchange.surroundings.tags()
            monitored = frozenset(asset for asset, own in found.items() if MONITORING in own)
            self._deliver(TagsRead(monitored, self._clock.now()))

        await guarded("reference_data", None, schedules)
        if self._settings.cross and self._collaterals_turn:
            self._collaterals_turn = not await guarded("reference_data", CROSS, collateral)
        else:
            self._collaterals_turn = True
        await guarded("reference_data", None, minima)
        self._tags_turn = not (self._tags_turn and await guarded("reference_data", None, tags))

    async def markets(self, guarded: Guarded) -> None:
        """The rules and the status of the symbols that something held or owed could be traded by, or is valued by."""

        async def read() -> None:
            state = self._state()
            valuing = needed_symbols(state, self._settings) & state.prices.keys()
            assets = frozenset(b.asset for b in balances_of(state, CROSS) if not b.is_zero)
            isolated = [scope.symbol for scope in self._scopes() if scope.symbol]
            markets = await self._exchange.surroundings.markets(assets, isolated, valuing)
            self._markets_at = self._clock.now()
            self._deliver(MarketsRead(markets, assets, self._markets_at))

        await guarded("markets", None, read)

    async def rested(self, guarded: Guarded, resting: AbstractSet[str], moving: AbstractSet[str]) -> None:
        """Ask whether symbols are halted whose price no stream told since the last read; of each every two hours.

        At once when one that was halted is told again.
        """
        markets = self._state().followed.markets.by_symbol
        revived = any(symbol in markets and not markets[symbol].is_traded for symbol in moving)
        if self._markets_at is None or self._clock.now() - self._markets_at >= RESTING_AGAIN:
            self._asked_about = set()
        if revived or resting - self._asked_about:
            self._asked_about |= resting
            await self.markets(guarded)

    async def index(self, guarded: Guarded) -> None:
        """The index price of one asset that matters to cross, the next one each time; of all that give no basis yet."""
        symbols = self._that_matter()
        known = self._state().followed.indexes
        unknown = [symbol for symbol in symbols if symbol not in known or known[symbol].is_wanted]
        following = next((symbol for symbol in symbols if symbol > self._last_index), symbols[0] if symbols else "")
        for symbol in unknown or ([following] if following else []):

            async def read(symbol: str = symbol) -> None:
                self._deliver(IndexRead(symbol, await self._exchange.surroundings.index(symbol)))

            self._last_index = symbol
            await guarded("index", CROSS, read)

    def _scopes(self) -> tuple[Scope, ...]:
        """The scopes in which there is anything."""
        state = self._state()
        return tuple(
            scope
            for scope in scopes(state, self._settings)
            if any(not balance.is_zero for balance in balances_of(state, scope))
        )

    def _ledger_is_due(self, scope: Scope) -> bool:
        followed = self._state().followed
        read_at = followed.ledger_at.get(scope)
        if read_at is None or scope not in self._ledger_read or scope in followed.moved_at:
            return True
        return self._clock.now() - read_at >= LEDGER_AT_LEAST

    def _was_read(self, read_at: datetime | None, scope: Scope) -> bool:
        if read_at is None or scope in self._state().followed.disagreeing:
            return False
        return (self._clock.now() - read_at).total_seconds() < ORDERS_AGAIN_S

    def _that_matter(self) -> list[str]:
        """The pairs that price the assets that make up a twentieth of what cross holds or owes, in order."""
        state = self._state()
        if not self._settings.cross:
            return []
        worth: list[tuple[Balance, Decimal]] = []
        for balance in balances_of(state, CROSS):
            price = price_of(balance.asset, state.prices)
            if price is not None:
                worth.append((balance, price))
        held = sum((balance.held * price for balance, price in worth), ZERO)
        owed = sum((balance.owed * price for balance, price in worth), ZERO)
        if not owed:
            return []
        return sorted(
            symbol_of(balance.asset, state.prices)
            for balance, price in worth
            if balance.asset != "USDT"
            and (balance.held * price >= held * MATTERS or balance.owed * price >= owed * MATTERS)
        )

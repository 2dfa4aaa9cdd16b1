"""Reads of reference data for one account: trading rules, schedules, restrictions, tags, ratios, index prices."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.clock import Clock
from monitor.core.margin.usdt_prices import pricing_symbol, usdt_price
from monitor.core.model.account import CROSS, Balance
from monitor.core.model.events import Event
from monitor.core.model.reads import (
    CollateralRatiosRead,
    IndexPriceRead,
    ListingScheduleRead,
    MinRepayRead,
    MonitoringTagsRead,
    TradingRulesRead,
)
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import live_scope_balances
from monitor.core.state.scopes import needed_symbols, scopes_with_balances
from monitor.exchange.port import Exchange
from monitor.runtime.account.poller import GuardedRead

HALT_CHECK_INTERVAL = timedelta(hours=2)
"""A symbol may rest because nobody trades it."""

MONITORING_TAG = "Monitoring"
"""The tag that the exchange gives to assets that it may delist."""

MATERIAL_SHARE = ONE / 20
"""An asset matters to the level from this share of all assets, or of all liabilities."""


class ReferenceReader:
    """Reads by name; a failure affects its own subject alone."""

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
        self._last_index = ""
        self._collateral_is_due = True
        self._tags_are_due = True
        self._rules_read_at: datetime | None = None
        self._halt_checked: set[str] = set()

    async def read_reference_data(self, run_guarded: GuardedRead) -> None:
        """Read schedules, restrictions and minimum repayments; every second time collateral ratios and asset tags.

        The last two are expensive reads.
        """

        async def schedules() -> None:
            source = self._exchange.reference_data
            delistings, restricted = await source.read_delistings(), await source.read_restricted_assets()
            as_of = min(delistings.as_of, restricted.as_of)
            self._deliver(ListingScheduleRead(delistings.content, restricted.content, as_of))

        async def collateral() -> None:
            ratios = await self._exchange.reference_data.read_collateral_ratios()
            self._deliver(CollateralRatiosRead(ratios.content, ratios.as_of))

        async def minima() -> None:
            found = await self._exchange.reference_data.read_min_repay()
            self._deliver(MinRepayRead(found.content, found.as_of))

        async def tags() -> None:
            found = await self._exchange.reference_data.read_asset_tags()
            monitored = frozenset(asset for asset, own in found.content.items() if MONITORING_TAG in own)
            self._deliver(MonitoringTagsRead(monitored, found.as_of))

        await run_guarded("reference_data", None, schedules)
        if self._settings.cross and self._collateral_is_due:
            self._collateral_is_due = not await run_guarded("reference_data", CROSS, collateral)
        else:
            self._collateral_is_due = True
        await run_guarded("reference_data", None, minima)
        self._tags_are_due = not (self._tags_are_due and await run_guarded("reference_data", None, tags))

    async def read_symbol_rules(self, run_guarded: GuardedRead) -> bool:
        """Read the rules and status of the symbols that trade or value anything held or owed; False if that failed."""

        async def read() -> None:
            state = self._state()
            valuing = needed_symbols(state, self._settings) & state.prices.newest.keys()
            assets = frozenset(b.asset for b in live_scope_balances(state, CROSS) if not b.is_zero)
            isolated = [scope.symbol for scope in scopes_with_balances(state, self._settings) if scope.symbol]
            markets = await self._exchange.reference_data.read_symbol_rules(assets, isolated, valuing)
            self._rules_read_at = markets.as_of
            self._deliver(TradingRulesRead(markets.content, assets, markets.as_of))

        return await run_guarded("markets", None, read)

    async def check_halted(self, run_guarded: GuardedRead, quiet: AbstractSet[str], moving: AbstractSet[str]) -> None:
        """Read whether symbols without a streamed price since the last read are halted; each one every two hours.

        They are read at once when a halted symbol has a streamed price again.
        """
        markets = self._state().reference.trading_rules.by_symbol
        revived = any(symbol in markets and not markets[symbol].is_traded for symbol in moving)
        if self._rules_read_at is None or self._clock.now() - self._rules_read_at >= HALT_CHECK_INTERVAL:
            self._halt_checked = set()
        if (revived or quiet - self._halt_checked) and await self.read_symbol_rules(run_guarded):
            self._halt_checked |= quiet

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
                self._deliver(IndexPriceRead(symbol, await self._exchange.reference_data.read_index_price(symbol)))

            self._last_index = symbol
            await run_guarded("index", CROSS, read)

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

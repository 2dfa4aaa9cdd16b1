"""One account's reads: each asks the exchange and puts what came, or why nothing came, into the inbox."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from monitor.clock import Clock
from monitor.core.model.account import CROSS, Price, Scope
from monitor.core.model.events import (
    BarsRead,
    CrossRead,
    Event,
    IsolatedRead,
    KeyRead,
    LiquidationsRead,
    PricesRead,
    ReadFailed,
    TiersRead,
    WalletRead,
)
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import needed_symbols, scopes
from monitor.errors import ExchangeError, KeyInvalid, PayloadRejected
from monitor.exchange.port import Exchange
from monitor.runtime.account.activity_reads import SurroundingsWatch
from monitor.runtime.account.interest_reader import InterestWatch
from monitor.runtime.account.poller import ReadOnce
from monitor.runtime.account.record_gaps import RecordWatch
from monitor.runtime.orders.order_reads import read_rights

log = logging.getLogger(__name__)

ESSENTIAL = frozenset({"cross", "isolated", "key", "action_key"})
"""Reads whose refusal means that the key itself is refused."""


class Reads:
    """The reads by name. A failed read is an event too; only a bug is an exception."""

    def __init__(
        self,
        exchange: Exchange,
        settings: Settings,
        clock: Clock,
        deliver: Callable[[Event], None],
        state: Callable[[], AccountState],
        interest: InterestWatch,
        surroundings: SurroundingsWatch,
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        self._deliver = deliver
        self._state = state
        self._interest = interest
        self._surroundings = surroundings
        self._prices_read: Mapping[str, Price] = {}

    def by_name(self) -> Mapping[str, ReadOnce]:
        """Every read that this account needs."""
        found: dict[str, ReadOnce] = {
            "prices": self.prices,
            "interest": self.interest,
            "interest_rates": self.interest_rates,
            "reference_data": self.reference_data,
            "liquidations": self.liquidations,
            "spot": self.spot,
            "funding": self.funding,
            "key": self.key,
            "clock": self.clock,
            "capital_flow": self.capital_flow,
            "transfers": self.transfers,
            "orders": self.orders,
            "markets": self.markets,
        }
        if self._settings.cross:
            found |= {"cross": self.cross, "liquidation_loan": self.liquidation_loan, "index": self.index}
        if self._settings.isolated != ():
            found["isolated"] = self.isolated
        return found

    async def cross(self) -> None:
        async def read() -> None:
            self._deliver(CrossRead(await self._exchange.read_cross()))

        await self._guarded("cross", CROSS, read)

    async def isolated(self) -> None:
        async def read() -> None:
            self._deliver(IsolatedRead(await self._exchange.read_isolated()))

        await self._guarded("isolated", None, read)

    async def prices(self) -> None:
        async def read() -> None:
            prices = await self._exchange.read_prices(sorted(needed_symbols(self._state(), self._settings)))
            self._prices_read = prices
            self._deliver(PricesRead(prices))

        known = self._state().prices
        resting = {symbol for symbol, price in self._prices_read.items() if known.get(symbol) == price}
        moving = self._prices_read.keys() - resting
        await self._guarded("prices", None, read)
        await self._surroundings.rested(self._guarded, resting, moving)

    async def interest(self) -> None:
        """The newest charges of every scope."""
        await self._interest.look(self._guarded)

    async def fill_interest(self) -> None:
        """Until cancelled: the charges of 90 days that are not recorded yet."""
        await self._interest.fill(self._guarded)

    async def keep_record(self, watch: RecordWatch) -> None:
        """Until cancelled: what moved in gaps of the record."""
        await watch.run(self._guarded)

    async def interest_rates(self) -> None:
        await self._interest.rates(self._guarded)

    async def capital_flow(self) -> None:
        await self._surroundings.ledger(self._guarded)

    async def transfers(self) -> None:
        await self._surroundings.transfers(self._guarded)

    async def orders(self) -> None:
        await self._surroundings.orders(self._guarded)

    async def markets(self) -> None:
        await self._surroundings.markets(self._guarded)

    async def liquidation_loan(self) -> None:
        await self._surroundings.liquidation_loan(self._guarded)

    async def index(self) -> None:
        await self._surroundings.index(self._guarded)

    async def reference_data(self) -> None:
        """The account's own bars, the tiers of every pair, schedules, restrictions and collateral ratios."""
        await self.bars()
        for scope in scopes(self._state(), self._settings):
            if scope.symbol:
                await self.tiers(scope.symbol)
        await self._surroundings.reference_data(self._guarded)

    async def bars(self) -> None:
        """The cross account's own bars; nothing where cross is not watched."""

        async def read() -> None:
            self._deliver(BarsRead(await self._exchange.read_bars()))

        if self._settings.cross:
            await self._guarded("reference_data", CROSS, read)

    async def tiers(self, symbol: str) -> None:
        async def read() -> None:
            self._deliver(TiersRead(symbol, await self._exchange.read_tiers(symbol)))

        await self._guarded("reference_data", Scope(symbol), read)

    async def liquidations(self) -> None:
        """Forced liquidations of the last day; an order already behind us cannot be undone, but must be told."""

        async def read() -> None:
            now = self._clock.now()
            symbols = [scope.symbol for scope in scopes(self._state(), self._settings) if scope.symbol]
            found = await self._exchange.read_liquidations(symbols, now - timedelta(days=1), now)
            self._deliver(LiquidationsRead(found))

        await self._guarded("liquidations", None, read)

    async def spot(self) -> None:
        async def read() -> None:
            self._deliver(WalletRead("spot", await self._exchange.read_spot()))

        await self._guarded("spot", None, read)

    async def funding(self) -> None:
        async def read() -> None:
            self._deliver(WalletRead("funding", await self._exchange.read_funding()))

        await self._guarded("funding", None, read)

    async def key(self) -> None:
        async def read() -> None:
            rights = await read_rights(self._exchange, self._state().key, acting=False)
            self._deliver(KeyRead(True, rights, self._clock.now()))

        async def read_acting() -> None:
            rights = await read_rights(self._exchange, self._state().action_key, acting=True)
            self._deliver(KeyRead(True, rights, self._clock.now(), acting=True))

        await self._guarded("key", None, read)
        if self._settings.acts_with_own_key:
            await self._guarded("action_key", None, read_acting)

    async def clock(self) -> None:
        async def read() -> None:
            await self._exchange.sync_clock()

        await self._guarded("clock", None, read)

    async def _guarded(self, name: str, scope: Scope | None, read: ReadOnce) -> bool:
        """Whether the read gave something; why not is told, and so is what was left out of what it gave."""
        try:
            await read()
            for oddity in self._exchange.take_oddities():
                self._failed(name, scope, oddity, rejected=oddity)
        except KeyInvalid as error:
            if name in ESSENTIAL:
                # Elsewhere the same answer only says that a permission is missing there.
                self._deliver(KeyRead(False, None, self._clock.now(), acting=name == "action_key"))
            self._failed(name, scope, str(error))
        except PayloadRejected as error:
            self._failed(name, scope, str(error), rejected=error.message, payload=error.payload)
        except ExchangeError as error:
            self._failed(name, scope, str(error))
        else:
            return True
        return False

    def _failed(
        self, name: str, scope: Scope | None, cause: str, rejected: str | None = None, payload: str = ""
    ) -> None:
        where = str(scope) if scope is not None else "-"
        log.warning("read.failed account=%s read=%s scope=%s cause=%s", self._settings.account, name, where, cause)
        self._deliver(ReadFailed(name, scope, self._clock.now(), cause, rejected, payload))

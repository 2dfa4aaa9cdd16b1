"""Reads of one account: each asks the exchange and puts its result or its failure into the inbox."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta

from monitor.clock import Clock
from monitor.core.model.account import CROSS, Price, Scope
from monitor.core.model.events import (
    CrossRead,
    Event,
    IsolatedRead,
    KeyRead,
    LeverageTiersRead,
    LiquidationsRead,
    PricesRead,
    ReadFailed,
    ThresholdsRead,
    WalletRead,
)
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.scopes import needed_symbols, watched_scopes
from monitor.errors import ExchangeError, KeyInvalid, PayloadRejected
from monitor.exchange.port import Exchange
from monitor.runtime.account.activity_reads import ActivityReader
from monitor.runtime.account.interest_reader import InterestReader
from monitor.runtime.account.poller import ReadOnce
from monitor.runtime.account.record_gaps import RecordGapReader
from monitor.runtime.account.reference_reads import ReferenceReader
from monitor.runtime.activity_counters import ActivityCounters
from monitor.runtime.orders.order_reads import read_key_permissions

log = logging.getLogger(__name__)

KEY_READS = frozenset({"cross", "isolated", "key", "action_key"})
"""Reads whose refusal means that the key itself is refused."""


class AccountReads:
    """The reads by name. A failed read is an event too; only a bug is an exception."""

    def __init__(
        self,
        exchange: Exchange,
        settings: AccountSettings,
        clock: Clock,
        deliver: Callable[[Event], None],
        state: Callable[[], AccountState],
        interest_reader: InterestReader,
        activity_reader: ActivityReader,
        reference_reader: ReferenceReader,
        counters: ActivityCounters,
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        self._deliver = deliver
        self._state = state
        self._interest_reader = interest_reader
        self._activity_reader = activity_reader
        self._reference_reader = reference_reader
        self._counters = counters
        self._last_prices: Mapping[str, Price] = {}

    def by_name(self) -> Mapping[str, ReadOnce]:
        """Return every read that this account needs."""
        found: dict[str, ReadOnce] = {
            "prices": self.read_prices,
            "interest": self.read_interest,
            "interest_rates": self.read_interest_rates,
            "reference_data": self.read_reference_data,
            "liquidations": self.read_liquidations,
            "spot": self.read_spot_wallet,
            "funding": self.read_funding_wallet,
            "key": self.read_keys,
            "clock": self.sync_clock,
            "capital_flow": self.read_ledger,
            "transfers": self.read_transfers,
            "orders": self.read_open_orders,
            "markets": self.read_symbol_rules,
        }
        if self._settings.cross:
            found |= {
                "cross": self.read_cross,
                "liquidation_loan": self.read_liquidation_loan,
                "index": self.read_index,
            }
        if self._settings.isolated != ():
            found["isolated"] = self.read_isolated
        return found

    async def read_cross(self) -> None:
        async def read() -> None:
            before = self._state().prices.newest
            self._deliver(CrossRead(await self._exchange.read_cross(), before))

        await self._run_guarded("cross", CROSS, read)

    async def read_isolated(self) -> None:
        async def read() -> None:
            before = self._state().prices.newest
            self._deliver(IsolatedRead(await self._exchange.read_isolated(), before))

        await self._run_guarded("isolated", None, read)

    async def read_prices(self) -> None:
        async def read() -> None:
            prices = await self._exchange.reference_data.read_prices(needed_symbols(self._state(), self._settings))
            self._last_prices = prices
            self._deliver(PricesRead(prices))

        known = self._state().prices.newest
        resting = {symbol for symbol, price in self._last_prices.items() if known.get(symbol) == price}
        moving = self._last_prices.keys() - resting
        await self._run_guarded("prices", None, read)
        await self._reference_reader.check_halted(self._run_guarded, resting, moving)

    async def read_interest(self) -> None:
        """Read the newest charges of every scope."""
        await self._interest_reader.read_new(self._run_guarded)

    async def backfill_interest(self) -> None:
        """Read the charges of 90 days that are not recorded yet, until cancelled."""
        await self._interest_reader.backfill(self._run_guarded)

    async def read_record_gaps(self, gap_reader: RecordGapReader) -> None:
        """Read the movements in gaps of the record, until cancelled."""
        await gap_reader.run(self._run_guarded)

    async def read_interest_rates(self) -> None:
        await self._interest_reader.read_rates(self._run_guarded)

    async def read_ledger(self) -> None:
        await self._activity_reader.read_ledger(self._run_guarded)

    async def read_transfers(self) -> None:
        await self._activity_reader.read_transfers(self._run_guarded)

    async def read_open_orders(self) -> None:
        await self._activity_reader.read_open_orders(self._run_guarded)

    async def read_symbol_rules(self) -> None:
        await self._reference_reader.read_symbol_rules(self._run_guarded)

    async def read_liquidation_loan(self) -> None:
        await self._activity_reader.read_liquidation_loan(self._run_guarded)

    async def read_index(self) -> None:
        await self._reference_reader.read_index(self._run_guarded)

    async def read_reference_data(self) -> None:
        """Read the account's own thresholds, the tiers of every pair, schedules, restrictions and collateral ratios."""
        await self.read_thresholds()
        for scope in watched_scopes(self._state(), self._settings):
            if scope.symbol:
                await self.read_tiers(scope.symbol)
        await self._reference_reader.read_reference_data(self._run_guarded)

    async def read_thresholds(self) -> None:
        """Read the cross account's own thresholds; nothing where cross is not watched."""

        async def read() -> None:
            self._deliver(ThresholdsRead(await self._exchange.read_thresholds()))

        if self._settings.cross:
            await self._run_guarded("reference_data", CROSS, read)

    async def read_tiers(self, symbol: str) -> None:
        async def read() -> None:
            self._deliver(LeverageTiersRead(symbol, await self._exchange.read_tiers(symbol)))

        await self._run_guarded("reference_data", Scope(symbol), read)

    async def read_liquidations(self) -> None:
        """Read forced liquidations of the last day: they can't be undone, but people must be notified."""

        async def read() -> None:
            now = self._clock.now()
            symbols = [scope.symbol for scope in watched_scopes(self._state(), self._settings) if scope.symbol]
            found = await self._exchange.read_liquidations(symbols, now - timedelta(days=1), now)
            self._deliver(LiquidationsRead(found))

        await self._run_guarded("liquidations", None, read)

    async def read_spot_wallet(self) -> None:
        async def read() -> None:
            self._deliver(WalletRead("spot", await self._exchange.read_spot_wallet()))

        await self._run_guarded("spot", None, read)

    async def read_funding_wallet(self) -> None:
        async def read() -> None:
            self._deliver(WalletRead("funding", await self._exchange.read_funding_wallet()))

        await self._run_guarded("funding", None, read)

    async def read_keys(self) -> None:
        async def read() -> None:
            rights = await read_key_permissions(self._exchange, self._state().keys.permissions, is_action_key=False)
            self._deliver(KeyRead(True, rights, self._clock.now()))

        async def read_acting() -> None:
            rights = await read_key_permissions(
                self._exchange, self._state().keys.action_permissions, is_action_key=True
            )
            self._deliver(KeyRead(True, rights, self._clock.now(), is_action_key=True))

        await self._run_guarded("key", None, read)
        if self._settings.acts_with_own_key:
            await self._run_guarded("action_key", None, read_acting)

    async def sync_clock(self) -> None:
        async def read() -> None:
            await self._exchange.sync_clock()

        await self._run_guarded("clock", None, read)

    async def _run_guarded(self, name: str, scope: Scope | None, read: ReadOnce) -> bool:
        """Run a read and return whether it succeeded; deliver its failure and the rows that it rejected."""
        try:
            await read()
            result = "ok"
            for oddity in self._exchange.take_rejected_rows():
                result = "partial"
                self._report_failure(name, scope, oddity, rejected=oddity)
        except KeyInvalid as error:
            result = "failed"
            if name in KEY_READS:
                # From other reads the same answer only says that a permission is missing there.
                self._deliver(KeyRead(False, None, self._clock.now(), is_action_key=name == "action_key"))
            self._report_failure(name, scope, str(error))
        except PayloadRejected as error:
            result = "rejected"
            self._report_failure(name, scope, str(error), rejected=error.message, payload=error.payload)
        except ExchangeError as error:
            result = "failed"
            self._report_failure(name, scope, str(error))
        self._counters.count_read(self._settings.account, name, result)
        return result in ("ok", "partial")

    def _report_failure(
        self, name: str, scope: Scope | None, cause: str, rejected: str | None = None, payload: str = ""
    ) -> None:
        where = str(scope) if scope is not None else "-"
        log.warning("read.failed account=%s read=%s scope=%s cause=%s", self._settings.account, name, where, cause)
        self._deliver(ReadFailed(name, scope, self._clock.now(), cause, rejected, payload))

"""Reads of past prices for everything held or owed: slowly, after everything else, from where the last one ended."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from monitor.core.engine.bar_demand import BarRead, next_bar_read, settled_span, wanted_routes
from monitor.core.margin.past_prices import floor_hour
from monitor.core.model.alert import Severity
from monitor.core.model.events import ReadFailed
from monitor.core.model.price_history import HourSpan, PriceBar
from monitor.core.state.account_settings import AccountSettings
from monitor.errors import ExchangeError, ExchangeRefused, KeyInvalid, PayloadRejected, StoreError
from monitor.exchange.port import MAX_HOURS
from monitor.runtime.account.account_service import AccountService, SharedServices
from monitor.store.readers.price_history import read_progress, read_symbol_bars
from monitor.store.writes import price_bars

log = logging.getLogger(__name__)

READ_NAME = "past_prices"

PACE_S = 12.0
"""Exchange seconds between two reads: at a weight of 2 each, at most 10 in any minute."""

MIN_PAUSE_S = 0.2
"""Machine seconds at least between two reads, for a fast clock."""

IDLE_S = 60.0
"""Exchange seconds until the next look when nothing is lacking."""

ROUND_TIMEOUT_S = 60.0
"""Machine seconds that one read, with its records, may take."""

FAILURE_PAUSES_S = (60.0, 120.0, 300.0, 900.0)
"""Exchange seconds until the next read after failures in a row."""

REFUSED_FOR_S = 86_400.0
"""Exchange seconds for which a symbol that the exchange refuses is not asked for."""

REJECTED_FOR_S = 3600.0
"""Exchange seconds for which a symbol is not asked for after an answer that can't be believed."""

UNSETTLED_FOR_S = 600.0
"""Exchange seconds for which a symbol is not asked for whose newest hour has no bar yet."""

RESTART_PAUSES_S = (60.0, 600.0, 3600.0)
"""Machine seconds until the reads begin again after an error of this program, in a row."""


class PastPriceReader:
    """The one reader of past prices, for all accounts: a symbol is read and kept once.

    A failure of the exchange or the store is reported and tried again later. `run` notices when the reads stop by an
    error of this program: people are notified, and the reads begin again.
    """

    def __init__(
        self,
        history: timedelta,
        settings: Mapping[str, AccountSettings],
        services: Mapping[str, AccountService],
        shared: SharedServices,
        notify: Callable[[Severity, str], Awaitable[None]],
    ) -> None:
        """`history` is how far back bars are kept (zero: not at all); `services` are the accounts that run, by name."""
        self._history = history
        self._store = shared.store
        self._clock = shared.clock
        self._settings = settings
        self._services = services
        self._counters = shared.counters
        self._notify = notify
        self._blocked_until_s: dict[str, float] = {}
        self._failures = 0
        self._turns = itertools.count()

    async def run(self) -> None:
        """Read until cancelled; return at once where no past prices are wanted."""
        if not self._history:
            return
        for stops in itertools.count():
            try:
                await self._read_on()
            except Exception as error:
                pause_s = RESTART_PAUSES_S[min(stops, len(RESTART_PAUSES_S) - 1)]
                log.error("past_prices.stopped cause=%r", type(error).__name__, exc_info=error)
                await self._notify(
                    "warning",
                    f"Past prices are not read because of an error of this program ({type(error).__name__}). "
                    f"The next try is in {pause_s / 60:g} min; until then odds are of older prices.",
                )
                await asyncio.sleep(pause_s)

    async def _read_on(self) -> None:
        pause_s = PACE_S
        while True:
            await self._clock.sleep(pause_s)
            await asyncio.sleep(MIN_PAUSE_S)
            try:
                async with asyncio.timeout(ROUND_TIMEOUT_S):
                    pause_s = await self._read_next()
            except (StoreError, TimeoutError) as error:
                log.warning("past_prices.not_recorded cause=%r", str(error) or type(error).__name__)
                pause_s = self._pause_after_failure()

    async def _read_next(self) -> float:
        """Make the next read, if any; return the exchange seconds until the one after it. Raises StoreError."""
        service = self._choose_account()
        if service is None or not self._clock.is_settled:
            # Only the exchange's own time tells which hours are over.
            return PACE_S
        now = self._clock.now()
        saved, progress = await self._store.read(read_progress)
        if any(one.read_until is not None and one.read_until > floor_hour(now) for one in progress.values()):
            await self._forget_future(floor_hour(now))
            return PACE_S
        routes = wanted_routes(
            ((one.runner.state, self._settings[name]) for name, one in self._services.items()), saved
        )
        changed = {asset: route for asset, route in routes.items() if asset not in saved or saved[asset] != route}
        if changed:
            await self._store.execute(price_bars.save_routes, changed)
        symbols = dict.fromkeys(symbol for route in routes.values() if route is not None for symbol in route.symbols)
        now_s = self._clock.elapsed_s()
        free = [symbol for symbol in symbols if self._blocked_until_s.get(symbol, now_s) <= now_s]
        read = next_bar_read(free, progress, self._history, now, MAX_HOURS)
        return IDLE_S if read is None else await self._carry_out(read, service)

    async def _carry_out(self, read: BarRead, service: AccountService) -> float:
        """Make one read by this account's session, and save what it brings or why it failed."""
        symbol, result = read.symbol, "ok"
        try:
            if read.span is None:
                await self._read_listing(symbol, service)
            else:
                await self._read_bars(symbol, read.span, service)
            for oddity in service.exchange.reference_data.take_rejected_bars():
                result = "partial"
                self._report(service, oddity, rejected=oddity)
        except PayloadRejected as error:
            result = "rejected"
            self._block(symbol, REJECTED_FOR_S)
            self._report(service, str(error), rejected=error.message, payload=error.payload)
        except ExchangeRefused as error:
            result = "failed"
            self._report(service, str(error))
            if isinstance(error, KeyInvalid):
                return self._pause_after_failure()
            self._block(symbol, REFUSED_FOR_S)
            await self._store.execute(price_bars.save_refusal, symbol, error.venue_message or error.message)
        except ExchangeError as error:
            result = "failed"
            self._report(service, str(error))
            return self._pause_after_failure()
        finally:
            self._counters.count_read(service.account, READ_NAME, result)
        self._failures = 0
        return PACE_S

    async def _read_listing(self, symbol: str, service: AccountService) -> None:
        listed_at = await service.exchange.reference_data.read_listing_time(symbol)
        if listed_at is None:
            self._block(symbol, REFUSED_FOR_S)
        else:
            await self._store.execute(price_bars.save_listing, symbol, listed_at)

    async def _read_bars(self, symbol: str, span: HourSpan, service: AccountService) -> None:
        bars = await service.exchange.reference_data.read_hourly_bars(symbol, span)
        known = (await self._store.read(read_symbol_bars, symbol, *span)).bars
        self._report_changes(symbol, known, bars, service)
        settled = settled_span(span, bars[-1].opens_at if bars else None, self._clock.now())
        if settled != span:
            self._block(symbol, UNSETTLED_FOR_S)
        if settled.hours:
            await self._store.execute(price_bars.save_bars, symbol, settled, bars)
        log.debug("past_prices.read symbol=%s bars=%d since=%s", symbol, len(bars), span.since.isoformat())

    def _report_changes(
        self, symbol: str, known: tuple[PriceBar, ...], bars: tuple[PriceBar, ...], service: AccountService
    ) -> None:
        """Report a stored bar that the exchange now gives otherwise: it was not finished, or it was corrected."""
        now_at = {bar.opens_at: bar for bar in bars}
        changed = [bar.opens_at for bar in known if now_at.get(bar.opens_at) != bar]
        if changed:
            text = f"{symbol}: the bar of {changed[-1]:%Y-%m-%d %H:%M} UTC has changed; the new one is kept"
            self._report(service, text, rejected=text)

    async def _forget_future(self, since: datetime) -> None:
        """Delete bars of hours that are not over: the time was wrong when they were read."""
        count = await self._store.execute(price_bars.forget_bars, since)
        log.warning("past_prices.forgotten count=%d since=%s", count, since.isoformat())
        await self._notify(
            "warning",
            f"Past prices reached beyond {since:%Y-%m-%d %H:%M} UTC, which is the present hour by the exchange's time: "
            f"the clock was wrong when they were read. {count} bars are deleted; those hours are read again.",
        )

    def _choose_account(self) -> AccountService | None:
        """Return an account whose session works, another one each time: one of them may be behind a bad way out."""
        working = [service for service in self._services.values() if service.has_answered]
        return working[next(self._turns) % len(working)] if working else None

    def _block(self, symbol: str, seconds: float) -> None:
        self._blocked_until_s[symbol] = self._clock.elapsed_s() + seconds

    def _pause_after_failure(self) -> float:
        pause_s = FAILURE_PAUSES_S[min(self._failures, len(FAILURE_PAUSES_S) - 1)]
        self._failures += 1
        return pause_s

    def _report(self, service: AccountService, cause: str, rejected: str | None = None, payload: str = "") -> None:
        """Record a failure as that of any other read of the account."""
        log.warning("read.failed account=%s read=%s cause=%s", service.account, READ_NAME, cause)
        service.deliver_event(ReadFailed(READ_NAME, None, self._clock.now(), cause, rejected, payload))

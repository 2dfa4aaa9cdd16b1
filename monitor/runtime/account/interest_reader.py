"""Interest of one account: every charge recorded once and none left out, and the rates in force."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from monitor.clock import Clock
from monitor.core.metrics.interest_paid import MONTH
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.events import Event, InterestRead, NextRatesRead, RatesRead
from monitor.core.numbers.intervals import Interval, complete_since, newest_gap
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import live_scope_balances
from monitor.core.state.scopes import watched_scopes
from monitor.errors import StoreError
from monitor.exchange.port import Exchange
from monitor.runtime.account.poller import ReadOnce
from monitor.store.readers.interest import read_interest_paid, read_recorded_spans
from monitor.store.store import Store
from monitor.store.writes import interest as recording

log = logging.getLogger(__name__)

RETENTION = timedelta(days=90)
"""The span of charges that the exchange keeps."""

FIRST_WINDOW = timedelta(hours=26)
"""The span read at once, for present rates and the last day; earlier charges follow little by little."""

OVERLAP = timedelta(hours=3)
"""A charge may be listed late: the newest hours are never recorded as complete, and are read again each time."""

CLOCK_TOLERANCE = timedelta(minutes=1)
"""Two measurements of the exchange's time may differ by this much and more."""

MAX_WINDOW = timedelta(days=30)
ROWS_A_REQUEST = 100
REQUEST_SPACING_S = 3.0
"""Exchange seconds between two backfill requests: 20 of weight 1 a minute, of a limit of 12,000."""

MAX_WEIGHT_SHARE = Decimal("0.5")
"""Backfill waits while more than this share of a weight pool is used."""

BUSY_WAIT_S = 15.0
AFTER_FAILURE_S = 60.0

MAX_SKIPPED_TURNS = 1
"""Consecutive reads of the coming rates that are skipped while balances are polled at their shortest regular intervals.

With more, a rate would become stale.
"""

Guarded = Callable[[str, Scope | None, ReadOnce], Awaitable[bool]]
"""A wrapper that makes a read; it returns False for a failure, which is delivered."""


class InterestReader:
    """Reader of one account's interest. Charges are stored in one transaction with the span that they complete.

    So nothing is missed after any interruption: a span that is not recorded as complete is read again.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: AccountSettings,
        clock: Clock,
        store: Store,
        deliver: Callable[[Event], None],
        state: Callable[[], AccountState],
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        self._store = store
        self._deliver = deliver
        self._state = state
        self._was_read = asyncio.Event()
        self._cross_is_next = True
        self._skipped_turns = 0

    async def read_new(self, run_guarded: Guarded) -> None:
        """Read the newest charges of every scope and deliver the sums of all recorded ones."""
        try:
            for scope in self._scopes():
                await run_guarded("interest", scope, partial(self._read_newest, scope))
            await self._deliver_paid()
        except StoreError as error:
            log.error("interest.unrecorded account=%s cause=%s", self._settings.account, error)
        self._was_read.set()

    async def backfill(self, run_guarded: Guarded) -> None:
        """Read missing charges of 90 days until cancelled: after each read of new charges, the newest first.

        Other reads go first.
        """
        while True:
            await self._was_read.wait()
            self._was_read.clear()
            try:
                await self._backfill(run_guarded)
            except StoreError as error:
                log.error("interest.unrecorded account=%s cause=%s", self._settings.account, error)
                await self._clock.sleep(AFTER_FAILURE_S)

    async def read_rates(self, run_guarded: Guarded) -> None:
        """Read the rates in force of assets held or owed in cross, and the coming hour's rates of owed assets."""
        owed = {
            scope: _assets(b for b in live_scope_balances(self._state(), scope) if b.borrowed)
            for scope in self._scopes()
        }
        cross = owed.pop(CROSS, [])
        isolated = sorted({asset for assets in owed.values() for asset in assets})
        if self._settings.cross:
            await run_guarded("interest_rates", CROSS, partial(self._read_rates, cross))
        if (cross or isolated) and not self._skips_next_rates(cross, isolated):
            await run_guarded("interest_rates", None, partial(self._read_next_rates, cross, isolated))

    def _skips_next_rates(self, cross: list[str], isolated: list[str]) -> bool:
        """Return whether the read of the coming rates is skipped this time.

        It is skipped where cross and pairs both have liabilities and are neither safe nor in danger. Their balances
        alone then cost twenty of weight a minute, the coming rates more than all other reads.
        """
        pace, state = self._settings.poll_intervals, self._state()
        paced = {name: known.interval for name, known in state.polling.intervals.items()}
        at_full_pace = paced == {"cross": pace.cross, "isolated": pace.isolated}
        if (
            not (at_full_pace and cross and isolated and state.interest.next_rates)
            or self._skipped_turns == MAX_SKIPPED_TURNS
        ):
            self._skipped_turns = 0
            return False
        self._skipped_turns += 1
        return True

    async def _read_newest(self, scope: Scope) -> None:
        now = self._clock.now()
        spans = (await self._complete_spans()).get(scope, ())
        since = max(now - FIRST_WINDOW, min(now, spans[-1][1])) if spans else now - FIRST_WINDOW
        await self._read_and_record(scope, since, now)

    async def _backfill(self, guarded: Guarded) -> None:
        given_up: set[Scope] = set()
        is_month_told = filled = False
        while (gap := await self._newest_gap(given_up)) is not None:
            scope, (since, until) = gap
            if filled and not is_month_told and until <= self._clock.now() - MONTH:
                is_month_told = True
                await self._deliver_paid()
            while self._exchange.weight_used > MAX_WEIGHT_SHARE:
                await self._clock.sleep(BUSY_WAIT_S)
            if await guarded("interest", scope, partial(self._read_older, scope, since, until)):
                filled = True
            else:
                # The scope is tried again after the next read of new charges.
                given_up.add(scope)
        if filled:
            log.info("interest.complete account=%s", self._settings.account)
            await self._deliver_paid()

    async def _read_older(self, scope: Scope, since: datetime, until: datetime) -> None:
        rows = await self._read_and_record(scope, since, until)
        await self._clock.sleep(REQUEST_SPACING_S * (1 + rows // ROWS_A_REQUEST))

    async def _read_and_record(self, scope: Scope, since: datetime, until: datetime) -> int:
        """Read and record the charges of a span; return their number."""
        before = self._clock.now()
        charges = await self._exchange.interest.read_charges(scope, since, until)
        # Nothing shows whether a moment has passed while the time is only estimated or was corrected meanwhile.
        complete = None if self._clock.offset is None else min(until, before - OVERLAP, self._clock.now() - OVERLAP)
        span = None if complete is None else (since, complete)
        await self._store.execute(recording.record_charges, self._settings.account, scope, charges, span)
        return len(charges)

    async def _newest_gap(self, given_up: set[Scope]) -> tuple[Scope, Interval] | None:
        """Return the newest missing window of all scopes."""
        now, spans = self._clock.now(), await self._complete_spans()
        gaps = {
            scope: gap
            for scope in self._scopes()
            # Up to the newest span: charges after that belong to the next read of new charges.
            if scope not in given_up
            and (known := spans.get(scope))
            and (gap := newest_gap(known, now - RETENTION, known[-1][1], MAX_WINDOW)) is not None
        }
        return max(gaps.items(), key=lambda item: item[1][1], default=None)

    async def _deliver_paid(self) -> None:
        now, spans = self._clock.now(), await self._complete_spans()
        until = now - OVERLAP - self._settings.interest_stale_after
        since = [complete_since(spans.get(scope, ()), until) for scope in self._scopes()]
        paid = await self._store.read(read_interest_paid, self._settings.account, now)
        known = [moment for moment in since if moment is not None]
        self._deliver(InterestRead(paid, max(known) if known and len(known) == len(since) else None, now))

    async def _read_rates(self, owed: list[str]) -> None:
        now, reads = self._clock.now(), self._exchange.interest
        held = _assets(live_scope_balances(self._state(), CROSS))
        hourly = await reads.read_rates()
        then = {asset: await reads.read_rate_at(asset, now - timedelta(hours=24)) for asset in owed}
        self._deliver(
            RatesRead(
                hourly={asset: hourly[asset] for asset in held if asset in hourly},
                day_ago={asset: rate for asset, rate in then.items() if rate is not None},
                at=now,
            )
        )

    async def _read_next_rates(self, cross: list[str], isolated: list[str]) -> None:
        now, reads, known = self._clock.now(), self._exchange.interest, self._state().interest.next_rates
        if known is None or not (cross and isolated):
            told = NextRatesRead(
                cross=await reads.read_next_rates(cross, isolated=False),
                isolated=await reads.read_next_rates(isolated, isolated=True),
                at=now,
            )
        # The most expensive of the regular reads: where both have liabilities they take turns.
        elif self._cross_is_next:
            told = replace(known, cross=await reads.read_next_rates(cross, isolated=False), at=now)
        else:
            told = replace(known, isolated=await reads.read_next_rates(isolated, isolated=True), at=now)
        self._cross_is_next = not self._cross_is_next
        self._deliver(told)

    def _scopes(self) -> tuple[Scope, ...]:
        return watched_scopes(self._state(), self._settings)

    async def _complete_spans(self) -> dict[Scope, tuple[Interval, ...]]:
        """Return the complete spans of each scope.

        A span that ends later than possible was recorded by a clock that was ahead. Its missing charges are unknown, so
        all of it is read again.
        """
        found = await self._store.read(read_recorded_spans, self._settings.account)
        latest = self._clock.now() - OVERLAP + CLOCK_TOLERANCE
        if self._clock.offset is not None and any(spans[-1][1] > latest for spans in found.values()):
            log.warning("interest.from_the_future account=%s", self._settings.account)
            await self._store.execute(recording.drop_spans_after, self._settings.account, latest)
        return {
            Scope(symbol): tuple(span for span in spans if span[1] <= latest) for (_, symbol), spans in found.items()
        }


def _assets(balances: Iterable[Balance]) -> list[str]:
    return sorted({balance.asset for balance in balances if not balance.is_zero})

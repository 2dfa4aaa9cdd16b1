"""Closing of gaps in an account's record: the movements within them are read from the exchange's histories."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from monitor.clock import Clock
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import Scope
from monitor.core.model.events import Event, ReadFailed
from monitor.core.model.ledger import MarginTransfer
from monitor.core.model.order import ExchangeRecord
from monitor.core.model.reads import GapHistoryRead
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.attribution import TRACE_WINDOW
from monitor.core.state.record_coverage import NOTIFY_AFTER_FAILURES, RECORD_READ
from monitor.core.state.scopes import watched_scopes
from monitor.exchange.port import Exchange
from monitor.runtime.account.poller import GuardedRead

log = logging.getLogger(__name__)

GAP_CHECK_EVERY_S = 0.2
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Machine seconds between failed tries, without end."""

LATE_REPORT_EVERY_S = 5.0
"""Machine seconds between two checks whether a gap is still open; each open one counts as a failed read."""

MAX_PARALLEL_SCOPES = 5
"""The number of scopes whose histories are read in parallel."""


class RecordGapReader:
    """One account's reader of gaps. Where no action may send orders, gaps don't matter."""

    def __init__(
        self,
        exchange: Exchange,
        settings: AccountSettings,
        clock: Clock,
        deliver: Callable[[Event], None],
        state: Callable[[], AccountState],
        actions: Sequence[ActionSpec],
        safety: SafetySettings,
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        self._deliver = deliver
        self._state = state
        self._has_live_actions = any(spec.mode != "dry-run" for spec in actions)
        self._safety = safety
        self._reread: tuple[datetime, datetime] | None = None
        """A gap that was closed: its start, and the time of the read. The histories may show its end late."""

    async def run(self, run_guarded: GuardedRead) -> None:
        """Read gaps until cancelled."""
        if not self._has_live_actions:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_gaps(run_guarded))
            tasks.create_task(self._report_late())

    async def _read_gaps(self, run_guarded: GuardedRead) -> None:
        failures = 0
        while True:
            wanted = self._next_window()
            if wanted is None:
                await asyncio.sleep(GAP_CHECK_EVERY_S)
                continue
            since, until = wanted
            is_second = self._state().record_coverage.gap_since is None

            async def read(since: datetime = since, until: datetime = until) -> None:
                self._deliver(await self._read(since, until))

            if await run_guarded(RECORD_READ, None, read):
                failures = 0
                self._reread = None if is_second else wanted
                await self._wait_until_applied(since)
            else:
                failures += 1
                if is_second and failures >= NOTIFY_AFTER_FAILURES:
                    self._reread, failures = None, 0
                await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])

    async def _report_late(self) -> None:
        """Report a gap that stays open although no read fails: nothing else would report that nothing is sent."""
        while True:
            await asyncio.sleep(LATE_REPORT_EVERY_S)
            state = self._state()
            if state.record_coverage.gap_since is None or state.record_coverage.is_failing:
                continue
            cause = self._missing_input() or "its history does not answer in time"
            log.warning("record.late account=%s cause=%s", state.account, cause)
            self._deliver(ReadFailed(RECORD_READ, None, self._clock.now(), cause))

    def _missing_input(self) -> str | None:
        """Return what must be known before a gap can be read; None: nothing more."""
        state = self._state()
        if self._settings.cross and state.cross is None:
            return "the cross account is not read yet"
        if self._settings.isolated != () and state.isolated is None:
            return "the isolated pairs are not read yet"
        return "whose account it is, is not known yet" if state.keys.owner is None else None

    def _next_window(self) -> tuple[datetime, datetime] | None:
        """Return start and end of the next window to read; None: nothing for now."""
        if self._missing_input() is not None:
            # The scopes are not known yet, or the actions taken in the account under other names.
            return None
        now, open_since = self._clock.now(), self._state().record_coverage.gap_since
        if open_since is not None:
            return min(open_since, now), now
        if self._reread is not None and now - self._reread[1] >= self._safety.settle:
            # Movements after the gap are recorded, or a person's.
            return self._reread
        return None

    async def _wait_until_applied(self, since: datetime) -> None:
        """Wait a moment until the read is applied: another one would show the same."""
        for _ in range(10):
            open_since = self._state().record_coverage.gap_since
            if open_since is None or open_since < since:
                return
            await asyncio.sleep(GAP_CHECK_EVERY_S / 4)

    async def _read(self, since: datetime, until: datetime) -> GapHistoryRead:
        places = watched_scopes(self._state(), self._settings)
        repayments: list[tuple[Scope, tuple[ExchangeRecord, ...]]] = []
        transfers: list[MarginTransfer] = []
        for first in range(0, len(places), MAX_PARALLEL_SCOPES):
            some = places[first : first + MAX_PARALLEL_SCOPES]
            # What the last known orders moved is read as well: it must not be missed by them, and explain what is lost.
            found = await asyncio.gather(*(self._read_scope(scope, since - TRACE_WINDOW, until) for scope in some))
            for scope, (repaid, moved) in zip(some, found, strict=True):
                repayments.append((scope, repaid))
                transfers += moved
        return GapHistoryRead(since, until, tuple(repayments), tuple(transfers))

    async def _read_scope(
        self, scope: Scope, since: datetime, until: datetime
    ) -> tuple[tuple[ExchangeRecord, ...], tuple[MarginTransfer, ...]]:
        activity = self._exchange.activity
        # Read every kind whatever actions are live now: a gap is closed once, and another kind may go live later.
        return await activity.read_repayments(scope, since, until), await activity.read_transfers(scope, since, until)

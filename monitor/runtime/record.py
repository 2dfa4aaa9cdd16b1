"""Closes the gaps in an account's record: what moved in them is read from the exchange's own histories."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from monitor.clock import Clock
from monitor.core.account import Scope
from monitor.core.actions.spec import ActionSpec, Safety
from monitor.core.events import Event
from monitor.core.intents import Record
from monitor.core.ledger import MarginTransfer
from monitor.core.record import RECORD, RecordRead
from monitor.core.state import AccountState, Settings, scopes
from monitor.exchange.port import Exchange
from monitor.runtime.surroundings import Guarded

LOOK_S = 0.2
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Machine seconds between tries that fail, however long they do."""

AT_ONCE = 5
"""The histories of so many scopes are read side by side."""


class RecordWatch:
    """One account's reader of gaps. Where no action may send, none matters."""

    def __init__(
        self,
        exchange: Exchange,
        settings: Settings,
        clock: Clock,
        deliver: Callable[[Event], None],
        state: Callable[[], AccountState],
        actions: Sequence[ActionSpec],
        safety: Safety,
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        self._deliver = deliver
        self._state = state
        kinds = {spec.kind for spec in actions if spec.mode != "dry-run"}
        self._acts = bool(kinds)
        self._repays = not kinds.isdisjoint({"repay", "reduce", "transfer_in"})
        self._transfers = "transfer_in" in kinds
        self._safety = safety
        self._again: tuple[datetime, datetime] | None = None
        """A gap that was closed, since the histories may tell late of its end: from when on, and when it was read."""

    async def run(self, guarded: Guarded) -> None:
        """Until cancelled."""
        failures = 0
        while self._acts:
            wanted = self._wanted()
            if wanted is None:
                await asyncio.sleep(LOOK_S)
                continue
            until = self._clock.now()
            since = min(wanted, until)

            async def read(since: datetime = since, until: datetime = until) -> None:
                self._deliver(await self._read(since, until))

            if await guarded(RECORD, None, read):
                failures = 0
                is_second = self._again is not None and self._state().record.open_since is None
                self._again = None if is_second else (since, until)
                await self._taken(since)
            else:
                failures += 1
                await asyncio.sleep(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])

    def _wanted(self) -> datetime | None:
        """From when on to read; None: nothing, for now."""
        state = self._state()
        lacks_cross = self._settings.cross and state.cross is None
        lacks_pairs = self._settings.isolated != () and state.isolated is None
        if lacks_cross or lacks_pairs or state.owner is None:
            # Which scopes there are is not known, or what was done in the account under other names.
            return None
        if state.record.open_since is not None:
            return state.record.open_since
        if self._again is not None and self._clock.now() - self._again[1] >= self._safety.settle:
            return self._again[0]
        return None

    async def _taken(self, since: datetime) -> None:
        """Wait until the read was looked at, for a moment: another one would tell the same."""
        for _ in range(10):
            open_since = self._state().record.open_since
            if open_since is None or open_since < since:
                return
            await asyncio.sleep(LOOK_S / 4)

    async def _read(self, since: datetime, until: datetime) -> RecordRead:
        places = scopes(self._state(), self._settings)
        repayments: list[tuple[Scope, tuple[Record, ...]]] = []
        transfers: list[MarginTransfer] = []
        for first in range(0, len(places), AT_ONCE):
            some = places[first : first + AT_ONCE]
            found = await asyncio.gather(*(self._of_scope(scope, since, until) for scope in some))
            for scope, (repaid, moved) in zip(some, found, strict=True):
                repayments.append((scope, repaid))
                transfers += moved
        return RecordRead(since, until, tuple(repayments), tuple(transfers))

    async def _of_scope(
        self, scope: Scope, since: datetime, until: datetime
    ) -> tuple[tuple[Record, ...], tuple[MarginTransfer, ...]]:
        around = self._exchange.surroundings
        repaid = await around.repayments(scope, since, until) if self._repays else ()
        moved = await around.transfers(scope, since, until) if self._transfers else ()
        return repaid, moved

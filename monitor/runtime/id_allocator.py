"""Ids of new alerts and intents, shared by all accounts of the daemon."""

import secrets
from datetime import UTC, datetime

from monitor.core.engine.step import IdSource
from monitor.store.startup import NextIds
from monitor.store.store import Store
from monitor.store.writes.id_allocation import FIRST_UNRECORDED_ALERT_ID, ID_BLOCK_SIZE

_RANGE_EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
_FIRST_UNRECORDED_INTENT = 2_000_000_000
_PARTS, _PART_SIZE = 8_000_000, 1000
"""Parts of the range for alerts begun while no database was known: people still type ten digits at most."""


class IdAllocator:
    """Ids of new alerts and intents, none given twice in a process.

    While the database is not known they come from a range of their own. It starts at the second of the daemon's start,
    so that two starts without the database never share an id. Several daemons may start in one second: where they share
    the database, each has a random part of that range for its alerts, and no order is decided without the database.

    A daemon that shares the database has blocks of ids (`refresh`); where a block is used up before the next one could
    be reserved, ids come from that range as well, and rise again in the next block.
    """

    def __init__(self, now: datetime, is_shared: bool = False) -> None:
        """`is_shared`: several daemons may give ids at the same time."""
        second = max(0, int((now - _RANGE_EPOCH).total_seconds()))
        part = secrets.randbelow(_PARTS) * _PART_SIZE if is_shared else second
        self._alert = FIRST_UNRECORDED_ALERT_ID + part
        self._intent = _FIRST_UNRECORDED_INTENT + second
        self._is_known = False
        self._block_ends: tuple[int, int] | None = None
        self._spare_alert, self._spare_intent = self._alert, self._intent
        self.ids = IdSource(self._next_alert, self._next_intent)

    async def refresh(self, store: Store, now: datetime) -> NextIds:
        """Continue above all ids of the database, and return the first free ones. Raises StoreError.

        Where several daemons share it, each has blocks of its own: no two give the same id, whoever stood still.
        """
        if not store.is_shared:
            first = await store.next_ids(now)
            self.continue_from(first)
            return first
        above = (self._alert, self._intent) if self._is_known else (0, 0)
        block = await store.reserve_ids(now, above=above)
        if not self._is_known:
            self._spare_alert, self._spare_intent = self._alert, self._intent
        self._alert, self._intent, self._is_known = block.first.alert, block.first.intent, True
        self._block_ends = block.alerts_end, block.intents_end
        return block.first

    @property
    def needs_block(self) -> bool:
        """True if the daemon has no block of ids yet, or used half of it."""
        if self._block_ends is None:
            return True
        left = min(self._block_ends[0] - self._alert, self._block_ends[1] - self._intent)
        return not 2 * left > ID_BLOCK_SIZE

    def continue_from(self, first: NextIds) -> None:
        """Continue from the first free ids of the database."""
        self._alert = max(self._alert, first.alert) if self._is_known else first.alert
        self._intent = max(self._intent, first.intent) if self._is_known else first.intent
        self._is_known = True

    def _next_alert(self) -> int:
        if self._block_ends is not None and self._alert >= self._block_ends[0]:
            self._spare_alert += 1
            return self._spare_alert - 1
        self._alert += 1
        return self._alert - 1

    def _next_intent(self) -> int:
        if self._block_ends is not None and self._intent >= self._block_ends[1]:
            self._spare_intent += 1
            return self._spare_intent - 1
        self._intent += 1
        return self._intent - 1

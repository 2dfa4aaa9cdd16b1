"""The numbers of new alerts and intents, shared by all accounts of the daemon."""

import itertools
from datetime import UTC, datetime

from monitor.core.engine import Ids
from monitor.store.load import FIRST_UNRECORDED, NextIds

_SINCE = datetime(2025, 1, 1, tzinfo=UTC)
_FIRST_INTENT = 2_000_000_000


class Numbers:
    """Rising, and never given twice. While the database is not known they are of a range of their own.

    That range begins anew with the second of each start, so that two starts without the database never share one.
    """

    def __init__(self, now: datetime) -> None:
        second = max(0, int((now - _SINCE).total_seconds()))
        self._alerts = itertools.count(FIRST_UNRECORDED + second)
        self._intents = itertools.count(_FIRST_INTENT + second)
        self.ids = Ids(lambda: next(self._alerts), lambda: next(self._intents))

    def go_on_from(self, first: NextIds) -> None:
        """The database tells where its numbers end."""
        self._alerts = itertools.count(first.alert)
        self._intents = itertools.count(first.intent)

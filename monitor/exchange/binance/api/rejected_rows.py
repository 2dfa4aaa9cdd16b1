"""Rows of answers that are left out: each is reported once as long as it is rejected."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.row_decoding import RejectedRow, decode_rows

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_PENDING = 100
"""Maximum reports that wait to be fetched; further ones are in the log alone."""


def decode_content(endpoint: Endpoint[T], response: ApiResponse) -> T:
    """Return the decoded body; unreadable rows that may be left out are noted in `response`. Raises Implausible."""
    if endpoint.rows is None:
        return decode(response.body, endpoint.answer)
    content, odd = decode_rows(response.body, endpoint.answer, endpoint.rows)
    response.rejected_rows.extend(odd)
    return content


class RejectedRows:
    """Rejected rows of the newest answers, by read, and the reports that were not fetched yet."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[RejectedRow]] = {}
        self._pending: list[tuple[str, str]] = []

    def record(self, account: str, read: str, rows: Iterable[RejectedRow]) -> None:
        """Record the rejected rows of the newest answer to a read."""
        now = frozenset(rows)
        known = self._known.get(read, frozenset())
        for row in sorted(now, key=lambda row: row.name):
            if all(row.name != before.name for before in known):
                log.warning("exchange.row_rejected account=%s read=%r row=%s why=%r", account, read, row.name, row.why)
                if len(self._pending) < MAX_PENDING:
                    self._pending.append((read, f"{read}: {row.name} is left out: {row.why}"))
        self._known[read] = now

    def take(self, is_wanted: Callable[[str], bool]) -> tuple[str, ...]:
        """Return the reports since the last call about the reads that are wanted."""
        taken = tuple(text for read, text in self._pending if is_wanted(read))
        self._pending = [(read, text) for read, text in self._pending if not is_wanted(read)]
        return taken

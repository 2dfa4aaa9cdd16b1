"""Rows of answers that are left out: each is told once, and again when something else is odd about it."""

import logging
from collections.abc import Iterable
from typing import TypeVar

from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.row_decoding import RejectedRow, decode_rows

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_PENDING = 100
"""So many oddities wait to be fetched; those beyond are in the log alone."""


def decode_content(endpoint: Endpoint[T], response: ApiResponse) -> T:
    """The decoded body; rows that may be left out and can't be read are noted in the answer. Raises Implausible."""
    if endpoint.rows is None:
        return decode(response.body, endpoint.answer)
    content, odd = decode_rows(response.body, endpoint.answer, endpoint.rows)
    response.rejected_rows.extend(odd)
    return content


class RejectedRows:
    """What is odd about rows now, by read, and what of it nobody fetched yet."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[RejectedRow]] = {}
        self._pending: list[str] = []

    def record(self, account: str, read: str, rows: Iterable[RejectedRow]) -> None:
        """What is odd about the newest answer to a read."""
        now = frozenset(rows)
        known = self._known.get(read, frozenset())
        for row in sorted(now, key=lambda row: row.name):
            if all(row.name != before.name for before in known):
                log.warning("exchange.row_rejected account=%s read=%r row=%s why=%r", account, read, row.name, row.why)
                if len(self._pending) < MAX_PENDING:
                    self._pending.append(f"{read}: {row.name} is left out: {row.why}")
        self._known[read] = now

    def take(self) -> tuple[str, ...]:
        """What became odd since the last time."""
        taken, self._pending = tuple(self._pending), []
        return taken

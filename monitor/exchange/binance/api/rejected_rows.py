"""Rows of answers that are left out: each is told once, and again when something else is odd about it."""

import logging
from collections.abc import Iterable
from typing import TypeVar

from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import Answer
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.row_decoding import OddRow, decode_rows

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_WAITING = 100
"""So many oddities wait to be fetched; those beyond are in the log alone."""


def content_of(endpoint: Endpoint[T], answer: Answer) -> T:
    """The decoded body; rows that may be left out and can't be read are noted in the answer. Raises Implausible."""
    if endpoint.rows is None:
        return decode(answer.body, endpoint.answer)
    content, odd = decode_rows(answer.body, endpoint.answer, endpoint.rows)
    answer.odd.extend(odd)
    return content


class Oddities:
    """What is odd about rows now, by read, and what of it nobody fetched yet."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[OddRow]] = {}
        self._waiting: list[str] = []

    def note(self, account: str, read: str, odd: Iterable[OddRow]) -> None:
        """What is odd about the newest answer to a read."""
        now = frozenset(odd)
        known = self._known.get(read, frozenset())
        for row in sorted(now, key=lambda row: row.name):
            if all(row.name != before.name for before in known):
                log.warning("exchange.row_rejected account=%s read=%r row=%s why=%r", account, read, row.name, row.why)
                if len(self._waiting) < MAX_WAITING:
                    self._waiting.append(f"{read}: {row.name} is left out: {row.why}")
        self._known[read] = now

    def take(self) -> tuple[str, ...]:
        """What became odd since the last time."""
        taken, self._waiting = tuple(self._waiting), []
        return taken

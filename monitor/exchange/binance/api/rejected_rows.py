"""Content of answers, and rows that are left out: each is reported once as long as it is rejected."""

import logging
from collections.abc import Callable, Container, Iterable
from typing import TypeVar, cast

from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.payload_rejection import build_payload_rejection
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.numbers import ImplausibleValue
from monitor.exchange.binance.wire.row_decoding import RejectedRow, decode_rows

log = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")

MAX_PENDING = 100
"""Maximum reports that wait to be fetched; further ones are in the log alone."""


def decode_content(endpoint: Endpoint[T], response: ApiResponse) -> T:
    """Return the decoded body; unreadable rows that may be left out are noted in `response`. Raises Implausible."""
    if endpoint.answer not in response.decoded:
        response.decoded[endpoint.answer] = (
            (decode(response.body, endpoint.answer), ())
            if endpoint.rows is None
            else decode_rows(response.body, endpoint.answer, endpoint.rows)
        )
    content, odd = response.decoded[endpoint.answer]
    response.rejected_rows.extend(odd)
    return cast("T", content)


def drop_rows_of_others(response: ApiResponse, own: Container[str]) -> None:
    """Drop the rejected rows whose names are not among the account's `own`; those without a name concern everybody."""
    response.rejected_rows[:] = [row for row in response.rejected_rows if not row.is_named or row.name in own]


def translate_response(endpoint: Endpoint[T], response: ApiResponse, translate: Callable[[T, ApiResponse], U]) -> U:
    """Return the response converted by `translate`, whose Implausible rejects it. Raises PayloadRejected."""
    try:
        return translate(decode_content(endpoint, response), response)
    except ImplausibleValue as why:
        raise build_payload_rejection(endpoint, str(why), response.body) from why


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

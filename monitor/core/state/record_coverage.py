"""How far back the record of an account is whole, and what moved in its gaps that no order of the record explains."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.margin.usdt_prices import usdt_price
from monitor.core.model.account import Price
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import SAME_EVENT_TOLERANCE, ForeignMovement, LedgerRow
from monitor.core.model.reads import GapHistoryRead
from monitor.core.numbers.amounts import ZERO, format_decimal
from monitor.core.numbers.durations import DAY
from monitor.core.state.attribution import attribute_ledger_rows, attribute_transfers
from monitor.core.state.foreign_movements import find_foreign_movements

RECORD_READ = "record"
"""The name of the reads that close a gap."""

NOTIFY_AFTER_FAILURES = 3
"""Reads of the gap that fail one after the other until people hear of it: the first ones may only come too early."""

MAX_CLOCK_AHEAD = timedelta(seconds=10)
"""A record that reaches further into the future than the clock may be off is not believed."""


@dataclass(frozen=True, slots=True)
class RecordCoverage:
    """What the record lacks. `open_since`: what moved since then is not known; None: nothing is lacking.

    `open_until`: from then on everything is recorded again. `failures` are the reads of the gap that failed in a row,
    or the second reads of one that is closed; `cause` is why the last one did. `found` is what moved in gaps of the
    last day and could be the doing of an earlier daemon.
    """

    gap_since: datetime | None = None
    gap_until: datetime | None = None
    failures: int = 0
    cause: str = ""
    gap_movements: tuple[ForeignMovement, ...] = ()

    @property
    def is_failing(self) -> bool:
        return self.gap_since is not None and self.failures >= NOTIFY_AFTER_FAILURES

    @property
    def objection(self) -> str | None:
        """Why nothing may be sent, with what a hand can do; None where the record is whole."""
        if self.gap_since is None:
            return None
        since = f"what moved since {self.gap_since:%Y-%m-%d %H:%M} UTC"
        if not self.is_failing:
            return f"{since} is being read from the exchange's history; it goes on after that"
        return f"{since} can't be read from the exchange ({self.cause}), so the limits are not known; act by hand"


def start_coverage(
    known_until: datetime | None, gap_movements: tuple[ForeignMovement, ...], now: datetime
) -> RecordCoverage:
    """The record with which a daemon begins: whatever passed since `known_until` is a gap, of a day at most.

    None, as in a new database or for an account new to it: nothing of the last day is known.
    """
    known = deduplicate_movements(gap_movements)
    if known_until is None or known_until > now + MAX_CLOCK_AHEAD:
        return RecordCoverage(now - DAY, now, gap_movements=known)
    # The exchange may date a thing a moment before we did.
    return RecordCoverage(max(now - DAY, min(known_until, now) - SAME_EVENT_TOLERANCE), now, gap_movements=known)


def reopen_gap(coverage: RecordCoverage, since: datetime, now: datetime) -> RecordCoverage:
    """The record with a gap from `since` on, or from earlier where one is open."""
    begins = max(now - DAY, since - SAME_EVENT_TOLERANCE)
    if coverage.gap_since is None:
        return RecordCoverage(begins, now, gap_movements=coverage.gap_movements)
    return replace(coverage, gap_since=min(begins, coverage.gap_since), gap_until=now)


def count_failure(coverage: RecordCoverage, cause: str) -> RecordCoverage:
    """The record after a read of its gap, the first or the second one, that gave nothing."""
    return replace(coverage, failures=coverage.failures + 1, cause=cause)


def closes_gap(coverage: RecordCoverage, history: GapHistoryRead, now: datetime) -> bool:
    """Whether the read reaches from the beginning of the gap to its end.

    An end that is still to come was taken before the clock was set back.
    """
    since, until = coverage.gap_since, coverage.gap_until
    if since is None or history.since > since:
        return False
    return until is None or until > now or history.until >= until


def apply_history(
    coverage: RecordCoverage, history: GapHistoryRead, intents: Iterable[Intent], now: datetime
) -> RecordCoverage:
    """The record with what the read tells; the gap is closed where the read spans all of it."""
    known = deduplicate_movements(
        one for one in (*coverage.gap_movements, *find_unexplained(history, intents, now)) if now - one.at < DAY
    )
    if coverage.gap_since is None or closes_gap(coverage, history, now):
        return RecordCoverage(gap_movements=known)
    return replace(coverage, gap_movements=known)


def deduplicate_movements(movements: Iterable[ForeignMovement]) -> tuple[ForeignMovement, ...]:
    """The movements in order, each once, however often it was read: the exchange's number of its row tells it apart.

    One that an older version has recorded has no such number, and goes where the same was read with one.
    """
    every = tuple(movements)
    by_key = {(one.kind, one.key): one for one in every if one.key}
    numbered = {_without_number(one) for one in by_key.values()}
    older = {_without_number(one): one for one in every if not one.key and _without_number(one) not in numbered}
    known = (*by_key.values(), *older.values())
    return tuple(sorted(known, key=lambda one: (one.at, one.kind, str(one.scope), one.asset, one.amount, one.key)))


def exclude_known(
    movements: Iterable[ForeignMovement], known: Iterable[ForeignMovement]
) -> tuple[ForeignMovement, ...]:
    """Those of the movements that were read for the first time."""
    keys = {(one.kind, one.key) for one in known}
    return tuple(one for one in movements if (one.kind, one.key) not in keys)


def _without_number(movement: ForeignMovement) -> ForeignMovement:
    """The same movement without what tells it apart from an equal one, and without what only one read may tell."""
    return replace(movement, key="", is_certain=False)


def find_unexplained(history: GapHistoryRead, intents: Iterable[Intent], now: datetime) -> tuple[ForeignMovement, ...]:
    """What an action could have moved in that time, and no intent of the record explains."""
    known = tuple(intents)
    movements = attribute_transfers(history.transfers, known, now)
    for scope, rows in history.repayments:
        done = tuple(row for row in rows if row.status != "FAILED")
        as_ledger = (
            LedgerRow(scope, int(row.ref), int(row.ref), row.at, row.asset, "REPAY", row.amount) for row in done
        )
        movements += attribute_ledger_rows(as_ledger, done, known, now)
    # The same thing is read more than once: when, tells nothing.
    return tuple(replace(one, seen_at=one.at) for one in find_foreign_movements(movements))


def gap_movements_text(account: str, movements: Iterable[ForeignMovement]) -> str:
    """The notice of what was found."""
    listed = "; ".join(
        f"{_VERBS[one.kind]} {format_decimal(one.amount)} {one.asset}, {one.scope}, {one.at:%H:%M:%S} UTC"
        for one in movements
    )
    return (
        f"{account}: moved while nothing was recorded, and by no order that is known here: {listed}. It counts against "
        "the limits of 24 hours, as if an action had done it."
    )


def gap_unread_text(account: str, coverage: RecordCoverage) -> str:
    """The notice that a gap can't be read."""
    return f"{account}: nothing is sent: {coverage.objection}. Reading goes on."


def second_read_abandoned_text(account: str, coverage: RecordCoverage) -> str:
    """The notice that the second read of a gap is given up."""
    return (
        f"{account}: what the exchange's history shows late of the time before the start can't be read "
        f"({coverage.cause}), and is not tried again: what moved in the last moments before it may be missing in the "
        "limits of 24 hours; look at the history there."
    )


_VERBS = {"repay": "repaid", "reduce": "repaid by the exchange", "transfer_in": "brought in", "cancel_orders": ""}


@dataclass(frozen=True, slots=True)
class PricedMovement:
    """One movement of a gap, and its worth in USDT; None: there is no price for it."""

    movement: ForeignMovement
    amount_usdt: Decimal | None

    def counted_amount(self, in_asset: str | None) -> Decimal | None:
        """What it takes of limits in this asset, or in USDT where none is named; None: it can't be told."""
        if in_asset is None:
            return self.amount_usdt
        return self.movement.amount if self.movement.asset == in_asset else ZERO


def price_movements(movements: Iterable[ForeignMovement], prices: Mapping[str, Price]) -> tuple[PricedMovement, ...]:
    """What was found, at the present prices."""
    worths = ((one, usdt_price(one.asset, prices)) for one in movements)
    return tuple(PricedMovement(one, None if price is None else one.amount * price) for one, price in worths)

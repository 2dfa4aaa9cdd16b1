"""The gap in an account's own record, and movements in it that no intent explains."""

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
"""Name of the reads that close a gap."""

NOTIFY_AFTER_FAILURES = 3
"""Number of failed reads of a gap, in a row, after which people are notified: the first may only come too early."""

MAX_CLOCK_AHEAD = timedelta(seconds=10)
"""Maximum time that a record may be ahead of the clock; a record further ahead is not trusted."""


@dataclass(frozen=True, slots=True)
class RecordCoverage:
    """The gap in the record. `gap_since`: movements since then are not known; None: there is no gap.

    `gap_until`: everything is recorded again from then on. `failures` is the number of reads of the gap that failed in
    a row, or of second reads of a closed gap; `cause` is the reason of the last failure. `gap_movements` are movements
    in gaps of the last day that an earlier daemon could have made.
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
        """The reason why nothing may be sent, with the manual remedy; None without a gap."""
        if self.gap_since is None:
            return None
        since = f"what moved since {self.gap_since:%Y-%m-%d %H:%M} UTC"
        if not self.is_failing:
            return f"{since} is being read from the exchange's history; it goes on after that"
        return f"{since} can't be read from the exchange ({self.cause}), so the limits are not known; act by hand"


def start_coverage(
    known_until: datetime | None, gap_movements: tuple[ForeignMovement, ...], now: datetime
) -> RecordCoverage:
    """Return the record coverage with which a daemon starts: all time since `known_until` is a gap, of a day at most.

    `known_until` None, as in a new database or for an account new to it: nothing of the last day is known.
    """
    known = deduplicate_movements(gap_movements)
    if known_until is None or known_until > now + MAX_CLOCK_AHEAD:
        return RecordCoverage(now - DAY, now, gap_movements=known)
    # The exchange may date an event a moment before we did.
    return RecordCoverage(max(now - DAY, min(known_until, now) - SAME_EVENT_TOLERANCE), now, gap_movements=known)


def reopen_gap(coverage: RecordCoverage, since: datetime, now: datetime) -> RecordCoverage:
    """Return the coverage with a gap from `since` on, or from earlier if one is open."""
    begins = max(now - DAY, since - SAME_EVENT_TOLERANCE)
    if coverage.gap_since is None:
        return RecordCoverage(begins, now, gap_movements=coverage.gap_movements)
    return replace(coverage, gap_since=min(begins, coverage.gap_since), gap_until=now)


def count_failure(coverage: RecordCoverage, cause: str) -> RecordCoverage:
    """Return the coverage after a failed read of its gap, the first or the second one."""
    return replace(coverage, failures=coverage.failures + 1, cause=cause)


def closes_gap(coverage: RecordCoverage, history: GapHistoryRead, now: datetime) -> bool:
    """Return whether the read covers the gap from its beginning to its end.

    A gap that ends in the future was recorded before the clock was set back.
    """
    since, until = coverage.gap_since, coverage.gap_until
    if since is None or history.since > since:
        return False
    return until is None or until > now or history.until >= until


def apply_history(
    coverage: RecordCoverage, history: GapHistoryRead, intents: Iterable[Intent], now: datetime
) -> RecordCoverage:
    """Return the coverage after the read; the gap is closed if the read covers all of it."""
    known = deduplicate_movements(
        movement
        for movement in (*coverage.gap_movements, *find_unexplained(history, intents, now))
        if now - movement.at < DAY
    )
    if coverage.gap_since is None or closes_gap(coverage, history, now):
        return RecordCoverage(gap_movements=known)
    return replace(coverage, gap_movements=known)


def deduplicate_movements(movements: Iterable[ForeignMovement]) -> tuple[ForeignMovement, ...]:
    """Return the movements in order, each once, however often it was read: identified by the exchange's id of its row.

    A movement recorded by an older version has no such id; it is dropped when the same movement was read with one.
    """
    every = tuple(movements)
    by_key = {(movement.kind, movement.key): movement for movement in every if movement.key}
    numbered = {_without_number(movement) for movement in by_key.values()}
    older = {
        _without_number(movement): movement
        for movement in every
        if not movement.key and _without_number(movement) not in numbered
    }
    known = (*by_key.values(), *older.values())
    return tuple(sorted(known, key=lambda m: (m.at, m.kind, str(m.scope), m.asset, m.amount, m.key)))


def exclude_known(
    movements: Iterable[ForeignMovement], known: Iterable[ForeignMovement]
) -> tuple[ForeignMovement, ...]:
    """Return the movements that were read for the first time."""
    keys = {(movement.kind, movement.key) for movement in known}
    return tuple(movement for movement in movements if (movement.kind, movement.key) not in keys)


def _without_number(movement: ForeignMovement) -> ForeignMovement:
    """Return the movement without the fields that may differ between two reads of it."""
    return replace(movement, key="", is_certain=False)


def find_unexplained(history: GapHistoryRead, intents: Iterable[Intent], now: datetime) -> tuple[ForeignMovement, ...]:
    """Return the movements that an action could have made in that time, and that no intent of the record explains."""
    known = tuple(intents)
    # That no request is found is no proof that there was none: its history may lack rows.
    transfers = (
        transfer if transfer.was_requested else replace(transfer, was_requested=None) for transfer in history.transfers
    )
    movements = attribute_transfers(transfers, known, now)
    for scope, rows in history.repayments:
        done = tuple(row for row in rows if row.status != "FAILED")
        as_ledger = (
            LedgerRow(scope, int(row.ref), int(row.ref), row.at, row.asset, "REPAY", row.amount) for row in done
        )
        movements += attribute_ledger_rows(as_ledger, done, known, now)
    # The same movement is read more than once, so the time of a read means nothing.
    return tuple(
        replace(movement, seen_at=movement.at)
        for movement in find_foreign_movements(movements)
        if movement.at >= history.since
    )


def gap_movements_text(account: str, movements: Iterable[ForeignMovement]) -> str:
    """Return the notice of movements found in a gap."""
    listed = "; ".join(
        f"{_VERBS[movement.kind]} {format_decimal(movement.amount)} {movement.asset}, "
        f"{movement.scope}, {movement.at:%H:%M:%S} UTC"
        for movement in movements
    )
    return (
        f"{account}: moved while nothing was recorded, and by no order that is known here: {listed}. It counts against "
        "the limits of 24 hours, as if an action had done it."
    )


def gap_unread_text(account: str, coverage: RecordCoverage) -> str:
    """Return the notice that a gap can't be read."""
    return f"{account}: nothing is sent: {coverage.objection}. Reading goes on."


def second_read_abandoned_text(account: str, coverage: RecordCoverage) -> str:
    """Return the notice that the second read of a gap is given up."""
    return (
        f"{account}: what the exchange's history shows late of the time before the start can't be read "
        f"({coverage.cause}), and is not tried again: what moved in the last moments before it may be missing in the "
        "limits of 24 hours; look at the history there."
    )


_VERBS = {"repay": "repaid", "reduce": "repaid by the exchange", "transfer_in": "brought in", "cancel_orders": ""}


@dataclass(frozen=True, slots=True)
class PricedMovement:
    """One movement of a gap, and its worth in USDT; None: its asset has no price."""

    movement: ForeignMovement
    amount_usdt: Decimal | None

    def counted_amount(self, in_asset: str | None) -> Decimal | None:
        """Return the amount that counts against limits in this asset, or in USDT for None; None if unknown."""
        if in_asset is None:
            return self.amount_usdt
        return self.movement.amount if self.movement.asset == in_asset else ZERO


def price_movements(movements: Iterable[ForeignMovement], prices: Mapping[str, Price]) -> tuple[PricedMovement, ...]:
    """Return the movements with their worth at the present prices."""
    worths = ((movement, usdt_price(movement.asset, prices)) for movement in movements)
    return tuple(
        PricedMovement(movement, None if price is None else movement.amount * price) for movement, price in worths
    )

"""Did it happen? Judged from the exchange's records, its ledger and the balances, never from one of them alone."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import ByName, CancelOrders, Record, Reduce, Repay, Transfer
from monitor.core.model.safety import Safety
from monitor.core.numbers.amounts import ZERO, plain
from monitor.core.settlement.ledger_evidence import debt_fell_beside, explains_transfer, in_words, ledger_trace, others
from monitor.core.settlement.observation import (
    EARLY,
    LOOKS,
    Confirmed,
    Failed,
    Judgement,
    Look,
    LookAgain,
    Unresolved,
    fell,
    sent_at,
    undecided,
)
from monitor.core.settlement.order_verification import judge_cancellation, judge_trade

INTEREST_SLACK = Decimal("0.005")
"""Share of a debt that interest may have added between two looks at it: hours at the highest rates seen."""


def judge(
    intent: Intent, looks: Sequence[Look], safety: Safety, now: datetime, taken: frozenset[str] = frozenset()
) -> Judgement:
    """What the looks so far, oldest first, prove about an intent that was sent.

    Confirmed: a record of it, settled, and a balance that moved by it; or the ledger's row and the moved balance, when
    the history has stayed silent for the settle time; or record and row, when the balances have not shown it for as
    long. Failed: a record that says so, or no trace in history and ledger
    in five looks over the settle time, and balances that did not move, or moved by what the ledger tells of others. An
    acknowledged order that left no trace is never taken for failed: the exchange said it has it. `taken` are the
    records that belong to other intents. A person is asked at once about what was ordered by name: it leaves no trace
    that could be looked for.
    """
    if isinstance(intent.order, ByName):
        return Unresolved(f"{intent.order.function} leaves no trace that could be looked for")
    if not looks:
        return undecided(intent, "the exchange could not be looked at yet", safety, now)
    if isinstance(intent.order, Reduce):
        return judge_trade(intent, intent.order, looks, safety, now)
    if isinstance(intent.order, CancelOrders):
        return judge_cancellation(intent, intent.order, looks, safety, now)
    last = looks[-1]
    record = trace_of(intent, last.records, taken)
    has_moved = moved(intent, last)
    row = _row_of(intent, last, taken)
    if record is not None:
        return _by_record(intent, record, last, _moved_beside(intent, last, taken), safety, now, row)
    if has_moved is None:
        return undecided(intent, "no record, and the balances could not be read", safety, now)
    if row is not None:
        return _by_ledger(intent, row, looks, taken, safety, now)
    beside = _told_of_others(intent, last, taken)
    if _moved_beside(intent, last, taken):
        missing = "no record" if last.ledger is None else "neither history nor capital flow shows it"
        return undecided(intent, f"the balances moved as if it had happened, but {missing}{beside}", safety, now)
    if intent.ref is not None:
        return undecided(intent, f"acknowledged as {intent.ref}, but there is no record yet{beside}", safety, now)
    empty = _empty_looks(intent, looks, taken)
    absent_for = empty[-1].at - empty[0].at
    stood = f"the balances moved by others{beside}" if has_moved else "the balances did not move"
    if len(empty) < LOOKS or absent_for < safety.settle:
        return undecided(intent, f"no record in {len(empty)} looks, and {stood}", safety, now)
    ledger = "the capital flow does not show it"
    if last.ledger is None:
        if now - sent_at(intent) < safety.unresolved_after / 2:
            return LookAgain("the capital flow could not be read yet")
        ledger = "the capital flow could not be read"
    seconds = int(absent_for.total_seconds())
    return Failed(f"no record in {len(empty)} looks over {seconds} s, {ledger}, and {stood}")


def wants_ledger(intent: Intent, looks: Sequence[Look], safety: Safety, taken: frozenset[str] = frozenset()) -> bool:
    """Whether the margin ledger, dear as it is, has to say something before the last look can be judged.

    When the two other witnesses disagree, before absence may count, and once a person was asked.
    """
    if not looks or looks[-1].ledger is not None or not isinstance(intent.order, Repay | Transfer):
        return False
    last = looks[-1]
    record, has_moved = trace_of(intent, last.records, taken), moved(intent, last)
    if record is not None:
        wanted = {"PENDING": None, "CONFIRMED": True, "FAILED": False}[record.status]
        return wanted is not None and has_moved is not None and has_moved is not wanted
    empty = _empty_looks(intent, looks, taken)
    is_ripe = len(empty) >= LOOKS and empty[-1].at - empty[0].at >= safety.settle
    return bool(has_moved) or is_ripe or intent.state is IntentState.UNRESOLVED


def trace_of(intent: Intent, records: Sequence[Record], taken: frozenset[str] = frozenset()) -> Record | None:
    """The record of this intent: by its transaction id once that is known, else by asset, exact amount and time.

    Rows that the exchange made by itself (auto-repay) and those of other intents are never ours.
    """
    if isinstance(intent.order, Reduce):
        # It bears a name of its own.
        return next(iter(records), None)
    if isinstance(intent.order, CancelOrders):
        return None
    if intent.ref is not None:
        return next((r for r in records if r.ref == intent.ref), None)
    since = sent_at(intent) - EARLY
    fitting = [
        r
        for r in records
        if not r.automatic
        and r.ref not in taken
        and r.asset == intent.asset
        and r.amount == intent.amount
        and r.at >= since
    ]
    settled = [r for r in fitting if r.status == "CONFIRMED"]
    return min(settled or fitting, key=lambda r: r.at, default=None)


def moved(intent: Intent, look: Look) -> bool | None:
    """Whether the balances moved by this order; None when those that tell were not read, before or after.

    A repayment shows in the debt (which interest may have raised a little), a transfer at its source or where it went.
    """
    if isinstance(intent.order, Repay):
        drop = fell(intent.owed_before, look.owed)
        if drop is None or intent.owed_before is None:
            return None
        return drop >= intent.amount - _slack(intent.owed_before, intent.amount)
    arrived = fell(look.free, intent.free_before)
    left = _left(intent, look)
    if arrived is None and left is None:
        return None
    return (arrived is not None and arrived >= intent.amount) or (left is not None and left >= intent.amount)


def late_execution(
    intent: Intent, look: Look, safety: Safety, taken: frozenset[str] = frozenset()
) -> Record | LedgerRow | None:
    """What shows that a FAILED intent was executed after all; None while nothing does.

    The history's record alone, or else the ledger's row and balances that moved by it: once the history had the settle
    time to tell whose doing that was.
    """
    if intent.state is not IntentState.FAILED:
        return None
    record = trace_of(intent, look.records, taken)
    if record is not None and record.status == "CONFIRMED":
        return record
    row = _row_of(intent, look, taken) if isinstance(intent.order, Repay | Transfer) else None
    if row is None or look.at - row.at < safety.settle:
        return None
    return row if _moved_beside(intent, look, taken) else None


def wants_late_ledger(intent: Intent, look: Look, safety: Safety, taken: frozenset[str] = frozenset()) -> bool:
    """Whether the ledger has to say why the balances look as if a FAILED intent had been executed after all."""
    if look.ledger is not None or not isinstance(intent.order, Repay | Transfer):
        return False
    return late_execution(intent, look, safety, taken) is None and moved(intent, look) is True


def _by_record(
    intent: Intent,
    record: Record,
    look: Look,
    has_moved: bool | None,
    safety: Safety,
    now: datetime,
    row: LedgerRow | None,
) -> Judgement:
    match record.status:
        case "PENDING":
            return undecided(intent, f"record {record.ref} is pending", safety, now)
        case "FAILED" if row is not None:
            return undecided(intent, f"record {record.ref} says FAILED, but the capital flow shows it", safety, now)
        case "FAILED" if has_moved is False:
            return Failed(f"record {record.ref} says FAILED, and the balances did not move")
        case "FAILED":
            return undecided(intent, f"record {record.ref} says FAILED, but the balances moved", safety, now)
        case "CONFIRMED" if has_moved:
            ledger = "" if row is None else f"; capital flow {row.id} agrees"
            return Confirmed(
                f"record {record.ref} of {record.at:%H:%M:%S}; {_change(intent, look)}{ledger}", record.ref, look.at
            )
        case "CONFIRMED" if row is not None and look.at - sent_at(intent) >= safety.settle:
            # A deposit, or an order that locks what arrived, may hide it from the balances for good.
            told = f"record {record.ref} of {record.at:%H:%M:%S} and capital flow {row.id} agree"
            return Confirmed(f"{told}; others moved the balances too: {_change(intent, look)}", record.ref, look.at)
        case _:
            return undecided(intent, f"record {record.ref} says done, but the balances do not show it", safety, now)


def _by_ledger(
    intent: Intent, row: LedgerRow, looks: Sequence[Look], taken: frozenset[str], safety: Safety, now: datetime
) -> Judgement:
    """The ledger shows it and the history does not: it is late, or has lost it."""
    last = looks[-1]
    if not (moved(intent, last) or _moved_beside(intent, last, taken)):
        return undecided(intent, f"capital flow {row.id} shows it, but the balances do not", safety, now)
    silent = [look for look in looks if trace_of(intent, look.records, taken) is None]
    if len(silent) < len(looks) or last.at - sent_at(intent) < safety.settle:
        return undecided(intent, f"capital flow {row.id} shows it, the history does not yet", safety, now)
    told = f"capital flow {row.id} of {row.at:%H:%M:%S}; {_change(intent, last)}; the history does not show it"
    return Confirmed(told, intent.ref or str(row.tran_id), last.at)


def _row_of(intent: Intent, look: Look, taken: frozenset[str]) -> LedgerRow | None:
    since = sent_at(intent) - EARLY
    rows = [row for row in look.ledger or () if row.at >= since]
    return ledger_trace(intent, rows, look.records, trace_of(intent, look.records, taken), taken)


def _beside(intent: Intent, look: Look, taken: frozenset[str]) -> tuple[LedgerRow, ...]:
    return others(intent, look.ledger or (), _row_of(intent, look, taken), sent_at(intent))


def _moved_beside(intent: Intent, look: Look, taken: frozenset[str]) -> bool | None:
    """As `moved`, without what the ledger, where it was read, tells of others' doing."""
    seen, beside = moved(intent, look), _beside(intent, look, taken)
    if seen is None or not beside:
        return seen
    if isinstance(intent.order, Repay):
        drop = fell(intent.owed_before, look.owed)
        if drop is None or intent.owed_before is None:
            return seen
        return debt_fell_beside(drop, beside) >= intent.amount - _slack(intent.owed_before, intent.amount)
    arrived, left = fell(look.free, intent.free_before), _left(intent, look)
    return seen and not explains_transfer(arrived or ZERO, left or ZERO, beside)


def _left(intent: Intent, look: Look) -> Decimal | None:
    """By how much the source became less, without what is known to have gone elsewhere."""
    left = fell(intent.source_before, look.source)
    return None if left is None else left - look.given_elsewhere


def _told_of_others(intent: Intent, look: Look, taken: frozenset[str]) -> str:
    beside = _beside(intent, look, taken)
    return f" ({in_words(beside, look.records)})" if beside else ""


def _slack(owed: Decimal, amount: Decimal) -> Decimal:
    """How much interest may hide of a repayment."""
    return min(owed * INTEREST_SLACK, amount / 2)


def _empty_looks(intent: Intent, looks: Sequence[Look], taken: frozenset[str]) -> list[Look]:
    """The newest looks in a row that found neither a trace nor a movement that only this order explains."""
    empty: list[Look] = []
    for look in reversed(looks):
        if _moved_beside(intent, look, taken) is not False or trace_of(intent, look.records, taken) is not None:
            break
        if _row_of(intent, look, taken) is not None:
            break
        empty.append(look)
    return empty[::-1]


def _change(intent: Intent, look: Look) -> str:
    if isinstance(intent.order, Repay):
        return f"{intent.asset} owed {_text(intent.owed_before)} → {_text(look.owed)}"
    if isinstance(intent.order, Transfer) and (look.free is None or intent.free_before is None):
        return f"{intent.asset} in {intent.order.source} {_text(intent.source_before)} → {_text(look.source)}"
    return f"{intent.asset} free in {intent.scope} {_text(intent.free_before)} → {_text(look.free)}"


def _text(amount: Decimal | None) -> str:
    return "?" if amount is None else plain(amount + ZERO)

"""Verification of sent intents from the exchange's records, its ledger and the balances, never from one alone."""

from collections.abc import Sequence
from datetime import datetime

from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import CancelOrders, ExchangeRecord, ManualCall, Reduce, Repay, Transfer
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.numbers.amounts import ZERO
from monitor.core.settlement.absence import TimeSpan, may_be_lost_order
from monitor.core.settlement.balance_evidence import (
    balances_moved,
    describe_balance_change,
    interest_tolerance,
    source_decrease,
)
from monitor.core.settlement.ledger_evidence import (
    describe_rows,
    matching_row,
    other_movements,
    others_explain_transfer,
    own_debt_decrease,
)
from monitor.core.settlement.observation import (
    CLOCK_TOLERANCE,
    MIN_OBSERVATIONS,
    Confirmed,
    Failed,
    Observation,
    Undecided,
    Unresolved,
    Verdict,
    compute_decrease,
    decide_later,
    find_send_time,
)
from monitor.core.settlement.order_verification import verify_cancellation, verify_market_order


def verify(
    intent: Intent,
    observations: Sequence[Observation],
    safety: SafetySettings,
    now: datetime,
    claimed_refs: frozenset[str] = frozenset(),
    *,
    is_shared: bool = False,
    absences: Sequence[TimeSpan] = (),
) -> Verdict:
    """Verdict on a sent intent from its observations so far, oldest first.

    Confirmed: a settled record of the intent and a balance that moved by it; or the ledger row and the moved balance,
    if the history shows no record for the settle time; or record and row, if the balances do not show the order for as
    long. Failed: a record that says so, or no trace in history and ledger in five observations over the settle time;
    and in both cases balances that did not move, or that moved by what the ledger shows of others.

    An acknowledged order without a trace never counts as failed: the exchange said that it has the order.
    `claimed_refs` are the records that belong to other intents. `is_shared`: others act in the account at that time, so
    a record without a number from an answer proves nothing: it may be theirs. `absences`: times of which the database
    may have lost an equal order, so a record of then proves nothing either. A person is asked about a manual call at
    once, since it leaves no trace.
    """
    if isinstance(intent.order, ManualCall):
        return Unresolved(f"{intent.order.function} leaves no trace that could be looked for")
    if not observations:
        return decide_later(intent, "the exchange could not be looked at yet", safety, now)
    if isinstance(intent.order, Reduce):
        return verify_market_order(intent, intent.order, observations, safety, now)
    if isinstance(intent.order, CancelOrders):
        return verify_cancellation(intent, intent.order, observations, safety, now)
    last = observations[-1]
    record = matching_record(intent, last.records, claimed_refs)
    has_moved = balances_moved(intent, last)
    row = _own_row(intent, last, claimed_refs)
    if (trace := record or row) is not None and (
        doubt := _attribution_doubt(intent, trace, safety, absences, is_shared=is_shared)
    ):
        return decide_later(intent, doubt, safety, now)
    if record is not None:
        return _verdict_by_record(intent, record, last, _moved_by_order(intent, last, claimed_refs), safety, now, row)
    if has_moved is None:
        return decide_later(intent, "no record, and the balances could not be read", safety, now)
    if row is not None:
        return _verdict_by_ledger(intent, row, observations, claimed_refs, safety, now)
    others_text = _others_text(intent, last, claimed_refs)
    if _moved_by_order(intent, last, claimed_refs):
        missing = "no record" if last.ledger is None else "neither history nor capital flow shows it"
        return decide_later(
            intent, f"the balances moved as if it had happened, but {missing}{others_text}", safety, now
        )
    if intent.ref is not None:
        return decide_later(
            intent, f"acknowledged as {intent.ref}, but there is no record yet{others_text}", safety, now
        )
    empty_observations = _empty_observations(intent, observations, claimed_refs)
    absent_for = empty_observations[-1].at - empty_observations[0].at
    balances_text = f"the balances moved by others{others_text}" if has_moved else "the balances did not move"
    if len(empty_observations) < MIN_OBSERVATIONS or absent_for < safety.settle:
        return decide_later(intent, f"no record in {len(empty_observations)} looks, and {balances_text}", safety, now)
    ledger = "the capital flow does not show it"
    if last.ledger is None:
        if now - find_send_time(intent) < safety.unresolved_after / 2:
            return Undecided("the capital flow could not be read yet")
        ledger = "the capital flow could not be read"
    seconds = int(absent_for.total_seconds())
    return Failed(f"no record in {len(empty_observations)} looks over {seconds} s, {ledger}, and {balances_text}")


def needs_ledger(
    intent: Intent,
    observations: Sequence[Observation],
    safety: SafetySettings,
    claimed_refs: frozenset[str] = frozenset(),
) -> bool:
    """Return whether the margin ledger, an expensive read, is needed to judge the last observation.

    It is needed when record and balances disagree, before absence may count, and once a person was asked.
    """
    if not observations or observations[-1].ledger is not None or not isinstance(intent.order, Repay | Transfer):
        return False
    last = observations[-1]
    record, has_moved = matching_record(intent, last.records, claimed_refs), balances_moved(intent, last)
    if record is not None:
        wanted = {"PENDING": None, "CONFIRMED": True, "FAILED": False}[record.status]
        return wanted is not None and has_moved is not None and has_moved is not wanted
    empty_observations = _empty_observations(intent, observations, claimed_refs)
    is_ripe = (
        len(empty_observations) >= MIN_OBSERVATIONS
        and empty_observations[-1].at - empty_observations[0].at >= safety.settle
    )
    return bool(has_moved) or is_ripe or intent.state is IntentState.UNRESOLVED


def matching_record(
    intent: Intent, records: Sequence[ExchangeRecord], claimed_refs: frozenset[str] = frozenset()
) -> ExchangeRecord | None:
    """The record of this intent: by its transaction id once that is known, else by asset, exact amount and time.

    Rows that the exchange made by itself (auto-repay) and rows of other intents never match.
    """
    if isinstance(intent.order, Reduce):
        # It is found by its own client id.
        return next(iter(records), None)
    if isinstance(intent.order, CancelOrders):
        return None
    if intent.ref is not None:
        return next((r for r in records if r.ref == intent.ref), None)
    fitting = [
        r
        for r in records
        if not r.is_automatic
        and r.ref not in claimed_refs
        and r.asset == intent.asset
        and r.amount == intent.amount
        and _may_be_own(intent, r.at)
    ]
    settled = [r for r in fitting if r.status == "CONFIRMED"]
    return min(settled or fitting, key=lambda r: r.at, default=None)


def find_late_execution(
    intent: Intent,
    observation: Observation,
    safety: SafetySettings,
    claimed_refs: frozenset[str] = frozenset(),
) -> ExchangeRecord | LedgerRow | None:
    """The record or row that shows that a FAILED intent was executed after all; None while nothing does.

    A record of the history is enough. Otherwise the ledger's row and the moved balances show it, once the settle time
    has passed in which the history could name another origin. An order that no answer named is not shown by what is
    dated before a person said that it failed. An equal trace counts where others act in the account, too: money that
    was spent and is not counted could be sent twice.
    """
    if intent.state is not IntentState.FAILED:
        return None
    record = matching_record(intent, observation.records, claimed_refs)
    if record is not None and record.status == "CONFIRMED":
        return record
    row = _own_row(intent, observation, claimed_refs) if isinstance(intent.order, Repay | Transfer) else None
    if row is None or observation.at - row.at < safety.settle:
        return None
    return row if _moved_by_order(intent, observation, claimed_refs) else None


def needs_ledger_for_late_check(
    intent: Intent, observation: Observation, safety: SafetySettings, claimed_refs: frozenset[str] = frozenset()
) -> bool:
    """Return whether the ledger is needed to explain balances that look as if a FAILED intent had been executed."""
    if observation.ledger is not None or not isinstance(intent.order, Repay | Transfer):
        return False
    return (
        find_late_execution(intent, observation, safety, claimed_refs) is None
        and balances_moved(intent, observation) is True
    )


def _attribution_doubt(
    intent: Intent,
    trace: ExchangeRecord | LedgerRow,
    safety: SafetySettings,
    absences: Sequence[TimeSpan],
    *,
    is_shared: bool,
) -> str:
    """The reason why an equal trace may be of another order; empty where it is the intent's own."""
    if not intent.is_unnamed:
        return ""
    which = f"record {trace.ref}" if isinstance(trace, ExchangeRecord) else f"capital flow {trace.id}"
    if is_shared:
        return f"{which} fits, but no answer named it, and others act in the account: it may be theirs"
    if may_be_lost_order(find_send_time(intent), trace.at, absences, safety.settle):
        return (
            f"{which} fits, but no answer named it, and it is of {trace.at:%H:%M:%S}, when nothing was recorded: "
            "it may be of an equal order that was lost with its record"
        )
    return ""


def _verdict_by_record(
    intent: Intent,
    record: ExchangeRecord,
    observation: Observation,
    has_moved: bool | None,
    safety: SafetySettings,
    now: datetime,
    row: LedgerRow | None,
) -> Verdict:
    match record.status:
        case "PENDING":
            return decide_later(intent, f"record {record.ref} is pending", safety, now)
        case "FAILED" if row is not None:
            return decide_later(intent, f"record {record.ref} says FAILED, but the capital flow shows it", safety, now)
        case "FAILED" if has_moved is False:
            return Failed(f"record {record.ref} says FAILED, and the balances did not move")
        case "FAILED":
            return decide_later(intent, f"record {record.ref} says FAILED, but the balances moved", safety, now)
        case "CONFIRMED" if has_moved:
            ledger = "" if row is None else f"; capital flow {row.id} agrees"
            return Confirmed(
                f"record {record.ref} of {record.at:%H:%M:%S}; {describe_balance_change(intent, observation)}{ledger}",
                record.ref,
                observation.at,
            )
        case "CONFIRMED" if row is not None and observation.at - find_send_time(intent) >= safety.settle:
            # A deposit, or an order that locks what arrived, may hide the order in the balances for good.
            evidence = f"record {record.ref} of {record.at:%H:%M:%S} and capital flow {row.id} agree"
            return Confirmed(
                f"{evidence}; others moved the balances too: {describe_balance_change(intent, observation)}",
                record.ref,
                observation.at,
            )
        case _:
            return decide_later(intent, f"record {record.ref} says done, but the balances do not show it", safety, now)


def _verdict_by_ledger(
    intent: Intent,
    row: LedgerRow,
    observations: Sequence[Observation],
    claimed_refs: frozenset[str],
    safety: SafetySettings,
    now: datetime,
) -> Verdict:
    """Verdict when the ledger shows the order and the history does not: the history is late, or lost the record."""
    last = observations[-1]
    if not (balances_moved(intent, last) or _moved_by_order(intent, last, claimed_refs)):
        return decide_later(intent, f"capital flow {row.id} shows it, but the balances do not", safety, now)
    without_record = [
        observation
        for observation in observations
        if matching_record(intent, observation.records, claimed_refs) is None
    ]
    if len(without_record) < len(observations) or last.at - find_send_time(intent) < safety.settle:
        return decide_later(intent, f"capital flow {row.id} shows it, the history does not yet", safety, now)
    change = describe_balance_change(intent, last)
    evidence = f"capital flow {row.id} of {row.at:%H:%M:%S}; {change}; the history does not show it"
    return Confirmed(evidence, intent.ref or str(row.tran_id), last.at)


def _own_row(intent: Intent, observation: Observation, claimed_refs: frozenset[str]) -> LedgerRow | None:
    rows = [row for row in observation.ledger or () if _may_be_own(intent, row.at)]
    return matching_row(
        intent, rows, observation.records, matching_record(intent, observation.records, claimed_refs), claimed_refs
    )


def _may_be_own(intent: Intent, at: datetime) -> bool:
    """Return whether a trace without the order's number may be its own by the time that it is dated."""
    if intent.state is IntentState.FAILED and intent.resolved_by is not None and intent.is_unnamed:
        # A person knew of everything until then, and said that none of it was this order.
        return intent.settled_at is None or at > intent.settled_at
    return at >= find_send_time(intent) - CLOCK_TOLERANCE


def _other_movements(intent: Intent, observation: Observation, claimed_refs: frozenset[str]) -> tuple[LedgerRow, ...]:
    return other_movements(
        intent, observation.ledger or (), _own_row(intent, observation, claimed_refs), find_send_time(intent)
    )


def _moved_by_order(intent: Intent, observation: Observation, claimed_refs: frozenset[str]) -> bool | None:
    """Return whether the balances moved by the order, less the movements that the ledger shows of others.

    Without a ledger the result is that of `balances_moved`.
    """
    has_moved, other_rows = balances_moved(intent, observation), _other_movements(intent, observation, claimed_refs)
    if has_moved is None or not other_rows:
        return has_moved
    if isinstance(intent.order, Repay):
        drop = compute_decrease(intent.owed_before, observation.owed)
        if drop is None or intent.owed_before is None:
            return has_moved
        return own_debt_decrease(drop, other_rows) >= intent.amount - interest_tolerance(
            intent.owed_before, intent.amount
        )
    arrived, left = compute_decrease(observation.free, intent.free_before), source_decrease(intent, observation)
    return has_moved and not others_explain_transfer(arrived or ZERO, left or ZERO, other_rows)


def _others_text(intent: Intent, observation: Observation, claimed_refs: frozenset[str]) -> str:
    other_rows = _other_movements(intent, observation, claimed_refs)
    return f" ({describe_rows(other_rows, observation.records)})" if other_rows else ""


def _empty_observations(
    intent: Intent, observations: Sequence[Observation], claimed_refs: frozenset[str]
) -> list[Observation]:
    """The newest consecutive observations that found neither a trace nor a movement that only this order explains."""
    empty_observations: list[Observation] = []
    for observation in reversed(observations):
        if (
            _moved_by_order(intent, observation, claimed_refs) is not False
            or matching_record(intent, observation.records, claimed_refs) is not None
        ):
            break
        if _own_row(intent, observation, claimed_refs) is not None:
            break
        empty_observations.append(observation)
    return empty_observations[::-1]

"""Transitions of a sent intent: by the answer to its one request, then by the verdicts of its observations."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, assert_never

from monitor.core.model.action_blocks import StopCause
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import (
    Accepted,
    ExchangeRecord,
    ManualCall,
    Outcome,
    Reduce,
    Refused,
    RequestLog,
    Unknown,
    Withheld,
)
from monitor.core.settlement.observation import Confirmed, Failed, Undecided, Unresolved, Verdict

_S = IntentState

ABANDONED_AFTER = timedelta(minutes=2)
"""Time after which the process of a manual order that recorded no outcome counts as ended: no request takes longer."""


@dataclass(frozen=True, slots=True)
class IntentUpdate:
    """An intent after one more step, and the step. `stop`: the cause for which the step stops the rule."""

    intent: Intent
    step: IntentStep
    stop: StopCause | None = None


def transition(
    before: Intent, after: Intent, now: datetime, note: str, trace: RequestLog | None = None
) -> IntentUpdate:
    """Build the step from `before` to `after`; `trace` is the request that led to it."""
    return IntentUpdate(after, IntentStep(before.id, before.state, after.state, now, note, trace))


def expire(planned: Intent, now: datetime, reason: str, *, by_limit: bool = False) -> IntentUpdate:
    """Expire an intent that is not sent. `by_limit`: a limit stopped it, not the end of the need for it."""
    after = replace(planned, state=_S.EXPIRED, settled_at=now, evidence=reason, stopped_by_limit=by_limit)
    return transition(planned, after, now, reason)


def is_abandoned(sent: Intent, now: datetime) -> bool:
    """Return whether a SUBMITTING intent has no sender any more when a daemon starts.

    The sender of an action's intent ended with the previous daemon. The process of a manual order may still be sending.
    """
    return sent.mode != "manual" or now - sent.created_at > ABANDONED_AFTER


def mark_uncertain(sent: Intent, now: datetime, note: str) -> IntentUpdate:
    """Mark an intent whose sender ended while sending: whether the request left is not known."""
    return transition(sent, replace(sent, state=_S.UNCERTAIN, evidence=note), now, note)


def apply_outcome(sent: Intent, outcome: Outcome | Withheld, now: datetime) -> IntentUpdate:
    """Apply the exchange's answer to an intent that is being sent."""
    match outcome:
        case Withheld(reason, by_limit):
            return expire(replace(sent, submitted_at=None), now, reason, by_limit=by_limit)
        case Accepted(ref):
            after = replace(sent, state=_S.ACKNOWLEDGED, ref=ref)
            return transition(sent, after, now, f"accepted as {ref}", outcome.trace)
        case Refused(code, reason, transient):
            note = f"refused {code}: {reason}"
            after = replace(sent, state=_S.REFUSED, settled_at=now, evidence=note)
            after = replace(after, refused_code=code, refused_transiently=transient)
            return transition(sent, after, now, note, outcome.trace)
        case Unknown(cause):
            after = replace(sent, state=_S.UNCERTAIN, evidence=cause)
            return transition(sent, after, now, f"outcome unknown: {cause}", outcome.trace)
        case _:
            assert_never(outcome)


def apply_manual_outcome(sent: Intent, outcome: Outcome, now: datetime) -> tuple[IntentUpdate, ...]:
    """Apply the exchange's answer to a manual call, for which the answer is the only evidence.

    An answer may also come after the call was given up.
    """
    if sent.state is _S.SUBMITTING:
        first = apply_outcome(sent, outcome, now)
        if isinstance(outcome, Refused):
            return (first,)
        return first, _settle_manual(first.intent, outcome, now)
    return () if isinstance(outcome, Unknown) else (_settle_manual(sent, outcome, now),)


def abandon(sent: Intent, now: datetime) -> tuple[IntentUpdate, ...]:
    """Give up an intent whose sender is gone. For a manual call a person is asked at once."""
    first = mark_uncertain(sent, now, "its sender ended while sending")
    if not isinstance(sent.order, ManualCall):
        return (first,)
    return first, _settle_manual(first.intent, Unknown("its sender ended while sending"), now)


def apply_verdict(
    intent: Intent, verdict: Verdict, now: datetime, level_after: Decimal | None = None
) -> IntentUpdate | None:
    """Apply a verdict to an intent under verification; None if nothing changes.

    A confirmed intent is settled as of the snapshot that proves it, so that a decision can compare it with its own
    snapshot.
    """
    match verdict:
        case Undecided():
            return None
        case Confirmed(evidence, ref, at, amount):
            after = replace(
                _with_proceeds(intent, amount),
                state=_S.CONFIRMED,
                ref=ref,
                settled_at=at,
                evidence=evidence,
                level_after=level_after,
            )
            return transition(intent, after, now, evidence)
        case Failed(evidence):
            return transition(
                intent, replace(intent, state=_S.FAILED, settled_at=now, evidence=evidence), now, evidence
            )
        case Unresolved(reason):
            if intent.state is _S.UNRESOLVED:
                return None
            after = replace(intent, state=_S.UNRESOLVED, evidence=reason)
            return transition(intent, after, now, f"a person has to look: {reason}")
        case _:
            assert_never(verdict)


def settle_by_person(
    unresolved: Intent,
    outcome: Literal[IntentState.CONFIRMED, IntentState.FAILED],
    by: str,
    comment: str,
    now: datetime,
) -> IntentUpdate:
    """Settle an UNRESOLVED intent as a person says. The level after it was not measured."""
    note = f"resolved by {by}: {comment}"
    after = replace(unresolved, state=outcome, settled_at=now, evidence=note, level_after=None, resolved_by=by)
    return transition(unresolved, after, now, note)


def _with_proceeds(intent: Intent, amount: Decimal | None) -> Intent:
    """The intent with the amount that its order on the market brought, which counts toward the limits."""
    if amount is None or not isinstance(intent.order, Reduce) or not intent.amount:
        return intent
    order = replace(intent.order, amount=amount)
    return replace(intent, order=order, amount_usdt=intent.amount_usdt * amount / intent.amount)


def _settle_manual(intent: Intent, outcome: Outcome, now: datetime) -> IntentUpdate:
    """Settle a manual call by the exchange's answer, or ask a person if the outcome is unknown."""
    match outcome:
        case Accepted(ref):
            note = f"the exchange's own answer: done{f' as {ref}' if ref else ''}"
            return transition(
                intent, replace(intent, state=_S.CONFIRMED, ref=ref or None, settled_at=now, evidence=note), now, note
            )
        case Refused(code, reason):
            note = f"refused {code}: {reason}"
            after = replace(intent, state=_S.FAILED, settled_at=now, evidence=note, refused_code=code)
            return transition(intent, after, now, note)
        case Unknown(cause):
            note = f"a person has to look: {cause}"
            return transition(intent, replace(intent, state=_S.UNRESOLVED, evidence=cause), now, note)
        case _:
            assert_never(outcome)


def mark_executed_late(
    failed: Intent, trace: ExchangeRecord | LedgerRow, *, is_shared: bool = False, may_be_lost: bool = False
) -> Intent:
    """Mark a failed intent that turned out to be executed: it stays FAILED and counts as spent from now on.

    `is_shared`: others act in the account, so the trace of an order that no answer named may be theirs. `may_be_lost`:
    the trace may be of an equal order that was lost with its record.
    """
    ref, source_text = (
        (trace.ref, f"record {trace.ref}") if isinstance(trace, ExchangeRecord) else _ledger_reference(trace)
    )
    doubt = ""
    if failed.is_unnamed and (is_shared or may_be_lost):
        whose = "another hand's" if is_shared else "of an equal order that was lost with its record"
        doubt = f", which may be {whose}: no answer named the order"
    evidence = f"executed late: {source_text} of {trace.at:%H:%M:%S}{doubt}"
    return replace(failed, ref=ref, evidence=evidence, executed_late=True)


def _ledger_reference(row: LedgerRow) -> tuple[str, str]:
    return str(row.tran_id), f"capital flow {row.id}, which the history does not show,"

"""How an intent moves on once it was sent: by the answer to its one request, then by what looks at it prove."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, assert_never

from monitor.core.model.blocks import StopCause
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.ledger import LedgerRow
from monitor.core.model.order import (
    Accepted,
    ManualCall,
    Outcome,
    Reduce,
    Refused,
    RequestLog,
    Unknown,
    VenueRecord,
    Withheld,
)
from monitor.core.settlement.observation import Confirmed, Failed, Undecided, Unresolved, Verdict

_S = IntentState

ABANDONED_AFTER = timedelta(minutes=2)
"""A person's command that has not said by then what became of its order is gone: no request takes that long."""


@dataclass(frozen=True, slots=True)
class IntentUpdate:
    """An intent one step on, and the step. `stop`: why that stops its rule."""

    intent: Intent
    step: IntentStep
    stop: StopCause | None = None


def transition(
    before: Intent, after: Intent, now: datetime, note: str, trace: RequestLog | None = None
) -> IntentUpdate:
    """`after` as the next step of `before`; `trace` is the request that led to it."""
    return IntentUpdate(after, IntentStep(before.id, before.state, after.state, now, note, trace))


def expire(planned: Intent, now: datetime, reason: str, *, by_limit: bool = False) -> IntentUpdate:
    """An intent that is not sent; `by_limit`: a limit stopped it, and not the end of what it was wanted for."""
    after = replace(planned, state=_S.EXPIRED, settled_at=now, evidence=reason, stopped_by_limit=by_limit)
    return transition(planned, after, now, reason)


def is_abandoned(sent: Intent, now: datetime) -> bool:
    """Whether nobody is sending an intent that is SUBMITTING, seen from a daemon that starts.

    Its own sender ended with the daemon before; a person's command may still be at it.
    """
    return sent.mode != "manual" or now - sent.created_at > ABANDONED_AFTER


def mark_uncertain(sent: Intent, now: datetime, note: str) -> IntentUpdate:
    """An intent whose sender ended in the middle: nobody knows whether it left."""
    return transition(sent, replace(sent, state=_S.UNCERTAIN, evidence=note), now, note)


def apply_outcome(sent: Intent, outcome: Outcome | Withheld, now: datetime) -> IntentUpdate:
    """What the answer makes of an intent that is being sent."""
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
    """What the answer makes of a change that was ordered by name: the answer is all that there is to tell by.

    Also of one that was given up before the answer came.
    """
    if sent.state is _S.SUBMITTING:
        first = apply_outcome(sent, outcome, now)
        if isinstance(outcome, Refused):
            return (first,)
        return first, _settle_manual(first.intent, outcome, now)
    return () if isinstance(outcome, Unknown) else (_settle_manual(sent, outcome, now),)


def abandon(sent: Intent, now: datetime) -> tuple[IntentUpdate, ...]:
    """What becomes of an intent whose sender is gone; what was ordered by name is a person's at once."""
    first = mark_uncertain(sent, now, "its sender ended while sending")
    if not isinstance(sent.order, ManualCall):
        return (first,)
    return first, _settle_manual(first.intent, Unknown("its sender ended while sending"), now)


def apply_verdict(
    intent: Intent, verdict: Verdict, now: datetime, level_after: Decimal | None = None
) -> IntentUpdate | None:
    """What a verdict makes of an intent that is looked into; None while nothing changes.

    A confirmed one is settled as of the snapshot that proves it, so that a decision can tell whether it has seen it.
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
    """An UNRESOLVED intent as a person settles it. What level it led to, nobody has measured."""
    note = f"resolved by {by}: {comment}"
    after = replace(unresolved, state=outcome, settled_at=now, evidence=note, level_after=None, resolved_by=by)
    return transition(unresolved, after, now, note)


def _with_proceeds(intent: Intent, amount: Decimal | None) -> Intent:
    """The intent with what its order on the market brought, which is what counts against the caps."""
    if amount is None or not isinstance(intent.order, Reduce) or not intent.amount:
        return intent
    order = replace(intent.order, amount=amount)
    return replace(intent, order=order, amount_usdt=intent.amount_usdt * amount / intent.amount)


def _settle_manual(intent: Intent, outcome: Outcome, now: datetime) -> IntentUpdate:
    """The end of a change by name as far as the exchange told it, or the question to a person."""
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


def mark_executed_late(failed: Intent, trace: VenueRecord | LedgerRow) -> Intent:
    """A failed intent that turned out to be executed: it stays FAILED, and counts as spent from now on."""
    ref, source_text = (
        (trace.ref, f"record {trace.ref}") if isinstance(trace, VenueRecord) else _ledger_reference(trace)
    )
    evidence = f"executed late: {source_text} of {trace.at:%H:%M:%S}"
    return replace(failed, ref=ref, evidence=evidence, executed_late=True)


def _ledger_reference(row: LedgerRow) -> tuple[str, str]:
    return str(row.tran_id), f"capital flow {row.id}, which the history does not show,"

"""What the exchange's histories can't tell: whose an equal movement was, and what a wallet without a ledger gave."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from monitor.core.model.intent import Intent, IntentState
from monitor.core.settlement.ledger_evidence import AFTER_SEND_MARGIN
from monitor.core.settlement.observation import CLOCK_TOLERANCE
from monitor.core.state.attribution import TRACE_WINDOW
from monitor.records.intents import IntentRow
from tests.campaign.judge.disturbances import (
    Violation,
    all_rows,
    claimed_at,
    in_ms,
    is_execution_of,
    is_lost,
)
from tests.campaign.judge.facts import CROSS_PATH, Execution, Facts, RequestFact, money_request_of_intent

SENT_BEFORE_MS = CLOCK_TOLERANCE // timedelta(milliseconds=1)
"""By how much the exchange may date what an order did before it was sent."""

SHARED_MS = TRACE_WINDOW // timedelta(milliseconds=1)
"""For so long after others acted, an order that no answer named is not proved by an equal record."""


def judge_attribution(facts: Facts) -> Iterator[Violation]:
    """What others moved proves nothing of ours, and is told, where that can be known."""
    yield from _unreported(facts)
    by_others = {str(one.tran_id): one for one in facts.foreign}
    for row in facts.intents:
        if row.intent.ref in by_others and not is_taken_unknowably(facts, row):
            one = by_others[row.intent.ref]
            yield Violation("another's doing taken for ours", f"{_intent_label(row.intent)}: {one.kind} {one.amount}")


def _unreported(facts: Facts) -> Iterator[Violation]:
    """What others repaid is told, where an action repays and a rule tells of it, or a person is asked whether it was an
    order of ours."""
    began = min((r.at for r in facts.requests if r.path == CROSS_PATH and r.status == 200 and r.intact), default=None)
    repays = any(limits.kind == "repay" for limits in facts.limits)
    if not (facts.tells_of_hands and repays and began is not None):
        return
    taken = {row.intent.ref for row in facts.intents if is_taken_unknowably(facts, row)}
    asked = [row.intent.evidence or "" for row in facts.intents if row.intent.state is IntentState.UNRESOLVED]
    repaid = [one for one in facts.foreign if one.kind == "repay" and str(one.tran_id) not in taken]
    unasked = [one for one in repaid if not any(f"record {one.tran_id} " in evidence for evidence in asked)]
    seen = [one for one in unasked if one.at > began]
    if seen and not any(alert.rule == "foreign-hand" and alert.fired for alert in facts.alerts):
        yield Violation("another hand was not told", f"{seen[0].kind} {seen[0].amount} {seen[0].asset} at {seen[0].at}")


def is_a_person_asked(facts: Facts, row: IntentRow, sent: Mapping[int, RequestFact]) -> bool:
    """Whether the exchange's witnesses can't decide and a person was told so.

    They can't where something else moved the same asset so soon after the order that no clock can tell which of them
    the balances show; where others took of the asset while a transfer was under way, since no ledger tells of a wallet
    outside margin; and where others acted beside an order that no answer named, or an order that a restore lost did, or
    may have done, or the exchange liquidated after it. `sent` is the request of each intent, by its number.
    """
    intent = row.intent
    if intent.state is not IntentState.UNRESOLVED or intent.submitted_at is None:
        return False
    since = in_ms(intent.submitted_at)
    until = since + AFTER_SEND_MARGIN // timedelta(milliseconds=1)
    told = any(f"{intent.id}" in notice.text for notice in facts.notices if notice.severity == "critical")
    beside = any(stir.asset == intent.asset and since <= stir.at < until for stir in facts.stirs)
    taken = intent.kind == "transfer_in" and any(
        one.kind == "transfer" and one.asset == intent.asset and one.at >= since for one in facts.foreign
    )
    by_others = [one.at for one in facts.foreign_requests if one.applied and one.wish is not None]
    shared = not was_named(row) and (
        any(moved_at >= since - SHARED_MS for moved_at in (*by_others, *(one.at for one in facts.foreign)))
        or _has_lost_beside(facts, intent, sent, since - SHARED_MS)
        or any(_may_be_lost(facts, row, one) for one in facts.executions)
        or any(at >= since for at in facts.liquidated)
    )
    return told and (beside or taken or shared)


def _has_lost_beside(facts: Facts, intent: Intent, sent: Mapping[int, RequestFact], since: int) -> bool:
    """Whether an order that a restore lost moved the same asset since then, or anything on the market: the database
    that is there now can take it for nothing but another hand's."""
    for other in all_rows(facts):
        request = sent.get(other.intent.id)
        if request is None or not request.applied or not is_lost(facts, other):
            continue
        moved = (one.at for one in facts.executions if is_execution_of(one, request) and one.at >= request.at)
        at = min(moved, default=request.at)
        if at >= since and (other.intent.kind in ("reduce", "cancel_orders") or other.intent.asset == intent.asset):
            return True
    return False


def _may_be_lost(facts: Facts, row: IntentRow, one: Execution) -> bool:
    """Whether an equal execution is of a time in which no daemon ran on this database, and so late after the order that
    another daemon could have given that one up and ordered the same."""
    intent, at = row.intent, claimed_at(row)
    if at is None or not _is_equal(intent, one) or one.at < at + facts.settle_ms:
        return False
    newest = max((run.since for run in facts.runs), default=0)
    return not any(
        (one.at <= run.until or run.since == newest) and (run.since <= at or run.since + facts.settle_ms <= one.at)
        for run in facts.runs
    )


def was_named(row: IntentRow) -> bool:
    """Whether an answer of the exchange gave the order its number."""
    return any(step.to_state is IntentState.ACKNOWLEDGED for step in row.steps)


def is_taken_unknowably(facts: Facts, row: IntentRow) -> bool:
    """Whether the proof of an order that no answer named is an equal movement by another hand: the histories tell
    nothing of who sent what, so only one who was seen to act before can be told from ours. Of a cancellation nothing
    can be: what is left of it is that no order is open.

    An order that counts as failed is counted as carried out late, the safe side, also by a movement of one of ours that
    a restore lost; people are told that it may be that.
    """
    intent, at = row.intent, claimed_at(row)
    if was_named(row) or at is None:
        return False
    if intent.kind == "cancel_orders":
        return _is_cancelled_by_others(facts, intent, at)
    by_others = any(
        str(one.tran_id) == intent.ref and _is_equal(intent, one) and one.at >= at - SENT_BEFORE_MS
        for one in facts.foreign
    )
    return by_others or (
        intent.executed_late
        and "no answer named the order" in (intent.evidence or "")
        and any(str(one.tran_id) == intent.ref and _may_be_lost(facts, row, one) for one in facts.executions)
    )


def _is_cancelled_by_others(facts: Facts, intent: Intent, since: int) -> bool:
    wish = money_request_of_intent(intent)
    until = None if intent.settled_at is None else in_ms(intent.settled_at)
    return any(
        one.wish == wish and one.applied and since - SENT_BEFORE_MS <= one.at and (until is None or one.at <= until)
        for one in facts.foreign_requests
    )


def _is_equal(intent: Intent, one: Execution) -> bool:
    kind = {"transfer_in": "transfer"}.get(intent.kind, intent.kind)
    return (one.kind, one.asset, one.amount) == (kind, intent.asset, intent.amount)


def _intent_label(intent: Intent) -> str:
    return f"intent {intent.id} {intent.action} {intent.kind} {intent.amount} {intent.asset} {intent.state}"

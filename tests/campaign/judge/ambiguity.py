"""What the exchange's histories can't tell: whose an equal movement was, and what a wallet without a ledger gave."""

from collections.abc import Iterator
from datetime import timedelta

from monitor.core.model.intent import Intent, IntentState
from monitor.core.settlement.ledger_evidence import AFTER_SEND_MARGIN
from monitor.core.settlement.observation import CLOCK_TOLERANCE
from monitor.core.state.attribution import TRACE_WINDOW
from monitor.records.intents import IntentRow
from tests.campaign.judge.disturbances import Violation, claimed_at, in_ms
from tests.campaign.judge.facts import CROSS_PATH, Facts

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
    """What others repaid is told, where an action repays and a rule tells of it."""
    began = min((r.at for r in facts.requests if r.path == CROSS_PATH and r.status == 200 and r.intact), default=None)
    repays = any(limits.kind == "repay" for limits in facts.limits)
    if not (facts.tells_of_hands and repays and began is not None):
        return
    taken = {row.intent.ref for row in facts.intents if is_taken_unknowably(facts, row)}
    repaid = [one for one in facts.foreign if one.kind == "repay" and str(one.tran_id) not in taken]
    seen = [one for one in repaid if one.at > began]
    if seen and not any(alert.rule == "foreign-hand" and alert.fired for alert in facts.alerts):
        yield Violation("another hand was not told", f"{seen[0].kind} {seen[0].amount} {seen[0].asset} at {seen[0].at}")


def is_a_person_asked(facts: Facts, row: IntentRow) -> bool:
    """Whether the exchange's witnesses can't decide and a person was told so.

    They can't where something else moved the same asset so soon after the order that no clock can tell which of them
    the balances show; where others took of the asset while a transfer was under way, since no ledger tells of a wallet
    outside margin; and where others acted beside an order that no answer named.
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
    shared = not was_named(row) and any(one.at >= since - SHARED_MS for one in facts.foreign)
    return told and (beside or taken or shared)


def was_named(row: IntentRow) -> bool:
    """Whether an answer of the exchange gave the order its number."""
    return any(step.to_state is IntentState.ACKNOWLEDGED for step in row.steps)


def is_taken_unknowably(facts: Facts, row: IntentRow) -> bool:
    """Whether the proof of an order that no answer named is an equal movement by another hand: the histories tell
    nothing of who sent what, so only one who was seen to act before can be told from ours."""
    intent, at = row.intent, claimed_at(row)
    if was_named(row) or at is None:
        return False
    kind = {"transfer_in": "transfer"}.get(intent.kind, intent.kind)
    return any(
        str(one.tran_id) == intent.ref
        and (one.kind, one.asset, one.amount) == (kind, intent.asset, intent.amount)
        and one.at >= at - SENT_BEFORE_MS
        for one in facts.foreign
    )


def _intent_label(intent: Intent) -> str:
    return f"intent {intent.id} {intent.action} {intent.kind} {intent.amount} {intent.asset} {intent.state}"

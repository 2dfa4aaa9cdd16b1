"""What has to hold of orders that made things worse, and of a machine that slept, without IO."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.records.intents import IntentRow
from tests.campaign.judge.disturbances import Violation, in_ms
from tests.campaign.judge.facts import CROSS_PATH, Facts, RequestFact, RuleStopFact

PEOPLE = ("campaign",)
"""Who resumes."""

CERTAIN_FACTOR, CERTAIN_EXTRA = Decimal("1.5"), Decimal(300)
"""What must be gone beside an order so that nothing makes up for it at any level below 2.5: so many times its amount,
and what interest and rounding explain."""

MIN_REPORTED_SLEEP_S = 1.0
"""Machine seconds of sleep from which on a daemon says so."""

LASTING = frozenset({
    "sent though its rule was stopped", "sent long after its rule was stopped", "a stop that nobody lifted",
    "nothing stopped what made things worse", "stopped though nothing was worse",
})  # fmt: skip


def judge_stops(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """Everything of these that is wrong. `sent` is the request of each intent, by its number."""
    yield from _claimed_while_stopped(facts)
    yield from _left_while_stopped(facts, sent)
    for stop in facts.stops:
        if stop.until is not None and stop.by not in PEOPLE:
            yield Violation("a stop that nobody lifted", _stop_label(stop))
        if not any(n.severity == "critical" and f"R-{stop.intent})" in n.text for n in facts.notices):
            yield Violation("nobody was told of a stop", _stop_label(stop))
    yield from _level_losses(facts, sent)
    yield from _suspended(facts)


def _claimed_while_stopped(facts: Facts) -> Iterator[Violation]:
    """By the order of the trail, which no clock can blur."""
    stopped: dict[str, int] = {}
    for row in facts.order:
        match row.what:
            case "stopped":
                stopped[row.rule] = row.intent
            case "resumed":
                stopped.pop(row.rule, None)
            case "claimed" if row.rule in stopped:
                yield Violation("sent though its rule was stopped", f"{row.rule} R-{row.intent} {stopped[row.rule]}")


def _left_while_stopped(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """What was claimed before a stop does not leave long after it."""
    rules = {row.intent: row.rule for row in facts.order if row.what == "claimed"}
    for stop in facts.stops:
        for number, request in sent.items():
            is_within = request.left > stop.at + facts.grace_ms and (stop.until is None or request.left < stop.until)
            if is_within and rules.get(number) == stop.rule:
                yield Violation("sent long after its rule was stopped", f"R-{number}, {_stop_label(stop)}")


def _level_losses(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """An order beside which much was taken stops its rule; one beside which nothing moved does not.

    Only where nothing else moved in the account until it was confirmed, and until the stop where that came later.
    """
    stopped = {stop.intent: stop.at for stop in facts.stops}
    for row in facts.intents:
        intent, request = row.intent, sent.get(row.intent.id)
        if request is None or not request.applied or intent.alert is None:
            continue
        if not _moved_alone(facts, row, request, stopped.get(intent.id, 0)):
            continue
        if intent.id in stopped and not request.taken:
            yield Violation("stopped though nothing was worse", _intent_label(intent))
        if intent.id not in stopped and _is_worse(intent, request):
            yield Violation("nothing stopped what made things worse", f"{_intent_label(intent)}: {request.taken} more")


def _moved_alone(facts: Facts, row: IntentRow, request: RequestFact, stopped_at: int) -> bool:
    """Whether the program knows of a movement of money beside which there was no other: until it was confirmed and
    judged, or, if it was executed late, until the end."""
    at = next((in_ms(step.at) for step in row.steps if step.to_state is IntentState.CONFIRMED), None)
    if row.intent.executed_late:
        at = max(one.at for one in facts.requests)
    is_told = row.intent.kind in ("repay", "transfer_in") and row.intent.resolved_by is None
    if at is None or not is_told or not row.intent.balances_before:
        return False
    until = max(at, stopped_at, facts.judged.get(row.intent.id, 0))
    return sum(request.at <= stir.at <= until for stir in facts.stirs) <= 1


def _is_worse(intent: Intent, request: RequestFact) -> bool:
    """Whether what was taken was taken where the order was to help, and more than it can have brought."""
    scope = intent.target_scope
    is_there = intent.kind == "repay" or scope == CROSS
    return is_there and request.taken > intent.amount * CERTAIN_FACTOR + CERTAIN_EXTRA


def _suspended(facts: Facts) -> Iterator[Violation]:
    """After it slept the daemon says so, and reads on."""
    for one in facts.suspends:
        if one.outlived and one.seconds >= MIN_REPORTED_SLEEP_S and not one.noticed:
            yield Violation("nobody noticed that the machine slept", f"{one.seconds:g} s at {one.at}")
        if not any(r.path == CROSS_PATH and r.status == 200 and r.intact and r.at > one.at for r in facts.requests):
            yield Violation("the watch stood still after the machine slept", f"{one.seconds:g} s at {one.at}")


def _stop_label(stop: RuleStopFact) -> str:
    return f"{stop.rule} since R-{stop.intent} at {stop.at}"


def _intent_label(intent: Intent) -> str:
    return f"intent {intent.id} {intent.action} {intent.kind} {intent.amount} {intent.asset}"

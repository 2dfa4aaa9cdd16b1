"""What follows a first half: nothing before it is proven, never more than it brought, and never twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.actions.revalidation import NotWanted, revalidate
from monitor.core.actions.scope_position import TRADING_FEE
from monitor.core.model.events import CommandsRead
from monitor.core.model.intent import SPENT_STATES, Intent, IntentState
from monitor.core.model.order import Accepted, Reduce, Refused, Unknown
from monitor.core.numbers.amounts import ZERO
from monitor.core.settlement.transitions import IntentUpdate, apply_outcome, expire, mark_uncertain, transition
from tests.intent_model.intent_run import IntentRun, account_state, all_runs, decide_intents, settings_for
from tests.intent_model.variants import KINDS, IntentKind
from tests.support.examples.actions import seconds

S = IntentState

TWO_STEP_KINDS = [
    kind for kind in KINDS if kind.spec.kind in ("transfer_in", "reduce") and not kind.name.startswith("repay")
]
"""What may leave a second half to be made; the second hop is one itself."""

LATER = (seconds(5), seconds(60), timedelta(minutes=11))
SETTLED_BY = {"confirmed": S.CONFIRMED, "failed": S.FAILED, "unknown": S.UNCERTAIN, "asked": S.UNRESOLVED}


def distinct_runs(kind: IntentKind) -> list[IntentRun]:
    """One life for each end that a decision can tell from the others."""
    found: dict[object, IntentRun] = {}
    for life in all_runs(kind):
        intent, rows = life.intent, life.played.rows
        key = (intent.state, intent.refused_transiently, life.executed, intent.executed_late, intent.stopped_by_limit)
        found.setdefault((life.spec.mode, key, str(rows) if life.sends else life.story.change), life)
    return list(found.values())


def amount_available_after(first: Intent) -> Decimal:
    """What a first half brought at most: a sale pays its fee."""
    return first.amount * (1 - TRADING_FEE) if isinstance(first.order, Reduce) else first.amount


def is_follow_up(intent: Intent, kind: IntentKind) -> bool:
    return intent.kind != kind.spec.kind or getattr(intent.order, "source", "") == "cross"


def follow_ups_after(
    life: IntentRun, intents: dict[int, Intent], after: timedelta, *, is_firing: bool = True, paused: bool = False
) -> list[Intent]:
    """The second halves that are decided on `after` the first."""
    kind, now = life.story.kind, life.now + after
    state = account_state(
        kind, life.played, now, is_firing=is_firing, intents=intents, commands=CommandsRead(paused=paused)
    )
    made = [intent for intent, _ in decide_intents(kind, life.spec, state, now)]
    return [one for one in made if is_follow_up(one, kind) and one.id not in intents and one.plan == life.intent.plan]


@pytest.fixture(scope="module")
def first_legs() -> list[IntentRun]:
    return [life for kind in TWO_STEP_KINDS for life in distinct_runs(kind)]


def test_all_outcomes_of_a_first_leg_are_covered(first_legs: list[IntentRun]) -> None:
    wanted = {S.SIMULATED, S.EXPIRED, S.REFUSED, S.CONFIRMED, S.FAILED, S.UNRESOLVED}
    for kind in TWO_STEP_KINDS:
        assert {life.intent.state for life in first_legs if life.story.kind is kind} >= wanted - _unasked(kind), (
            kind.name
        )


def _unasked(kind: IntentKind) -> set[IntentState]:
    return set() if not kind.firsts else {S.REJECTED}


@pytest.mark.parametrize("is_firing", [True, False])
def test_no_follow_up_without_a_proven_first_leg(first_legs: list[IntentRun], is_firing: bool) -> None:
    followed = set()
    for life in first_legs:
        for after in LATER:
            if follow_ups_after(life, life.intents, after, is_firing=is_firing):
                proven = S.SIMULATED if life.story.mode == "dry-run" else S.CONFIRMED
                earlier = [one for one in life.before if one.state is proven]
                assert life.intent.state is proven or _is_second_hop_repeated(life, earlier), life.story
                followed.add((life.story.kind.name, after == LATER[-1]))
    lately = {name for name, long_after in followed if not long_after}
    assert lately == {kind.name for kind in TWO_STEP_KINDS if kind.spec.use != "collateral"}
    # Without an alert that calls for it, only what is recent is finished.
    assert is_firing or not any(long_after for _, long_after in followed)


def _is_second_hop_repeated(life: IntentRun, earlier: list[Intent]) -> bool:
    """A second hop that was refused or expired may be made again: its own first half is proven, nothing was moved."""
    may = life.intent.state is S.EXPIRED or life.intent.refused_transiently
    return bool(life.story.kind.firsts and earlier and may and not life.executed)


@pytest.mark.parametrize("is_firing", [True, False])
def test_follow_up_never_exceeds_the_amount_of_the_first_leg(first_legs: list[IntentRun], is_firing: bool) -> None:
    for life in first_legs:
        # Whatever else is free there: it is not what was brought in.
        rich = life.fork(life.story)
        for scope in rich.played.rows:
            rich.played.change(scope, "USDT", free=Decimal(500_000))
        for half in follow_ups_after(rich, rich.intents, LATER[0], is_firing=is_firing):
            bound = min(
                amount_available_after(intent) for intent in rich.intents.values() if intent.asset == half.asset
            )
            assert ZERO < half.amount <= bound, life.story


def test_no_follow_up_while_paused(first_legs: list[IntentRun]) -> None:
    for life in first_legs:
        if life.story.mode != "dry-run":
            assert not follow_ups_after(life, life.intents, LATER[0], paused=True), life.story


def follow_up_outcomes(life: IntentRun) -> Iterator[tuple[str, dict[int, Intent]]]:
    """The second half of a proven first one, with every end that it may have."""
    for half in follow_ups_after(life, life.intents, LATER[0]):
        now, kind = life.now + LATER[0], life.story.kind
        state = account_state(kind, life.played, now, intents={**life.intents, half.id: half})
        checked = revalidate(state, half, [life.spec], settings_for(kind), now)
        assert not isinstance(checked, NotWanted), (life.story, checked)
        assert checked.amount <= half.amount
        sent = transition(half, replace(checked, state=S.SUBMITTING, submitted_at=now), now, "claimed").intent
        steps: dict[str, IntentUpdate] = {
            "sending": transition(half, sent, now, "claimed"),
            "crashed": mark_uncertain(sent, now, "crash"),
            "accepted": apply_outcome(sent, Accepted("88"), now),
            "refused": apply_outcome(sent, Refused(-3010, "no"), now),
            "pending": apply_outcome(sent, Refused(-3007, "pending", transient=True), now),
            "lost": apply_outcome(sent, Unknown("cut"), now),
            "overtaken": expire(half, now, "overtaken"),
        }
        for name, step in steps.items():
            yield name, {**life.intents, half.id: step.intent}
        open_still = steps["lost"].intent
        for name, state_then in SETTLED_BY.items():
            yield name, {**life.intents, half.id: replace(open_still, state=state_then, settled_at=now)}


def test_follow_up_is_made_once(first_legs: list[IntentRun]) -> None:
    again: dict[str, set[bool]] = {}
    for life in first_legs:
        if life.story.mode == "dry-run" or life.intent.state is not S.CONFIRMED:
            continue
        for name, intents in follow_up_outcomes(life):
            half = intents[max(intents)]
            for after in (seconds(20), seconds(90)):
                # Two hops that are done are followed by the repayment: that is another half, of the second.
                more = [one for one in follow_ups_after(life, intents, after) if _target_of(one) == _target_of(half)]
                again.setdefault(name, set()).add(bool(more))
                moving = [one for one in (half, *more) if one.state in SPENT_STATES | {S.PLANNED}]
                assert sum(one.amount for one in moving) <= amount_available_after(life.intent), (life.story, name)
                if half.state in SPENT_STATES | {S.FAILED}:
                    assert not more, (life.story, name)
    # Only what certainly moved nothing, and may be asked for again, is made once more.
    assert {name for name, made in again.items() if True in made} == {"pending", "overtaken"}


def _target_of(half: Intent) -> object:
    return half.kind, half.scope, half.asset

"""Every path of an intent's life, for every kind of order, with every outcome at every step, walked without IO."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.actions.limits import counts, spent_by
from monitor.core.model.intent import FINAL, LEGAL, Intent, IntentState
from monitor.core.model.order import Reduce, Transfer
from tests.intent_model.intent_run import Life, claimed, every_end
from tests.intent_model.simulated_account import PAIR
from tests.intent_model.variants import KINDS, Kind, Mode, Story

S = IntentState


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    """Every story of every kind, lived to its end."""
    return [life for kind in KINDS for life in every_end(kind)]


def by_evidence(lives: list[Life], state: IntentState) -> Iterator[Life]:
    """The lives that were looked into and ended so without a person."""
    for life in lives:
        if life.steps[-1].to_state is state and life.done_when_judged is not None and not _by_a_person(life):
            yield life


def _by_a_person(life: Life) -> bool:
    return life.steps[-1].from_state is S.UNRESOLVED and life.story.person != "nobody"


def test_every_kind_is_the_order_that_it_is_called() -> None:
    made = {kind.name: claimed(Story(kind, "live")).intent for kind in KINDS}
    assert {intent.kind for intent in made.values()} == {"repay", "transfer_in", "reduce", "cancel_orders"}
    ways = {(i.order.source, i.scope.symbol, i.purpose) for i in made.values() if isinstance(i.order, Transfer)}
    assert ways == {
        ("spot", "", "repay"),
        ("funding", "", "repay"),
        ("spot", "", "collateral"),
        ("spot", PAIR.symbol, "repay"),
        ("funding", "", "repay"),
        ("cross", PAIR.symbol, "repay"),
    }
    halves = {kind.name for kind in KINDS if kind.firsts and made[kind.name].kind == "repay"}
    assert halves == {kind.name for kind in KINDS if kind.name.startswith("repay after")}


def test_every_step_of_every_life_is_legal_and_joins_the_one_before(lives: list[Life]) -> None:
    for life in lives:
        state: IntentState | None = None
        for step in life.steps:
            assert step.from_state is state, life.story
            assert (step.from_state, step.to_state) in LEGAL, life.story
            state = step.to_state
        assert life.intent.state is state, life.story


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_legal_step_is_walked_by_every_kind(kind: Kind, lives: list[Life]) -> None:
    walked = {(step.from_state, step.to_state) for life in lives if life.story.kind is kind for step in life.steps}
    # Who approved the first half has approved what it was for; and a rehearsed sale counts as repaid with.
    unasked = {edge for edge in LEGAL if S.PROPOSED in edge} if kind.firsts else set()
    unasked |= {(S.PLANNED, S.SIMULATED)} if kind.firsts and kind.spec.kind == "reduce" else set()
    assert walked == LEGAL - unasked - _impossible(kind)


def _impossible(kind: Kind) -> set[tuple[IntentState | None, IntentState]]:
    """An acknowledged cancellation is never taken for failed: its orders may be open for as long as they like."""
    return {(S.ACKNOWLEDGED, S.FAILED)} if kind.spec.kind == "cancel_orders" else set()


def test_a_person_can_settle_every_question_either_way(lives: list[Life]) -> None:
    asked = {life.story.kind.name: set[IntentState]() for life in lives}
    for life in lives:
        if _by_a_person(life):
            asked[life.story.kind.name].add(life.steps[-1].to_state)
            assert life.intent.resolved_by or life.intent.executed_late, life.story
    assert all(outcomes == {S.CONFIRMED, S.FAILED} for outcomes in asked.values()), asked


def test_no_intent_is_ever_sent_twice(lives: list[Life]) -> None:
    assert {life.sends for life in lives} == {0, 1}


def test_only_a_claimed_intent_is_sent(lives: list[Life]) -> None:
    for life in lives:
        assert life.sends <= sum(step.to_state is S.SUBMITTING for step in life.steps), life.story


def test_a_dry_run_and_a_stopped_plan_send_nothing(lives: list[Life]) -> None:
    for life in lives:
        if life.story.mode == "dry-run" or life.story.change != "none" or life.story.answer != "approved":
            assert life.sends == 0, life.story
            assert life.intent.state in {S.SIMULATED, S.EXPIRED, S.REJECTED}, life.story


def unnamed(intent: Intent) -> object:
    """The order without the name that it bears at the exchange."""
    return replace(intent.order, client_id="") if isinstance(intent.order, Reduce) else intent.order


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_was_approved_is_claimed_as_it_would_be_live(kind: Kind) -> None:
    modes: tuple[Mode, Mode] = ("approve", "live")
    approved, live = (claimed(Story(kind, mode)).intent for mode in modes)
    assert unnamed(approved) == unnamed(live)
    assert (approved.owed_before, approved.free_before, approved.source_before) == (
        live.owed_before,
        live.free_before,
        live.source_before,
    )


def test_confirmed_by_evidence_means_executed(lives: list[Life]) -> None:
    found = list(by_evidence(lives, S.CONFIRMED))
    assert found
    assert all(life.done_when_judged for life in found), [life.story for life in found if not life.done_when_judged]


def test_failed_by_evidence_means_not_executed_until_then(lives: list[Life]) -> None:
    found = list(by_evidence(lives, S.FAILED))
    assert found
    assert not any(life.done_when_judged for life in found), [life.story for life in found if life.done_when_judged]


def test_what_was_executed_and_left_a_trace_is_confirmed(lives: list[Life]) -> None:
    for life in lives:
        in_time = life.story.execution in ("at once", "late")
        tells = life.story.trace in ("prompt", "lagging", "failed", "ledger")
        if life.executed and in_time and tells and life.story.person == "nobody":
            assert life.intent.state is S.CONFIRMED, life.story


def test_what_was_never_executed_and_left_no_record_ends_failed_or_before_a_person(lives: list[Life]) -> None:
    ended: Counter[IntentState] = Counter()
    for life in lives:
        silent = life.sends and life.story.reply == "lost" and life.story.trace in ("missing", "dark")
        if silent and not life.executed and life.story.person == "nobody":
            ended[life.intent.state] += 1
    assert set(ended) == {S.FAILED}


def test_an_acknowledged_order_without_a_trace_never_fails_by_itself(lives: list[Life]) -> None:
    for life in by_evidence(lives, S.FAILED):
        if any(step.to_state is S.ACKNOWLEDGED for step in life.steps):
            assert life.story.trace in ("failed", "wrong"), life.story


def test_what_is_executed_after_it_failed_is_found_wherever_it_left_a_trace(lives: list[Life]) -> None:
    late = [life for life in lives if life.story.execution == "after it failed" and life.executed]
    for life in late:
        trades = not life.story.kind.leaves_a_ledger_row
        leaves = {"prompt", "lagging", "failed"} | (set() if trades else {"pending", "wrong", "ledger"})
        # A cancellation moves nothing that a limit counts.
        expected = life.story.trace in leaves and life.story.kind.spec.kind != "cancel_orders"
        assert life.intent.executed_late is expected, life.story
    assert {life.story.person for life in late} == {"nobody", "failed"}


def test_what_never_was_executed_is_never_found_late(lives: list[Life]) -> None:
    assert not [life.story for life in lives if not life.executed and life.intent.executed_late]


def test_what_moved_money_or_may_have_counts_against_the_caps_once(lives: list[Life]) -> None:
    """But where nothing shows it, after it counted as failed by a person's word or by all evidence there was."""
    for life in lives:
        if not counts(life.spec, life.intent) or life.story.mode == "dry-run":
            continue
        spent = spent_by(life.spec, "main", life.intents.values(), life.now)
        gone = life.executed and life.intent.state is not S.FAILED
        open_still = life.intent.state in {S.UNRESOLVED, S.CONFIRMED} or life.intent.executed_late
        expected = life.intent.amount_usdt if gone or open_still else Decimal(0)
        assert (spent.amount, spent.count) == (expected, int(gone or open_still)), life.story


def test_second_halves_are_counted_where_the_money_came_in(lives: list[Life]) -> None:
    for life in lives:
        if not life.story.kind.firsts or life.story.mode == "dry-run":
            continue
        firsts = [one for one in life.before if counts(life.spec, one)]
        spent = spent_by(life.spec, "main", life.intents.values(), life.now)
        assert (spent.amount, spent.count) == (sum(one.amount_usdt for one in firsts), 1), life.story


def test_nothing_ends_in_the_middle(lives: list[Life]) -> None:
    for life in lives:
        assert life.intent.state in FINAL | {S.UNRESOLVED}, life.story


def test_final_states_have_no_way_out() -> None:
    assert not [edge for edge in LEGAL if edge[0] in FINAL]

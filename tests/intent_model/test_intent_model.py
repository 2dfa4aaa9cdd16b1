"""Every path of an intent's life, for every kind of order, with every outcome at every step, walked without IO."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.actions.limit_usage import compute_limit_usage, counts_toward_limits
from monitor.core.model.intent import FINAL_STATES, LEGAL_TRANSITIONS, Intent, IntentState
from monitor.core.model.order import Reduce, Transfer
from tests.intent_model.intent_run import IntentRun, all_runs, run_to_claim
from tests.intent_model.simulated_account import PAIR
from tests.intent_model.variants import KINDS, IntentKind, Mode, Variant

S = IntentState


@pytest.fixture(scope="module")
def all_intent_runs() -> list[IntentRun]:
    """Every story of every kind, lived to its end."""
    return [life for kind in KINDS for life in all_runs(kind)]


def settled_by_evidence(lives: list[IntentRun], state: IntentState) -> Iterator[IntentRun]:
    """The lives that were looked into and ended so without a person."""
    for life in lives:
        if life.steps[-1].to_state is state and life.done_when_judged is not None and not _by_a_person(life):
            yield life


def _by_a_person(life: IntentRun) -> bool:
    return life.steps[-1].from_state is S.UNRESOLVED and life.story.person != "nobody"


def test_kind_name_matches_its_order() -> None:
    made = {kind.name: run_to_claim(Variant(kind, "live")).intent for kind in KINDS}
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


def test_every_transition_is_legal_and_starts_at_the_previous_state(all_intent_runs: list[IntentRun]) -> None:
    for life in all_intent_runs:
        state: IntentState | None = None
        for step in life.steps:
            assert step.from_state is state, life.story
            assert (step.from_state, step.to_state) in LEGAL_TRANSITIONS, life.story
            state = step.to_state
        assert life.intent.state is state, life.story


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_legal_transition_is_reached_by_every_kind(kind: IntentKind, all_intent_runs: list[IntentRun]) -> None:
    walked = {
        (step.from_state, step.to_state) for life in all_intent_runs if life.story.kind is kind for step in life.steps
    }
    # Who approved the first half has approved what it was for; and a rehearsed sale counts as repaid with.
    unasked = {edge for edge in LEGAL_TRANSITIONS if S.PROPOSED in edge} if kind.firsts else set()
    unasked |= {(S.PLANNED, S.SIMULATED)} if kind.firsts and kind.spec.kind == "reduce" else set()
    assert walked == LEGAL_TRANSITIONS - unasked - _unreachable_transitions(kind)


def _unreachable_transitions(kind: IntentKind) -> set[tuple[IntentState | None, IntentState]]:
    """An acknowledged cancellation is never taken for failed: its orders may be open for as long as they like."""
    return {(S.ACKNOWLEDGED, S.FAILED)} if kind.spec.kind == "cancel_orders" else set()


def test_unresolved_intent_can_be_resolved_either_way(all_intent_runs: list[IntentRun]) -> None:
    asked = {life.story.kind.name: set[IntentState]() for life in all_intent_runs}
    for life in all_intent_runs:
        if _by_a_person(life):
            asked[life.story.kind.name].add(life.steps[-1].to_state)
            assert life.intent.resolved_by or life.intent.executed_late, life.story
    assert all(outcomes == {S.CONFIRMED, S.FAILED} for outcomes in asked.values()), asked


def test_no_intent_is_ever_sent_twice(all_intent_runs: list[IntentRun]) -> None:
    assert {life.sends for life in all_intent_runs} == {0, 1}


def test_only_a_claimed_intent_is_sent(all_intent_runs: list[IntentRun]) -> None:
    for life in all_intent_runs:
        assert life.sends <= sum(step.to_state is S.SUBMITTING for step in life.steps), life.story


def test_dry_run_and_stopped_intents_send_nothing(all_intent_runs: list[IntentRun]) -> None:
    for life in all_intent_runs:
        if life.story.mode == "dry-run" or life.story.change != "none" or life.story.answer != "approved":
            assert life.sends == 0, life.story
            assert life.intent.state in {S.SIMULATED, S.EXPIRED, S.REJECTED}, life.story


def order_without_client_id(intent: Intent) -> object:
    """The order without the name that it bears at the exchange."""
    return replace(intent.order, client_id="") if isinstance(intent.order, Reduce) else intent.order


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_approved_intent_is_claimed_like_a_live_one(kind: IntentKind) -> None:
    modes: tuple[Mode, Mode] = ("approve", "live")
    approved, live = (run_to_claim(Variant(kind, mode)).intent for mode in modes)
    assert order_without_client_id(approved) == order_without_client_id(live)
    assert (approved.owed_before, approved.free_before, approved.source_before) == (
        live.owed_before,
        live.free_before,
        live.source_before,
    )


def test_intent_confirmed_by_evidence_was_executed(all_intent_runs: list[IntentRun]) -> None:
    found = list(settled_by_evidence(all_intent_runs, S.CONFIRMED))
    assert found
    assert all(life.done_when_judged for life in found), [life.story for life in found if not life.done_when_judged]


def test_intent_failed_by_evidence_was_not_executed_before(all_intent_runs: list[IntentRun]) -> None:
    found = list(settled_by_evidence(all_intent_runs, S.FAILED))
    assert found
    assert not any(life.done_when_judged for life in found), [life.story for life in found if life.done_when_judged]


def test_executed_intent_with_a_trace_is_confirmed(all_intent_runs: list[IntentRun]) -> None:
    for life in all_intent_runs:
        in_time = life.story.execution in ("at once", "late")
        tells = life.story.trace in ("prompt", "lagging", "failed", "ledger")
        if life.executed and in_time and tells and life.story.person == "nobody":
            assert life.intent.state is S.CONFIRMED, life.story


def test_unexecuted_intent_without_a_record_ends_failed_or_unresolved(all_intent_runs: list[IntentRun]) -> None:
    ended: Counter[IntentState] = Counter()
    for life in all_intent_runs:
        silent = life.sends and life.story.reply == "lost" and life.story.trace in ("missing", "dark")
        if silent and not life.executed and life.story.person == "nobody":
            ended[life.intent.state] += 1
    assert set(ended) == {S.FAILED}


def test_acknowledged_intent_without_a_trace_never_fails_by_itself(all_intent_runs: list[IntentRun]) -> None:
    for life in settled_by_evidence(all_intent_runs, S.FAILED):
        if any(step.to_state is S.ACKNOWLEDGED for step in life.steps):
            assert life.story.trace in ("failed", "wrong"), life.story


def test_late_execution_with_a_trace_is_found(all_intent_runs: list[IntentRun]) -> None:
    late = [life for life in all_intent_runs if life.story.execution == "after it failed" and life.executed]
    for life in late:
        trades = not life.story.kind.leaves_a_ledger_row
        leaves = {"prompt", "lagging", "failed"} | (set() if trades else {"pending", "wrong", "ledger"})
        # A cancellation moves nothing that a limit counts.
        expected = life.story.trace in leaves and life.story.kind.spec.kind != "cancel_orders"
        assert life.intent.executed_late is expected, life.story
    assert {life.story.person for life in late} == {"nobody", "failed"}


def test_unexecuted_intent_is_never_reported_as_executed_late(all_intent_runs: list[IntentRun]) -> None:
    assert not [life.story for life in all_intent_runs if not life.executed and life.intent.executed_late]


def test_intent_that_moved_or_may_have_moved_money_counts_against_caps_once(all_intent_runs: list[IntentRun]) -> None:
    """But where nothing shows it, after it counted as failed by a person's word or by all evidence there was."""
    for life in all_intent_runs:
        if not counts_toward_limits(life.spec, life.intent) or life.story.mode == "dry-run":
            continue
        spent = compute_limit_usage(life.spec, "main", life.intents.values(), life.now)
        gone = life.executed and life.intent.state is not S.FAILED
        open_still = life.intent.state in {S.UNRESOLVED, S.CONFIRMED} or life.intent.executed_late
        expected = life.intent.amount_usdt if gone or open_still else Decimal(0)
        assert (spent.amount, spent.count) == (expected, int(gone or open_still)), life.story


def test_follow_ups_count_as_part_of_their_first_leg(all_intent_runs: list[IntentRun]) -> None:
    for life in all_intent_runs:
        if not life.story.kind.firsts or life.story.mode == "dry-run":
            continue
        firsts = [one for one in life.before if counts_toward_limits(life.spec, one)]
        spent = compute_limit_usage(life.spec, "main", life.intents.values(), life.now)
        assert (spent.amount, spent.count) == (sum(first.amount_usdt for first in firsts), 1), life.story


def test_every_run_ends_in_a_final_or_unresolved_state(all_intent_runs: list[IntentRun]) -> None:
    for life in all_intent_runs:
        assert life.intent.state in FINAL_STATES | {S.UNRESOLVED}, life.story


def test_final_states_have_no_transition() -> None:
    assert not [edge for edge in LEGAL_TRANSITIONS if edge[0] in FINAL_STATES]

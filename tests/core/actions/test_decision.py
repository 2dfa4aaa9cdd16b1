"""Decision on actions for firing alerts, step after step."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

import pytest

from monitor.core.actions.decision import Decision, decide
from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics.snapshot import measure_subject
from monitor.core.model.account import CROSS, Balance
from monitor.core.model.action_blocks import ActionBlock
from monitor.core.model.alert import Alert, AlertState
from monitor.core.model.events import CommandsRead, HealthRead
from monitor.core.model.intent import LEGAL_TRANSITIONS, Intent, IntentState
from monitor.core.model.order import Order, Repay, Transfer
from monitor.core.rules.rule import Rule
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from tests.support.examples.actions import (
    NOW,
    SAFETY,
    SETTINGS,
    D,
    account_state,
    alert,
    balance,
    intent,
    matches,
    repay_spec,
    rule,
    seconds,
    transfer_spec,
)

S = IntentState
TRANSFER_IN = Transfer("spot", CROSS, "USDT", D(5000))


def intent_numbers() -> Iterator[int]:
    return count(100)


def decision_for(
    state: AccountState,
    *specs: ActionSpec,
    rules: Sequence[Rule] | None = None,
    now: datetime = NOW,
    measured: bool = True,
) -> Decision:
    figures = {("cross", ""): measure_subject(state, SETTINGS, ("cross", ""), now)} if measured else {}
    called = rules if rules is not None else [rule(*(spec.name for spec in specs))]
    found = decide(state, figures, called, specs, SAFETY, SETTINGS, now, intent_numbers().__next__)  # type: ignore[arg-type]  # a literal key
    for step in found.steps:
        assert (step.from_state, step.to_state) in LEGAL_TRANSITIONS
    return found


def single_intent(found: Decision) -> Intent:
    assert len(found.intents) == 1, found
    return found.intents[0]


def settled_intent(
    number: int, state: IntentState, order: Order | None = None, ago: float = 5, **changes: object
) -> Intent:
    at = NOW - seconds(ago)
    return intent(number, state, order, submitted_at=at, settled_at=at, **changes)


def test_a_firing_alert_plans_the_repayment_that_reaches_the_target() -> None:
    planned = single_intent(decision_for(account_state(alerts=(alert(),)), repay_spec()))
    assert matches(planned.order, Repay(CROSS, "USDT", D(10_000)))
    assert (planned.state, planned.plan, planned.alert, planned.mode) == (S.PLANNED, 1, 1, "live")
    assert planned.level_after == 2


@pytest.mark.parametrize(
    "quiet",
    [
        alert(state=AlertState.PENDING),
        alert(state=AlertState.RESOLVED),
        alert(unknown_since=NOW),
        alert(rule="another"),
    ],
)
def test_no_action_without_a_firing_alert_of_its_rule(quiet: Alert) -> None:
    assert decision_for(account_state(alerts=(quiet,)), repay_spec()) == Decision()


def test_inhibited_silenced_or_acknowledged_alert_still_triggers_actions() -> None:
    quiet = alert(inhibited_by=9, silenced_by=3, acked_by="me")
    assert single_intent(decision_for(account_state(alerts=(quiet,)), repay_spec())).state is S.PLANNED


def test_a_dry_run_is_simulated_in_the_same_step() -> None:
    found = decision_for(account_state(alerts=(alert(),)), repay_spec(mode="dry-run"))
    assert single_intent(found).state is S.SIMULATED
    assert [step.to_state for step in found.steps] == [S.PLANNED, S.SIMULATED]


def test_dry_run_counts_simulated_intents_as_done() -> None:
    short = account_state(
        balance("BTC", "1.5"), balance("USDT", "100", borrowed="60000"), alerts=(alert(),), spot={"USDT": "90000"}
    )
    first = single_intent(decision_for(short, repay_spec(mode="dry-run"), transfer_spec(mode="dry-run")))
    after = replace(short, intents={first.id: first})
    assert decision_for(after, repay_spec(mode="dry-run")).intents == ()
    second = single_intent(decision_for(after, repay_spec(mode="dry-run"), transfer_spec(mode="dry-run")))
    # 59,900 owed against 90,000 held is what the first would have left: 59,900 − 90,000 ÷ 2.
    assert matches(second.order, Transfer("spot", CROSS, "USDT", D(14_900)))


def test_approve_mode_proposes_first() -> None:
    asked = single_intent(decision_for(account_state(alerts=(alert(),)), repay_spec(mode="approve")))
    assert (asked.state, asked.expires_at) == (S.PROPOSED, NOW + seconds(600))


def test_refused_action_is_followed_by_the_next_one() -> None:
    refused = settled_intent(1, S.REFUSED, refused_code=-3010)
    state = account_state(alerts=(alert(),), intents=(refused,), spot={"USDT": "9000"})
    assert matches(single_intent(decision_for(state, repay_spec(), transfer_spec())).order, TRANSFER_IN)


def test_permanent_refusal_is_not_retried_for_a_minute() -> None:
    refused = settled_intent(1, S.REFUSED, refused_code=-3010, ago=59)
    state = account_state(alerts=(alert(),), intents=(refused,))
    assert decision_for(state, repay_spec()).intents == ()
    older = settled_intent(1, S.REFUSED, refused_code=-3010, ago=61)
    assert single_intent(decision_for(replace(state, intents={1: older}), repay_spec())).state is S.PLANNED


def transient_refusal(number: int, ago: float) -> Intent:
    return settled_intent(number, S.REFUSED, refused_code=-3007, refused_transiently=True, ago=ago)


def test_transient_refusal_is_retried_after_a_second() -> None:
    assert (
        decision_for(account_state(alerts=(alert(),), intents=(transient_refusal(1, 0.9),)), repay_spec()).intents == ()
    )
    assert (
        single_intent(
            decision_for(account_state(alerts=(alert(),), intents=(transient_refusal(1, 1.1),)), repay_spec())
        ).state
        is S.PLANNED
    )


def test_at_most_five_attempts_a_minute() -> None:
    tries = tuple(transient_refusal(n, 2 * n) for n in range(1, 6))
    assert decision_for(account_state(alerts=(alert(),), intents=tries), repay_spec()).intents == ()
    assert (
        single_intent(decision_for(account_state(alerts=(alert(),), intents=tries[:4]), repay_spec())).state
        is S.PLANNED
    )


def test_amount_refused_as_too_small_is_not_retried_with_a_smaller_one() -> None:
    refused = settled_intent(1, S.REFUSED, refused_code=-3016)
    assert not decision_for(account_state(alerts=(alert(),), intents=(refused,)), repay_spec()).intents
    with_spot = account_state(alerts=(alert(),), intents=(refused,), spot={"USDT": "9000"})
    assert single_intent(decision_for(with_spot, repay_spec(), transfer_spec())).kind == "transfer_in"


def test_refused_remainder_leaves_no_remainder_next_time() -> None:
    refused = settled_intent(1, S.REFUSED, refused_code=-3015)
    rows = (balance("BTC", "1.5"), balance("USDT", "40000", borrowed="10000"), balance("ETH", borrowed="20"))
    spec = repay_spec(target=None, amount=D(9990))
    assert single_intent(decision_for(account_state(*rows, alerts=(alert(),)), spec)).amount == 9990
    assert (
        single_intent(decision_for(account_state(*rows, alerts=(alert(),), intents=(refused,)), spec)).amount == 10_000
    )


@pytest.mark.parametrize("state", sorted({S.PLANNED, S.SUBMITTING, S.ACKNOWLEDGED, S.PROPOSED}))
def test_next_action_waits_for_the_one_in_progress(state: IntentState) -> None:
    before = intent(
        1, state, submitted_at=NOW - seconds(3), expires_at=NOW + seconds(60) if state is S.PROPOSED else None
    )
    found = decision_for(
        account_state(alerts=(alert(),), intents=(before,), spot={"USDT": "9000"}), repay_spec(), transfer_spec()
    )
    assert found == Decision()


def test_unproven_acknowledged_intent_does_not_block_other_kinds() -> None:
    before = intent(1, S.ACKNOWLEDGED, submitted_at=NOW - seconds(10), ref="7")
    found = decision_for(
        account_state(alerts=(alert(),), intents=(before,), spot={"USDT": "19000"}), repay_spec(), transfer_spec()
    )
    assert single_intent(found).kind == "transfer_in"


def test_unknown_outcome_does_not_block_other_kinds() -> None:
    unknown = intent(1, S.UNCERTAIN, submitted_at=NOW - seconds(3))
    found = decision_for(
        account_state(alerts=(alert(),), intents=(unknown,), spot={"USDT": "19000"}), repay_spec(), transfer_spec()
    )
    # As collateral: the USDT owed can't be repaid while a repayment of it is unknown.
    assert matches(single_intent(found).order, replace(TRANSFER_IN, amount=D(10_000)))


def test_unknown_outcome_blocks_its_own_kind_with_a_reason() -> None:
    unknown = intent(1, S.UNCERTAIN, submitted_at=NOW - seconds(3))
    found = decision_for(account_state(alerts=(alert(),), intents=(unknown,)), repay_spec(asset="USDT"))
    assert found.intents == ()
    assert "not known" in found.blocks[CROSS, "repay"].reason


def test_next_action_needs_a_snapshot_newer_than_the_confirmed_one() -> None:
    done = replace(settled_intent(1, S.CONFIRMED), settled_at=NOW + seconds(1))
    state = account_state(alerts=(alert(),), intents=(done,))
    assert decision_for(state, repay_spec(cooldown=seconds(0)), now=NOW + seconds(2)).intents == ()


def test_transferred_amount_is_repaid_with_at_once() -> None:
    first = settled_intent(1, S.CONFIRMED, TRANSFER_IN, ago=1)
    rows = (balance("BTC", "1.5"), balance("USDT", "25000", borrowed="30000"), balance("ETH", borrowed="10"))
    state = account_state(*rows, alerts=(alert(),), intents=(first,))
    second = single_intent(decision_for(state, transfer_spec()))
    assert second.order == Repay(CROSS, "USDT", D(5000))
    assert (second.action, second.kind) == ("top-up", "repay")
    assert second.level_after is not None
    assert abs(second.level_after - 2) < D("1E-7")
    done = replace(second, state=S.CONFIRMED, submitted_at=NOW, settled_at=NOW)
    assert decision_for(replace(state, intents={1: first, second.id: done}), transfer_spec()).intents == ()


BALANCES_AFTER_TRANSFER = (
    balance("BTC", "1.5"),
    balance("USDT", "25000", borrowed="30000"),
    balance("ETH", borrowed="10"),
)


def completed_transfer(ago: float = 5, **changes: object) -> Intent:
    return settled_intent(1, S.CONFIRMED, TRANSFER_IN, ago=ago, **changes)


def test_follow_up_repayment_happens_although_its_alert_has_resolved() -> None:
    second = single_intent(
        decision_for(account_state(*BALANCES_AFTER_TRANSFER, intents=(completed_transfer(),)), transfer_spec())
    )
    assert second.order == Repay(CROSS, "USDT", D(5000))
    assert (second.action, second.kind, second.state, second.plan, second.alert) == ("top-up", "repay", S.PLANNED, 1, 1)


def test_follow_up_repayment_happens_although_the_target_is_reached() -> None:
    rows = (balance("BTC", "1.8"), balance("USDT", "25000", borrowed="30000"), balance("ETH", borrowed="10"))
    assert single_intent(
        decision_for(account_state(*rows, intents=(completed_transfer(),)), transfer_spec())
    ).order == Repay(CROSS, "USDT", D(5000))


def test_amount_already_repaid_by_another_action_is_not_repaid_again() -> None:
    other = settled_intent(2, S.CONFIRMED, Repay(CROSS, "USDT", D(3000)), ago=3)
    state = account_state(*BALANCES_AFTER_TRANSFER, intents=(completed_transfer(), other))
    assert single_intent(decision_for(state, repay_spec(), transfer_spec())).order == Repay(CROSS, "USDT", D(2000))
    whole = replace(other, order=Repay(CROSS, "USDT", D(5000)))
    assert (
        decision_for(
            account_state(*BALANCES_AFTER_TRANSFER, intents=(completed_transfer(), whole)),
            repay_spec(),
            transfer_spec(),
        ).intents
        == ()
    )


def test_collateral_transfer_repays_only_up_to_the_target() -> None:
    first = replace(completed_transfer(purpose="collateral"), order=replace(TRANSFER_IN, amount=D(9000)))
    second = single_intent(decision_for(account_state(*BALANCES_AFTER_TRANSFER, intents=(first,)), transfer_spec()))
    # 2 · 60,000 − 115,000
    assert matches(second.order, Repay(CROSS, "USDT", D(5000)))


@pytest.mark.parametrize(
    ("rows", "first", "changes"),
    [
        pytest.param(
            (balance("BTC", "1.5"), balance("ETH", borrowed="20")), completed_transfer(), {}, id="the debt is gone"
        ),
        pytest.param(BALANCES_AFTER_TRANSFER, completed_transfer(ago=601), {}, id="it is too long ago"),
        pytest.param(
            (balance("BTC", "1.8"), balance("USDT", "25000", borrowed="30000"), balance("ETH", borrowed="10")),
            completed_transfer(purpose="collateral"),
            {},
            id="it came as collateral and the target is reached",
        ),
        pytest.param(
            BALANCES_AFTER_TRANSFER, completed_transfer(), {"use": "collateral"}, id="it is meant as collateral"
        ),
        pytest.param(
            BALANCES_AFTER_TRANSFER, completed_transfer(), {"mode": "dry-run"}, id="the action may not send any more"
        ),
        pytest.param(BALANCES_AFTER_TRANSFER, completed_transfer(), {"name": "another"}, id="the action is gone"),
        pytest.param(
            (balance("BTC", "1.5"), balance("USDT", locked="25000", borrowed="30000"), balance("ETH", borrowed="10")),
            completed_transfer(),
            {},
            id="it was used otherwise",
        ),
    ],
)
def test_no_follow_up_repayment_when(rows: tuple[Balance, ...], first: Intent, changes: dict[str, object]) -> None:
    found = decision_for(account_state(*rows, intents=(first,)), transfer_spec(**changes), rules=[])
    assert found == Decision()


def test_pause_holds_the_follow_up() -> None:
    state = account_state(*BALANCES_AFTER_TRANSFER, intents=(completed_transfer(),))
    for paused in (
        replace(state, commands=CommandsRead(paused=True)),
        replace(state, health=HealthRead(pause_file=True)),
    ):
        for mode in ("live", "approve"):
            assert decision_for(paused, transfer_spec(mode=mode)).intents == ()
    for mode in ("live", "approve"):
        assert len(decision_for(state, transfer_spec(mode=mode)).intents) == 1


def test_follow_up_waits_for_a_snapshot_that_shows_the_transfer() -> None:
    early = replace(completed_transfer(), settled_at=NOW + seconds(1))
    assert (
        decision_for(
            account_state(*BALANCES_AFTER_TRANSFER, intents=(early,)), transfer_spec(), now=NOW + seconds(2)
        ).intents
        == ()
    )


@pytest.mark.parametrize(
    ("outcome", "changes", "again"),
    [
        (S.CONFIRMED, {}, False),
        (S.UNCERTAIN, {}, False),
        (S.FAILED, {}, False),
        (S.REFUSED, {"refused_code": -3010}, False),
        (S.REFUSED, {"refused_code": -3007, "refused_transiently": True}, True),
        (S.EXPIRED, {}, True),
    ],
)
def test_follow_up_is_made_once(outcome: IntentState, changes: dict[str, object], again: bool) -> None:
    half = settled_intent(2, outcome, Repay(CROSS, "USDT", D(5000)), ago=2, action="top-up", **changes)
    state = account_state(*BALANCES_AFTER_TRANSFER, intents=(completed_transfer(), half))
    assert bool(decision_for(state, transfer_spec()).intents) is again


def test_transferred_amount_is_used_by_its_own_action_only() -> None:
    state = account_state(*BALANCES_AFTER_TRANSFER, alerts=(alert(),), intents=(completed_transfer(),))
    assert single_intent(decision_for(state, repay_spec(), transfer_spec())).action == "top-up"


def test_follow_up_does_not_count_against_limits_again() -> None:
    capped = transfer_spec(max_amount=D(5000), max_per_day=D(5000), max_actions_per_day=1, cooldown=seconds(3600))
    assert (
        single_intent(
            decision_for(account_state(*BALANCES_AFTER_TRANSFER, intents=(completed_transfer(),)), capped)
        ).amount
        == 5000
    )


def test_approved_transfer_needs_no_approval_of_its_follow_up() -> None:
    state = account_state(*BALANCES_AFTER_TRANSFER, alerts=(alert(),), intents=(completed_transfer(mode="approve"),))
    assert single_intent(decision_for(state, transfer_spec(mode="approve"))).state is S.PLANNED


def test_collateral_transfer_has_no_follow_up() -> None:
    state = account_state(alerts=(alert(),), intents=(settled_intent(1, S.CONFIRMED, TRANSFER_IN, ago=1),))
    assert decision_for(state, transfer_spec(use="collateral")).intents == ()


def test_blocked_live_action_has_a_reason() -> None:
    state = replace(account_state(alerts=(alert(),)), commands=CommandsRead(paused=True))
    found = decision_for(state, repay_spec(), transfer_spec())
    assert found.intents == ()
    assert found.blocks[CROSS, "repay"].reason.startswith("actions are paused")
    assert "spot" in found.blocks[CROSS, "top-up"].reason


def test_no_action_is_reported_blocked_once_another_acts() -> None:
    state = account_state(
        balance("BTC", "1.5"), balance("USDT", borrowed="60000"), alerts=(alert(),), spot={"USDT": "90000"}
    )
    found = decision_for(state, repay_spec(), transfer_spec())
    assert single_intent(found).kind == "transfer_in"
    assert found.blocks == {}


def test_a_dry_run_is_never_blocked() -> None:
    empty = account_state(balance("BTC", "1.5"), balance("USDT", borrowed="60000"), alerts=(alert(),))
    assert decision_for(empty, repay_spec(mode="dry-run")).blocks == {}


def block_of(found: Decision, action: str) -> ActionBlock:
    assert found.intents == ()
    return found.blocks[CROSS, action]


def test_limit_that_blocks_a_proposal_has_a_reason_and_is_not_counted() -> None:
    state = account_state(alerts=(alert(),), spot={"USDT": "50"})
    stop = block_of(decision_for(state, transfer_spec(mode="approve", keep_in_source=D(100))), "top-up")
    assert "above the 100 kept there" in stop.reason
    assert stop.reason.endswith("put some there")
    assert not stop.blocks_live_action


def test_cooldown_block_names_its_end_and_is_not_counted() -> None:
    state = account_state(alerts=(alert(),), intents=(settled_intent(1, S.CONFIRMED, ago=20),))
    stop = block_of(decision_for(state, repay_spec(cooldown=seconds(60))), "repay")
    # Sent 20 s before 21:15:30, and 60 s to wait.
    assert not stop.blocks_live_action
    assert "21:16:10 UTC" in stop.reason


def test_data_too_old_to_act_on_are_a_reason() -> None:
    stop = block_of(
        decision_for(account_state(alerts=(alert(),)), repay_spec(max_data_age=seconds(5)), now=NOW + seconds(6)),
        "repay",
    )
    assert "6 s old, max_data_age" in stop.reason
    assert not stop.blocks_live_action


def test_data_that_stay_too_old_to_act_on_are_counted() -> None:
    state = account_state(alerts=(alert(fired_at=NOW - seconds(90)),))
    late = repay_spec(max_data_age=seconds(5))
    assert not block_of(decision_for(state, late, now=NOW + seconds(14)), "repay").blocks_live_action
    assert block_of(decision_for(state, late, now=NOW + seconds(15)), "repay").blocks_live_action


def test_action_of_an_alert_with_unknown_metrics_is_counted_as_blocked() -> None:
    state = account_state(alerts=(alert(unknown_since=NOW),))
    assert decision_for(state, repay_spec(), now=NOW + seconds(9)).blocks == {}
    stop = block_of(decision_for(state, repay_spec(), now=NOW + seconds(10)), "repay")
    assert stop.blocks_live_action
    assert "not known" in stop.reason
    assert not block_of(
        decision_for(state, repay_spec(mode="approve"), now=NOW + seconds(10)), "repay"
    ).blocks_live_action
    assert decision_for(state, repay_spec(mode="dry-run"), now=NOW + seconds(10)).blocks == {}


def test_action_in_an_unread_scope_is_counted_as_blocked() -> None:
    state = replace(account_state(alerts=(alert(),)), cross=None)
    assert block_of(decision_for(state, repay_spec(), now=NOW + seconds(60)), "repay").blocks_live_action


def test_action_out_of_attempts_names_the_last_reason() -> None:
    tries = [
        settled_intent(n, S.EXPIRED, ago=50 - n, evidence="the journal is gone", stopped_by_limit=True)
        for n in range(1, 6)
    ]
    stop = block_of(decision_for(account_state(alerts=(alert(),), intents=tuple(tries)), repay_spec()), "repay")
    # The first of the five is 49 s old: its minute is over in 11 s.
    assert not stop.blocks_live_action
    for words in ("R-5", "the journal is gone", "21:15:41"):
        assert words in stop.reason


def test_refusal_and_rejection_are_reasons() -> None:
    refused = settled_intent(3, S.REFUSED, ago=10, refused_code=-3041, evidence="refused -3041 Balance is not enough")
    stop = block_of(decision_for(account_state(alerts=(alert(),), intents=(refused,)), repay_spec()), "repay")
    for words in ("R-3", "-3041", "21:16:20"):
        assert words in stop.reason
    rejected = settled_intent(4, S.REJECTED, mode="approve")
    stop = block_of(
        decision_for(account_state(alerts=(alert(),), intents=(rejected,)), repay_spec(mode="approve")), "repay"
    )
    assert "R-4" in stop.reason
    assert "rejected" in stop.reason


def test_unreadable_wallet_is_a_reason_after_its_read_failed() -> None:
    unread = replace(account_state(alerts=(alert(),)), wallets={})
    assert decision_for(unread, transfer_spec()).blocks == {}
    stop = block_of(
        decision_for(replace(unread, polling=replace(unread.polling, failed_at={"spot": NOW})), transfer_spec()),
        "top-up",
    )
    assert stop.reason.endswith("is not known yet: reading it fails; move the money by hand")
    assert stop.blocks_live_action


def test_unread_wallet_is_requested() -> None:
    state = replace(account_state(alerts=(alert(),)), wallets={})
    assert decision_for(state, transfer_spec()).requested_reads == {"spot", "funding"}


def test_wallet_last_read_empty_is_requested_again() -> None:
    state = account_state(alerts=(alert(),), spot={})
    long_ago = {name: replace(wallet, as_of=NOW - seconds(60)) for name, wallet in state.wallets.items()}
    assert decision_for(state, transfer_spec()).requested_reads == frozenset()
    assert decision_for(replace(state, wallets=long_ago), transfer_spec()).requested_reads == {"spot", "funding"}


def test_one_intent_per_scope_for_the_worst_alert() -> None:
    mild, bad = alert(1, rule="mild", severity="warning"), alert(2, rule="bad")
    rules = [rule("repay", name="mild", severity="warning"), rule("top-up", name="bad")]
    state = account_state(alerts=(mild, bad), spot={"USDT": "9000"})
    assert single_intent(decision_for(state, repay_spec(), transfer_spec(), rules=rules)).plan == 2


def test_stale_figures_decide_nothing() -> None:
    state = account_state(alerts=(alert(),))
    assert decision_for(state, repay_spec(), now=NOW + seconds(600)).intents == ()


def test_known_blocks_stay_without_a_new_measurement() -> None:
    state = replace(account_state(alerts=(alert(),)), action_blocks={(CROSS, "repay"): ActionBlock("paused")})
    assert decision_for(state, repay_spec(), measured=False) == Decision(
        blocks={(CROSS, "repay"): ActionBlock("paused")}
    )


def proposal(action: str = "repay") -> Intent:
    return intent(7, S.PROPOSED, mode="approve", created_at=NOW, expires_at=NOW + seconds(60), action=action)


def proposal_after_answer(
    decision: bool | None,
    *,
    now: datetime = NOW,
    paused: bool = False,
    asked_at: datetime | None = NOW,
    **changes: object,
) -> Intent | None:
    state = account_state(alerts=(alert(),), intents=(proposal(),), now=NOW)
    decisions = {} if decision is None else {7: decision}
    asked = {} if asked_at is None else {7: asked_at}
    state = apply_account_event(state, CommandsRead(paused=paused, decisions=decisions, asked_at=asked), NOW)
    found = decision_for(state, repay_spec(mode="approve", **changes), now=now, measured=False)
    return found.intents[0] if found.intents else None


def test_approved_proposal_is_planned_with_its_expiry() -> None:
    moved = proposal_after_answer(True)
    assert moved is not None
    assert (moved.state, moved.expires_at) == (S.PLANNED, NOW + seconds(60))


def test_rejected_proposal_ends() -> None:
    moved = proposal_after_answer(False)
    assert moved is not None
    assert moved.state is S.REJECTED


def test_an_approval_waits_while_paused() -> None:
    assert proposal_after_answer(True, paused=True) is None
    moved = proposal_after_answer(True, paused=True, now=NOW + seconds(60), on_no_answer="act")
    assert moved is not None
    assert moved.state is S.EXPIRED


@pytest.mark.parametrize(("choice", "state"), [("skip", S.EXPIRED), ("act", S.PLANNED)])
def test_unanswered_proposal_follows_on_no_answer(choice: str, state: IntentState) -> None:
    assert proposal_after_answer(None, now=NOW + seconds(59), on_no_answer=choice) is None
    moved = proposal_after_answer(None, now=NOW + seconds(60), on_no_answer=choice)
    assert moved is not None
    assert moved.state is state


@pytest.mark.parametrize("choice", ["skip", "act"])
def test_proposal_that_no_channel_delivered_expires_without_acting(choice: str) -> None:
    assert proposal_after_answer(None, now=NOW + seconds(59), asked_at=None, on_no_answer=choice) is None
    moved = proposal_after_answer(None, now=NOW + seconds(60), asked_at=None, on_no_answer=choice)
    assert moved is not None
    assert (moved.state, moved.is_unasked) == (S.EXPIRED, True)


@pytest.mark.parametrize(("choice", "state"), [("skip", S.EXPIRED), ("act", S.PLANNED)])
def test_time_to_answer_starts_with_the_first_delivered_message(choice: str, state: IntentState) -> None:
    late = NOW + seconds(50)
    assert proposal_after_answer(None, now=NOW + seconds(109), asked_at=late, on_no_answer=choice) is None
    moved = proposal_after_answer(None, now=NOW + seconds(110), asked_at=late, on_no_answer=choice)
    assert moved is not None
    assert (moved.state, moved.is_unasked) == (state, False)


def test_undelivered_proposal_can_still_be_approved() -> None:
    moved = proposal_after_answer(True, now=NOW + seconds(30), asked_at=None)
    assert moved is not None
    assert (moved.state, moved.asked_at) == (S.PLANNED, NOW + seconds(30))


def test_undelivered_proposal_is_made_again_once_a_channel_works() -> None:
    over = settled_intent(7, S.EXPIRED, mode="approve", ago=30)
    over = replace(over, expires_at=over.settled_at)
    state = account_state(alerts=(alert(),), intents=(over,))
    waiting = decision_for(state, repay_spec(mode="approve"))
    assert waiting.intents == ()
    assert "no channel has taken the question R-7" in waiting.blocks[CROSS, "repay"].reason
    told = apply_account_event(state, CommandsRead(asked_at={7: NOW - seconds(5)}), NOW)
    assert single_intent(decision_for(told, repay_spec(mode="approve"))).state is S.PROPOSED
    before = apply_account_event(state, CommandsRead(asked_at={7: NOW - seconds(31)}), NOW)
    assert decision_for(before, repay_spec(mode="approve")).intents == ()


def test_proposal_expires_with_its_alert_or_its_action() -> None:
    gone = replace(account_state(intents=(proposal(),)), alerts={})
    assert single_intent(decision_for(gone, repay_spec(mode="approve"), measured=False)).state is S.EXPIRED
    orphan = account_state(alerts=(alert(),), intents=(proposal(action="removed"),))
    assert single_intent(decision_for(orphan, repay_spec(mode="approve"), measured=False)).state is S.EXPIRED


def test_rejected_action_is_skipped_until_a_worse_rung_fires() -> None:
    over = settled_intent(7, S.REJECTED, mode="approve", ago=30)
    calm = account_state(alerts=(alert(),), intents=(over,))
    assert decision_for(calm, repay_spec(mode="approve")).intents == ()
    worse = alert(2, rule="margin-call", fired_at=NOW - seconds(5))
    inhibited = account_state(alerts=(alert(inhibited_by=2), worse), intents=(over,))
    assert single_intent(decision_for(inhibited, repay_spec(mode="approve"))).state is S.PROPOSED

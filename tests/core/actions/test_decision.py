"""What firing alerts make of the actions, step after step."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

import pytest

from monitor.core.actions.decision import Decision, decide
from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics.snapshot import figures_of
from monitor.core.model.account import CROSS, Balance
from monitor.core.model.alert import Alert, AlertState
from monitor.core.model.blocks import Stop
from monitor.core.model.events import HealthRead, OperatorRead
from monitor.core.model.intent import LEGAL, Intent, IntentState
from monitor.core.model.order import Order, Repay, Transfer
from monitor.core.rules.rule import Rule
from monitor.core.state.account_state import AccountState
from monitor.core.state.apply import apply
from tests.support.examples.actions import (
    NOW,
    SAFETY,
    SETTINGS,
    D,
    account,
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
BRING = Transfer("spot", CROSS, "USDT", D(5000))


def numbers() -> Iterator[int]:
    return count(100)


def decided(
    state: AccountState,
    *specs: ActionSpec,
    rules: Sequence[Rule] | None = None,
    now: datetime = NOW,
    measured: bool = True,
) -> Decision:
    figures = {("cross", ""): figures_of(state, SETTINGS, ("cross", ""), now)} if measured else {}
    called = rules if rules is not None else [rule(*(spec.name for spec in specs))]
    found = decide(state, figures, called, specs, SAFETY, SETTINGS, now, numbers().__next__)  # type: ignore[arg-type]  # a literal key
    for step in found.steps:
        assert (step.from_state, step.to_state) in LEGAL
    return found


def only(found: Decision) -> Intent:
    assert len(found.intents) == 1, found
    return found.intents[0]


def settled(number: int, state: IntentState, order: Order | None = None, ago: float = 5, **changes: object) -> Intent:
    at = NOW - seconds(ago)
    return intent(number, state, order, submitted_at=at, settled_at=at, **changes)


def test_a_firing_alert_plans_the_repayment_that_reaches_the_target() -> None:
    planned = only(decided(account(alerts=(alert(),)), repay_spec()))
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
def test_no_action_without_a_firing_known_alert_that_calls_for_it(quiet: Alert) -> None:
    assert decided(account(alerts=(quiet,)), repay_spec()) == Decision()


def test_an_inhibited_silenced_acknowledged_alert_acts_all_the_same() -> None:
    quiet = alert(inhibited_by=9, silenced_by=3, acked_by="me")
    assert only(decided(account(alerts=(quiet,)), repay_spec())).state is S.PLANNED


def test_a_dry_run_is_simulated_in_the_same_step() -> None:
    found = decided(account(alerts=(alert(),)), repay_spec(mode="dry-run"))
    assert only(found).state is S.SIMULATED
    assert [step.to_state for step in found.steps] == [S.PLANNED, S.SIMULATED]


def test_a_dry_run_counts_what_it_simulated_as_done() -> None:
    short = account(
        balance("BTC", "1.5"), balance("USDT", "100", borrowed="60000"), alerts=(alert(),), spot={"USDT": "90000"}
    )
    first = only(decided(short, repay_spec(mode="dry-run"), transfer_spec(mode="dry-run")))
    after = replace(short, intents={first.id: first})
    assert decided(after, repay_spec(mode="dry-run")).intents == ()
    second = only(decided(after, repay_spec(mode="dry-run"), transfer_spec(mode="dry-run")))
    # 59,900 owed against 90,000 held is what the first would have left: 59,900 − 90,000 ÷ 2.
    assert matches(second.order, Transfer("spot", CROSS, "USDT", D(14_900)))


def test_an_approved_mode_asks_first() -> None:
    asked = only(decided(account(alerts=(alert(),)), repay_spec(mode="approve")))
    assert (asked.state, asked.expires_at) == (S.PROPOSED, NOW + seconds(600))


def test_a_refused_step_passes_to_the_next() -> None:
    refused = settled(1, S.REFUSED, refused_code=-3010)
    state = account(alerts=(alert(),), intents=(refused,), spot={"USDT": "9000"})
    assert matches(only(decided(state, repay_spec(), transfer_spec())).order, BRING)


def test_a_refusal_for_good_is_not_tried_again_for_a_while() -> None:
    refused = settled(1, S.REFUSED, refused_code=-3010, ago=59)
    state = account(alerts=(alert(),), intents=(refused,))
    assert decided(state, repay_spec()).intents == ()
    older = settled(1, S.REFUSED, refused_code=-3010, ago=61)
    assert only(decided(replace(state, intents={1: older}), repay_spec())).state is S.PLANNED


def transient(number: int, ago: float) -> Intent:
    return settled(number, S.REFUSED, refused_code=-3007, refused_transiently=True, ago=ago)


def test_a_transient_refusal_is_tried_again_a_second_later() -> None:
    assert decided(account(alerts=(alert(),), intents=(transient(1, 0.9),)), repay_spec()).intents == ()
    assert only(decided(account(alerts=(alert(),), intents=(transient(1, 1.1),)), repay_spec())).state is S.PLANNED


def test_at_most_five_tries_a_minute() -> None:
    tries = tuple(transient(n, 2 * n) for n in range(1, 6))
    assert decided(account(alerts=(alert(),), intents=tries), repay_spec()).intents == ()
    assert only(decided(account(alerts=(alert(),), intents=tries[:4]), repay_spec())).state is S.PLANNED


def test_after_an_amount_refused_as_too_small_no_smaller_one_is_tried() -> None:
    refused = settled(1, S.REFUSED, refused_code=-3016)
    assert not decided(account(alerts=(alert(),), intents=(refused,)), repay_spec()).intents
    with_spot = account(alerts=(alert(),), intents=(refused,), spot={"USDT": "9000"})
    assert only(decided(with_spot, repay_spec(), transfer_spec())).kind == "transfer_in"


def test_after_a_refused_rest_a_larger_one_is_left() -> None:
    refused = settled(1, S.REFUSED, refused_code=-3015)
    rows = (balance("BTC", "1.5"), balance("USDT", "40000", borrowed="10000"), balance("ETH", borrowed="20"))
    spec = repay_spec(target=None, amount=D(9990))
    assert only(decided(account(*rows, alerts=(alert(),)), spec)).amount == 9990
    assert only(decided(account(*rows, alerts=(alert(),), intents=(refused,)), spec)).amount == 10_000


@pytest.mark.parametrize("state", sorted({S.PLANNED, S.SUBMITTING, S.ACKNOWLEDGED, S.PROPOSED}))
def test_the_next_step_waits_for_the_one_before(state: IntentState) -> None:
    before = intent(
        1, state, submitted_at=NOW - seconds(3), expires_at=NOW + seconds(60) if state is S.PROPOSED else None
    )
    found = decided(account(alerts=(alert(),), intents=(before,), spot={"USDT": "9000"}), repay_spec(), transfer_spec())
    assert found == Decision()


def test_an_acknowledged_one_without_proof_does_not_hold_up_the_crash() -> None:
    before = intent(1, S.ACKNOWLEDGED, submitted_at=NOW - seconds(10), ref="7")
    found = decided(
        account(alerts=(alert(),), intents=(before,), spot={"USDT": "19000"}), repay_spec(), transfer_spec()
    )
    assert only(found).kind == "transfer_in"


def test_while_an_outcome_is_unknown_other_kinds_go_on_as_if_it_had_not_happened() -> None:
    unknown = intent(1, S.UNCERTAIN, submitted_at=NOW - seconds(3))
    found = decided(
        account(alerts=(alert(),), intents=(unknown,), spot={"USDT": "19000"}), repay_spec(), transfer_spec()
    )
    # As collateral: the USDT owed can't be repaid while a repayment of it is unknown.
    assert matches(only(found).order, replace(BRING, amount=D(10_000)))


def test_an_unknown_outcome_alone_blocks_and_is_named() -> None:
    unknown = intent(1, S.UNCERTAIN, submitted_at=NOW - seconds(3))
    found = decided(account(alerts=(alert(),), intents=(unknown,)), repay_spec(asset="USDT"))
    assert found.intents == ()
    assert "not known" in found.blocked[CROSS, "repay"].reason


def test_a_confirmed_step_is_followed_only_on_a_snapshot_that_shows_it() -> None:
    done = replace(settled(1, S.CONFIRMED), settled_at=NOW + seconds(1))
    state = account(alerts=(alert(),), intents=(done,))
    assert decided(state, repay_spec(cooldown=seconds(0)), now=NOW + seconds(2)).intents == ()


def test_what_was_brought_in_is_repaid_with_at_once() -> None:
    first = settled(1, S.CONFIRMED, BRING, ago=1)
    rows = (balance("BTC", "1.5"), balance("USDT", "25000", borrowed="30000"), balance("ETH", borrowed="10"))
    state = account(*rows, alerts=(alert(),), intents=(first,))
    second = only(decided(state, transfer_spec()))
    assert second.order == Repay(CROSS, "USDT", D(5000))
    assert (second.action, second.kind) == ("top-up", "repay")
    assert second.level_after is not None
    assert abs(second.level_after - 2) < D("1E-7")
    done = replace(second, state=S.CONFIRMED, submitted_at=NOW, settled_at=NOW)
    assert decided(replace(state, intents={1: first, second.id: done}), transfer_spec()).intents == ()


WITH_BROUGHT = (balance("BTC", "1.5"), balance("USDT", "25000", borrowed="30000"), balance("ETH", borrowed="10"))


def brought(ago: float = 5, **changes: object) -> Intent:
    return settled(1, S.CONFIRMED, BRING, ago=ago, **changes)


def test_what_was_brought_in_is_repaid_with_although_its_alert_is_over() -> None:
    second = only(decided(account(*WITH_BROUGHT, intents=(brought(),)), transfer_spec()))
    assert second.order == Repay(CROSS, "USDT", D(5000))
    assert (second.action, second.kind, second.state, second.plan, second.alert) == ("top-up", "repay", S.PLANNED, 1, 1)


def test_what_was_brought_in_to_repay_is_repaid_with_although_prices_have_reached_the_target() -> None:
    rows = (balance("BTC", "1.8"), balance("USDT", "25000", borrowed="30000"), balance("ETH", borrowed="10"))
    assert only(decided(account(*rows, intents=(brought(),)), transfer_spec())).order == Repay(CROSS, "USDT", D(5000))


def test_what_another_action_has_repaid_since_is_not_repaid_again() -> None:
    other = settled(2, S.CONFIRMED, Repay(CROSS, "USDT", D(3000)), ago=3)
    state = account(*WITH_BROUGHT, intents=(brought(), other))
    assert only(decided(state, repay_spec(), transfer_spec())).order == Repay(CROSS, "USDT", D(2000))
    whole = replace(other, order=Repay(CROSS, "USDT", D(5000)))
    assert decided(account(*WITH_BROUGHT, intents=(brought(), whole)), repay_spec(), transfer_spec()).intents == ()


def test_what_came_as_collateral_is_repaid_with_up_to_the_target() -> None:
    first = replace(brought(purpose="collateral"), order=replace(BRING, amount=D(9000)))
    second = only(decided(account(*WITH_BROUGHT, intents=(first,)), transfer_spec()))
    # 2 · 60,000 − 115,000
    assert matches(second.order, Repay(CROSS, "USDT", D(5000)))


@pytest.mark.parametrize(
    ("rows", "first", "changes"),
    [
        pytest.param((balance("BTC", "1.5"), balance("ETH", borrowed="20")), brought(), {}, id="the debt is gone"),
        pytest.param(WITH_BROUGHT, brought(ago=601), {}, id="it is too long ago"),
        pytest.param(
            (balance("BTC", "1.8"), balance("USDT", "25000", borrowed="30000"), balance("ETH", borrowed="10")),
            brought(purpose="collateral"),
            {},
            id="it came as collateral and the target is reached",
        ),
        pytest.param(WITH_BROUGHT, brought(), {"use": "collateral"}, id="it is meant as collateral"),
        pytest.param(WITH_BROUGHT, brought(), {"mode": "dry-run"}, id="the action may not send any more"),
        pytest.param(WITH_BROUGHT, brought(), {"name": "another"}, id="the action is gone"),
        pytest.param(
            (balance("BTC", "1.5"), balance("USDT", locked="25000", borrowed="30000"), balance("ETH", borrowed="10")),
            brought(),
            {},
            id="it was used otherwise",
        ),
    ],
)
def test_what_was_brought_in_stays_when(rows: tuple[Balance, ...], first: Intent, changes: dict[str, object]) -> None:
    found = decided(account(*rows, intents=(first,)), transfer_spec(**changes), rules=[])
    assert found == Decision()


def test_a_pause_holds_the_second_half_up_too() -> None:
    state = account(*WITH_BROUGHT, intents=(brought(),))
    for paused in (
        replace(state, operator=OperatorRead(paused=True)),
        replace(state, health=HealthRead(pause_file=True)),
    ):
        for mode in ("live", "approve"):
            assert decided(paused, transfer_spec(mode=mode)).intents == ()
    for mode in ("live", "approve"):
        assert len(decided(state, transfer_spec(mode=mode)).intents) == 1


def test_the_second_half_waits_for_a_snapshot_that_shows_the_first() -> None:
    early = replace(brought(), settled_at=NOW + seconds(1))
    assert decided(account(*WITH_BROUGHT, intents=(early,)), transfer_spec(), now=NOW + seconds(2)).intents == ()


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
def test_the_second_half_is_made_once(outcome: IntentState, changes: dict[str, object], again: bool) -> None:
    half = settled(2, outcome, Repay(CROSS, "USDT", D(5000)), ago=2, action="top-up", **changes)
    state = account(*WITH_BROUGHT, intents=(brought(), half))
    assert bool(decided(state, transfer_spec()).intents) is again


def test_what_was_brought_in_counts_for_no_other_action_of_the_plan() -> None:
    state = account(*WITH_BROUGHT, alerts=(alert(),), intents=(brought(),))
    assert only(decided(state, repay_spec(), transfer_spec())).action == "top-up"


def test_the_second_half_is_not_counted_again() -> None:
    capped = transfer_spec(max_amount=D(5000), max_per_day=D(5000), max_actions_per_day=1, cooldown=seconds(3600))
    assert only(decided(account(*WITH_BROUGHT, intents=(brought(),)), capped)).amount == 5000


def test_who_approved_a_transfer_has_approved_what_it_is_for() -> None:
    state = account(*WITH_BROUGHT, alerts=(alert(),), intents=(brought(mode="approve"),))
    assert only(decided(state, transfer_spec(mode="approve"))).state is S.PLANNED


def test_what_was_brought_in_as_collateral_stays() -> None:
    state = account(alerts=(alert(),), intents=(settled(1, S.CONFIRMED, BRING, ago=1),))
    assert decided(state, transfer_spec(use="collateral")).intents == ()


def test_a_limit_that_stops_a_live_action_is_named() -> None:
    state = replace(account(alerts=(alert(),)), operator=OperatorRead(paused=True))
    found = decided(state, repay_spec(), transfer_spec())
    assert found.intents == ()
    assert found.blocked[CROSS, "repay"].reason.startswith("actions are paused")
    assert "spot" in found.blocked[CROSS, "top-up"].reason


def test_nothing_is_blocked_once_another_step_acts() -> None:
    state = account(balance("BTC", "1.5"), balance("USDT", borrowed="60000"), alerts=(alert(),), spot={"USDT": "90000"})
    found = decided(state, repay_spec(), transfer_spec())
    assert only(found).kind == "transfer_in"
    assert found.blocked == {}


def test_a_dry_run_is_never_blocked() -> None:
    empty = account(balance("BTC", "1.5"), balance("USDT", borrowed="60000"), alerts=(alert(),))
    assert decided(empty, repay_spec(mode="dry-run")).blocked == {}


def stop_of(found: Decision, action: str) -> Stop:
    assert found.intents == ()
    return found.blocked[CROSS, action]


def test_a_limit_that_stops_a_proposal_is_named_and_not_counted() -> None:
    state = account(alerts=(alert(),), spot={"USDT": "50"})
    stop = stop_of(decided(state, transfer_spec(mode="approve", keep_in_source=D(100))), "top-up")
    assert "above the 100 kept there" in stop.reason
    assert stop.reason.endswith("put some there")
    assert not stop.counts


def test_a_cool_down_is_named_with_its_end_and_not_counted() -> None:
    state = account(alerts=(alert(),), intents=(settled(1, S.CONFIRMED, ago=20),))
    stop = stop_of(decided(state, repay_spec(cooldown=seconds(60))), "repay")
    # Sent 20 s before 21:15:30, and 60 s to wait.
    assert stop == Stop("cooling down until 21:16:10 UTC; what can't wait is done by hand")


def test_figures_too_old_to_act_on_are_named() -> None:
    stop = stop_of(
        decided(account(alerts=(alert(),)), repay_spec(max_data_age=seconds(5)), now=NOW + seconds(6)), "repay"
    )
    assert "6 s old, max_data_age" in stop.reason
    assert not stop.counts


def test_figures_that_stay_too_old_to_act_on_are_counted() -> None:
    state = account(alerts=(alert(fired_at=NOW - seconds(90)),))
    late = repay_spec(max_data_age=seconds(5))
    assert not stop_of(decided(state, late, now=NOW + seconds(14)), "repay").counts
    assert stop_of(decided(state, late, now=NOW + seconds(15)), "repay").counts


def test_an_action_whose_alert_can_not_be_seen_is_counted() -> None:
    state = account(alerts=(alert(unknown_since=NOW),))
    assert decided(state, repay_spec(), now=NOW + seconds(9)).blocked == {}
    stop = stop_of(decided(state, repay_spec(), now=NOW + seconds(10)), "repay")
    assert stop == Stop(
        "the figures of its alert are not known, and nothing is sent until they are; act by hand", counts=True
    )
    assert not stop_of(decided(state, repay_spec(mode="approve"), now=NOW + seconds(10)), "repay").counts
    assert decided(state, repay_spec(mode="dry-run"), now=NOW + seconds(10)).blocked == {}


def test_an_action_in_a_scope_that_was_never_read_is_counted() -> None:
    state = replace(account(alerts=(alert(),)), cross=None)
    assert stop_of(decided(state, repay_spec(), now=NOW + seconds(60)), "repay").counts


def test_an_action_tried_too_often_is_named_with_what_stopped_it() -> None:
    tries = [
        settled(n, S.EXPIRED, ago=50 - n, evidence="the journal is gone", stopped_by_limit=True) for n in range(1, 6)
    ]
    stop = stop_of(decided(account(alerts=(alert(),), intents=tuple(tries)), repay_spec()), "repay")
    # The first of the five is 49 s old: its minute is over in 11 s.
    assert stop == Stop("R-5 was not sent (the journal is gone); tried again from 21:15:41 UTC on, or act by hand")


def test_a_refusal_and_a_rejection_are_named() -> None:
    refused = settled(3, S.REFUSED, ago=10, refused_code=-3041, evidence="refused -3041 Balance is not enough")
    stop = stop_of(decided(account(alerts=(alert(),), intents=(refused,)), repay_spec()), "repay")
    assert stop.reason == (
        "the exchange refused R-3 (-3041 Balance is not enough); tried again from 21:16:20 UTC on, or act by hand"
    )
    rejected = settled(4, S.REJECTED, mode="approve")
    stop = stop_of(decided(account(alerts=(alert(),), intents=(rejected,)), repay_spec(mode="approve")), "repay")
    assert stop.reason == "a person rejected R-4, so it is not proposed again; act by hand"


def test_a_wallet_that_cant_be_read_is_named_once_its_read_failed() -> None:
    unread = replace(account(alerts=(alert(),)), wallets={})
    assert decided(unread, transfer_spec()).blocked == {}
    stop = stop_of(decided(replace(unread, failed_at={"spot": NOW}), transfer_spec()), "top-up")
    assert stop.reason.endswith("is not known yet: reading it fails; move the money by hand")
    assert stop.counts


def test_an_unread_wallet_is_asked_for() -> None:
    state = replace(account(alerts=(alert(),)), wallets={})
    assert decided(state, transfer_spec()).wants == {"spot", "funding"}


def test_a_wallet_seen_empty_long_ago_is_asked_for_again() -> None:
    state = account(alerts=(alert(),), spot={})
    long_ago = {name: replace(wallet, as_of=NOW - seconds(60)) for name, wallet in state.wallets.items()}
    assert decided(state, transfer_spec()).wants == frozenset()
    assert decided(replace(state, wallets=long_ago), transfer_spec()).wants == {"spot", "funding"}


def test_a_read_that_failed_just_now_is_not_asked_for_again() -> None:
    state = replace(
        account(alerts=(alert(),)), wallets={}, failed_at={"spot": NOW - seconds(4), "funding": NOW - seconds(5)}
    )
    assert decided(state, transfer_spec()).wants == {"funding"}


def test_one_intent_a_scope_the_worst_alert_first() -> None:
    mild, bad = alert(1, rule="mild", severity="warning"), alert(2, rule="bad")
    rules = [rule("repay", name="mild", severity="warning"), rule("top-up", name="bad")]
    state = account(alerts=(mild, bad), spot={"USDT": "9000"})
    assert only(decided(state, repay_spec(), transfer_spec(), rules=rules)).plan == 2


def test_stale_figures_decide_nothing() -> None:
    state = account(alerts=(alert(),))
    assert decided(state, repay_spec(), now=NOW + seconds(600)).intents == ()


def test_without_measurement_the_known_limits_stay_in_force() -> None:
    state = replace(account(alerts=(alert(),)), blocked={(CROSS, "repay"): Stop("paused")})
    assert decided(state, repay_spec(), measured=False) == Decision(blocked={(CROSS, "repay"): Stop("paused")})


def proposed(action: str = "repay") -> Intent:
    return intent(7, S.PROPOSED, mode="approve", created_at=NOW, expires_at=NOW + seconds(60), action=action)


def answered(
    decision: bool | None,
    *,
    now: datetime = NOW,
    paused: bool = False,
    asked_at: datetime | None = NOW,
    **changes: object,
) -> Intent | None:
    state = account(alerts=(alert(),), intents=(proposed(),), now=NOW)
    decisions = {} if decision is None else {7: decision}
    asked = {} if asked_at is None else {7: asked_at}
    state = apply(state, OperatorRead(paused=paused, decisions=decisions, asked=asked), NOW)
    found = decided(state, repay_spec(mode="approve", **changes), now=now, measured=False)
    return found.intents[0] if found.intents else None


def test_an_approved_proposal_is_planned_for_the_time_it_had() -> None:
    moved = answered(True)
    assert moved is not None
    assert (moved.state, moved.expires_at) == (S.PLANNED, NOW + seconds(60))


def test_a_rejected_proposal_is_over() -> None:
    moved = answered(False)
    assert moved is not None
    assert moved.state is S.REJECTED


def test_an_approval_waits_while_paused() -> None:
    assert answered(True, paused=True) is None
    moved = answered(True, paused=True, now=NOW + seconds(60), on_no_answer="act")
    assert moved is not None
    assert moved.state is S.EXPIRED


@pytest.mark.parametrize(("choice", "state"), [("skip", S.EXPIRED), ("act", S.PLANNED)])
def test_an_unanswered_proposal_does_as_configured(choice: str, state: IntentState) -> None:
    assert answered(None, now=NOW + seconds(59), on_no_answer=choice) is None
    moved = answered(None, now=NOW + seconds(60), on_no_answer=choice)
    assert moved is not None
    assert moved.state is state


@pytest.mark.parametrize("choice", ["skip", "act"])
def test_nothing_is_sent_when_no_channel_took_the_question(choice: str) -> None:
    assert answered(None, now=NOW + seconds(59), asked_at=None, on_no_answer=choice) is None
    moved = answered(None, now=NOW + seconds(60), asked_at=None, on_no_answer=choice)
    assert moved is not None
    assert (moved.state, moved.is_unasked) == (S.EXPIRED, True)


@pytest.mark.parametrize(("choice", "state"), [("skip", S.EXPIRED), ("act", S.PLANNED)])
def test_the_time_to_answer_counts_from_the_first_channel_that_took_the_question(
    choice: str, state: IntentState
) -> None:
    late = NOW + seconds(50)
    assert answered(None, now=NOW + seconds(109), asked_at=late, on_no_answer=choice) is None
    moved = answered(None, now=NOW + seconds(110), asked_at=late, on_no_answer=choice)
    assert moved is not None
    assert (moved.state, moved.is_unasked) == (state, False)


def test_what_nobody_was_told_of_can_be_approved_all_the_same() -> None:
    moved = answered(True, now=NOW + seconds(30), asked_at=None)
    assert moved is not None
    assert (moved.state, moved.asked_at) == (S.PLANNED, NOW + seconds(30))


def test_an_unasked_proposal_is_made_again_once_a_channel_takes_a_message() -> None:
    over = settled(7, S.EXPIRED, mode="approve", ago=30)
    over = replace(over, expires_at=over.settled_at)
    state = account(alerts=(alert(),), intents=(over,))
    waiting = decided(state, repay_spec(mode="approve"))
    assert waiting.intents == ()
    assert "no channel has taken the question R-7" in waiting.blocked[CROSS, "repay"].reason
    told = apply(state, OperatorRead(asked={7: NOW - seconds(5)}), NOW)
    assert only(decided(told, repay_spec(mode="approve"))).state is S.PROPOSED
    before = apply(state, OperatorRead(asked={7: NOW - seconds(31)}), NOW)
    assert decided(before, repay_spec(mode="approve")).intents == ()


def test_a_proposal_falls_with_its_alert_and_its_action() -> None:
    gone = replace(account(intents=(proposed(),)), alerts={})
    assert only(decided(gone, repay_spec(mode="approve"), measured=False)).state is S.EXPIRED
    orphan = account(alerts=(alert(),), intents=(proposed(action="removed"),))
    assert only(decided(orphan, repay_spec(mode="approve"), measured=False)).state is S.EXPIRED


def test_a_rejected_action_is_passed_over_until_a_worse_rung() -> None:
    over = settled(7, S.REJECTED, mode="approve", ago=30)
    calm = account(alerts=(alert(),), intents=(over,))
    assert decided(calm, repay_spec(mode="approve")).intents == ()
    worse = alert(2, rule="margin-call", fired_at=NOW - seconds(5))
    inhibited = account(alerts=(alert(inhibited_by=2), worse), intents=(over,))
    assert only(decided(inhibited, repay_spec(mode="approve"))).state is S.PROPOSED

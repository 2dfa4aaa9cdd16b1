"""The executor between the real sandbox and the real store: one request an intent, whatever happens."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import CROSS
from monitor.core.model.intent import IntentState, IntentStep
from monitor.core.model.journal import JournalEntry
from monitor.core.model.order import ManualCall, Repay
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.price_state import PriceState
from monitor.sandbox.faults import Fault
from monitor.sandbox.lending import loans
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiInterpretations, ApiKeyPermissions, Scenario, hmac_key, initial_balance
from monitor.store import commands_in_force
from monitor.store.store import Store
from monitor.store.writes import commands, manual_intents
from monitor.store.writes.outbox import read_due_deliveries
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox
from tests.support.examples.actions import intent, repay_spec, seconds, transfer_spec
from tests.support.executor_harness import SAFETY, SPEED, ExecutorHarness, database_url_in, money_requests

S = IntentState
D = Decimal
MAX_DATA_AGE = timedelta(minutes=10)
THROUGH_CROSS = [
    ("transfer_in", "BTCUSDT", S.REFUSED),
    ("transfer_in", "cross", S.CONFIRMED),
    ("transfer_in", "BTCUSDT", S.CONFIRMED),
    ("repay", "BTCUSDT", S.CONFIRMED),
]
REPAY_PATH, TRANSFER_PATH = "/sapi/v1/margin/borrow-repay", "/sapi/v1/asset/transfer"
RIGHTS_PATH = "/sapi/v1/account/apiRestrictions"


@contextlib.asynccontextmanager
async def running_harness(
    tmp_path: Path,
    *specs: ActionSpec,
    faults: Sequence[Fault] = (),
    scenario: Scenario | None = None,
    pair: str = "",
    prepared: Any = None,
    safety: SafetySettings = SAFETY,
    ahead_s: float = 0,
) -> AsyncIterator[ExecutorHarness]:
    """A rig that is running: calm scenario, level 1.8333, 5,000 USDT in spot. `ahead_s`: how wrong our clock is.

    Figures may be old: at this speed, the twenty seconds of the default are one second of a busy machine.
    """
    specs = tuple(replace(spec, max_data_age=max(spec.max_data_age, MAX_DATA_AGE)) for spec in specs)
    async with connected_sandbox(scenario, speed=SPEED, faults=faults, ahead_s=ahead_s) as around:
        store = Store.open(database_url_in(tmp_path))
        try:
            made = await ExecutorHarness(around, store, specs, pair, safety).prepare()
            if prepared is not None:
                await prepared(made)
            async with made.running():
                yield made
        finally:
            await store.close()


def with_fault_after_start(fault: Fault) -> Callable[[ExecutorHarness], Awaitable[None]]:
    """Prepares by setting a fault once everything was read."""

    async def prepared(made: ExecutorHarness) -> None:
        made.world.sandbox.add_fault(fault)

    return prepared


def owed(of: ExecutorHarness, asset: str = "USDT") -> Decimal:
    row = of.world.ledger["cross"]["balances"][asset]
    return D(row["borrowed"]) + D(row["interest"])


def level(of: ExecutorHarness) -> Decimal:
    """The level that the exchange itself reckons, not rounded."""
    return D(of.world.ledger["cross"]["level_exact"])


async def test_a_repayment_is_sent_once_confirmed_and_reaches_the_level(tmp_path: Path) -> None:
    async with running_harness(tmp_path, repay_spec(asset="USDT")) as running:
        [done] = await running.wait_until_settled()
        assert done.state is S.CONFIRMED
        assert running.states_of(done.id) == [S.PLANNED, S.ACKNOWLEDGED, S.CONFIRMED]
        assert len(money_requests(running.world)) == 1
        assert D(2) <= level(running) <= D("2.002")
        assert done.level_after is not None
        assert abs(done.level_after - level(running)) < D("1E-7")
        stored = (await running.store.load_state("main", running.world.clock.now())).intents
        assert [intent.state for intent in stored] == [S.CONFIRMED]


async def test_transfer_is_followed_by_a_repayment_at_once(tmp_path: Path) -> None:
    rich = replace(calm_scenario().accounts[0], spot={"USDT": D(9000)})
    async with running_harness(
        tmp_path, transfer_spec(), scenario=replace(calm_scenario(), accounts=(rich,))
    ) as running:
        brought, repaid = await running.wait_until_settled(2)
        assert [(i.kind, i.state) for i in (brought, repaid)] == [
            ("transfer_in", S.CONFIRMED),
            ("repay", S.CONFIRMED),
        ]
        assert repaid.amount <= brought.amount <= repaid.amount + D("0.001")
        assert [one.path for one in money_requests(running.world)] == [TRANSFER_PATH, REPAY_PATH]
        assert D(2) <= level(running) <= D("2.002")


def has_arrived(state: AccountState) -> bool:
    return any(i.kind == "transfer_in" and i.state is S.CONFIRMED for i in state.intents.values())


async def test_follow_up_repayment_happens_although_the_transfer_resolved_the_alert(tmp_path: Path) -> None:
    async def ends_with_it(made: ExecutorHarness) -> None:
        made.is_over = has_arrived

    rich = replace(calm_scenario().accounts[0], spot={"USDT": D(9000)})
    scenario = replace(calm_scenario(), accounts=(rich,))
    async with running_harness(tmp_path, transfer_spec(), scenario=scenario, prepared=ends_with_it) as running:
        await running.wait_until_settled(2)
        assert running.state.alerts == {}
        assert [one.path for one in money_requests(running.world)] == [TRANSFER_PATH, REPAY_PATH]
        assert D(2) <= level(running) <= D("2.002")


@contextlib.asynccontextmanager
async def run_daemon(around: ConnectedSandbox, folder: Path, spec: ActionSpec) -> AsyncIterator[ExecutorHarness]:
    """One daemon's life on a database that outlives it; its alert is over once a transfer has arrived."""
    store = Store.open(database_url_in(folder))
    try:
        made = await ExecutorHarness(around, store, [spec]).prepare()
        made.is_over = has_arrived
        async with made.running():
            yield made
    finally:
        await store.close()


async def test_follow_up_is_made_after_a_restart(tmp_path: Path) -> None:
    rich = replace(calm_scenario().accounts[0], spot={"USDT": D(9000)})
    async with connected_sandbox(replace(calm_scenario(), accounts=(rich,)), speed=SPEED) as around:
        async with run_daemon(around, tmp_path, transfer_spec()) as first:
            await first.wait_until(lambda: first.states_of(1)[-1:] == [S.ACKNOWLEDGED])
            # The second half is held up, so that the end comes before it.
            await first.store.execute(commands.set_paused, True, "test", around.clock.now())
            await first.wait_until(lambda: has_arrived(first.state))
        assert len(money_requests(around)) == 1
        async with run_daemon(around, tmp_path, transfer_spec()) as second:
            await second.store.execute(commands.set_paused, False, "test", around.clock.now())
            await second.wait_until(
                lambda: second.intents[-1].kind == "repay" and second.intents[-1].state is S.CONFIRMED
            )
        assert [one.path for one in money_requests(around)] == [TRANSFER_PATH, REPAY_PATH]
        assert D(2) <= D(around.ledger["cross"]["level_exact"]) <= D("2.002")


async def test_lost_answer_is_uncertain_then_confirmed_and_never_resent(tmp_path: Path) -> None:
    cut = Fault("cut_after", method="POST", path=REPAY_PATH)
    async with running_harness(tmp_path, repay_spec(asset="USDT"), faults=[cut]) as running:
        [done] = await running.wait_until_settled()
        assert running.states_of(done.id) == [S.PLANNED, S.UNCERTAIN, S.CONFIRMED]
        assert len(money_requests(running.world)) == 1
        assert owed(running) < 20_001


@pytest.mark.parametrize("ahead_s", [12, -600])
async def test_record_of_a_lost_answer_is_found_with_a_wrong_clock(tmp_path: Path, ahead_s: float) -> None:
    cut = Fault("cut_after", method="POST", path=REPAY_PATH)
    async with running_harness(tmp_path, repay_spec(asset="USDT"), faults=[cut], ahead_s=ahead_s) as running:
        [done] = await running.wait_until_settled()
        assert running.states_of(done.id) == [S.PLANNED, S.UNCERTAIN, S.CONFIRMED]
        assert len(money_requests(running.world)) == 1


async def test_dropped_request_fails_after_the_settle_time(tmp_path: Path) -> None:
    cut = Fault("cut_before", method="POST", path=REPAY_PATH, count=0)
    spec = repay_spec(asset="USDT", max_actions_per_day=1, cooldown=seconds(3600))
    async with running_harness(tmp_path, spec, faults=[cut]) as running:
        [done] = await running.wait_until_settled()
        assert running.states_of(done.id) == [S.PLANNED, S.UNCERTAIN, S.FAILED]
        assert done.submitted_at is not None
        assert done.settled_at is not None
        assert done.settled_at - done.submitted_at >= seconds(5)
        assert len(money_requests(running.world)) == 1
        assert owed(running) >= 30_000


async def test_automatic_repayment_is_not_taken_for_a_dropped_request(tmp_path: Path) -> None:
    cut = Fault("cut_before", method="POST", path=REPAY_PATH, count=0)
    spec = repay_spec(asset="USDT", max_amount=D(500), max_actions_per_day=1, cooldown=seconds(3600))
    async with running_harness(tmp_path, spec, faults=[cut]) as running:
        await running.wait_until(lambda: any(i.state is S.UNCERTAIN for i in running.intents))
        await running.world.clock.sleep(2)
        venue = running.world.sandbox.venue
        account = venue.accounts["main"]
        loans.repay(venue, account, account.cross, "USDT", D(700), by="venue", kind="AUTO")
        [done] = await running.wait_until_settled()
        assert done.state is S.FAILED
        assert done.evidence is not None
        assert "moved by others (700 USDT repaid by the exchange itself" in done.evidence
        assert len(money_requests(running.world)) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_server_error_after_execution_is_settled_by_observation(tmp_path: Path, status: int) -> None:
    broken = Fault("status", method="POST", path=REPAY_PATH, status=status, applies=True)
    async with running_harness(tmp_path, repay_spec(asset="USDT"), faults=[broken]) as running:
        [done] = await running.wait_until_settled()
        assert running.states_of(done.id) == [S.PLANNED, S.UNCERTAIN, S.CONFIRMED]
        assert len(money_requests(running.world)) == 1


async def test_executed_late_is_confirmed(tmp_path: Path) -> None:
    late = Fault("apply_late", method="POST", path=REPAY_PATH, seconds=3)
    async with running_harness(tmp_path, repay_spec(asset="USDT"), faults=[late]) as running:
        [done] = await running.wait_until_settled()
        assert done.state is S.CONFIRMED
        assert len(money_requests(running.world)) == 1


@pytest.mark.parametrize(("lag_s", "shown_by"), [(0, "record"), (3600, "capital flow")])
async def test_execution_after_failed_is_recorded_and_counted(tmp_path: Path, lag_s: int, shown_by: str) -> None:
    late = Fault("apply_late", method="POST", path=REPAY_PATH, seconds=25)
    spec = repay_spec(asset="USDT", cooldown=seconds(3600))
    scenario = replace(calm_scenario(), readings=ApiInterpretations(history_lag_s=lag_s, flow_lag_s=0))
    async with running_harness(tmp_path, spec, faults=[late], scenario=scenario) as running:
        [failed] = await running.wait_until_settled()
        assert failed.state is S.FAILED
        await running.wait_until(lambda: f"executed late: {shown_by}" in (running.intents[0].evidence or ""))
        assert running.intents[0].state is S.FAILED
        assert len(money_requests(running.world)) == 1
        await running.wait_until(lambda: not running.intents[0].awaits_judgement)
        assert await running.store.read(commands_in_force.read_rule_stops) == ()


@pytest.mark.slow
async def test_execution_after_failed_that_leaves_a_lower_level_stops_its_rule(tmp_path: Path) -> None:
    late = Fault("apply_late", method="POST", path=REPAY_PATH, seconds=25)
    spec = repay_spec(asset="USDT", max_amount=D(500), cooldown=seconds(3600))
    async with running_harness(tmp_path, spec, faults=[late]) as running:
        [failed] = await running.wait_until_settled()
        assert failed.state is S.FAILED
        running.world.sandbox.user_actions.borrow("main", "USDT", D(9000))
        await running.wait_until(lambda: running.intents[0].executed_late)
        await running.wait_until(lambda: not running.intents[0].awaits_judgement)
        [stop] = await running.store.read(commands_in_force.read_rule_stops)
        assert (stop.grounds, stop.intent) == ("worse", failed.id)


async def test_pending_refusal_is_retried_as_a_new_intent(tmp_path: Path) -> None:
    pending = Fault("status", method="POST", path=REPAY_PATH, status=400, code=-3007, message="pending transaction")
    async with running_harness(tmp_path, repay_spec(asset="USDT"), faults=[pending]) as running:
        first, second = await running.wait_until_settled(2)
        assert (first.state, first.refused_code, second.state) == (S.REFUSED, -3007, S.CONFIRMED)
        assert first.settled_at is not None
        assert second.created_at - first.settled_at >= seconds(1)
        assert len(money_requests(running.world)) == 2


async def test_the_caps_hold_over_many_actions(tmp_path: Path) -> None:
    spec = repay_spec(asset="USDT", max_amount=D(1500), max_per_day=D(4000), cooldown=seconds(1))
    async with running_harness(tmp_path, spec) as running:
        done = await running.wait_until_settled(3)
        assert [intent.amount for intent in done] == [D(1500), D(1500), D(1000)]
        await running.wait_until(lambda: "max_per_day" in running.live_block_of("repay"))
        assert owed(running) >= 26_000
        assert len(money_requests(running.world)) == 3


async def test_pause_blocks_sending_until_resumed(tmp_path: Path) -> None:
    async def pause(made: ExecutorHarness) -> None:
        await made.store.execute(commands.set_paused, True, "test", made.world.clock.now())

    async with running_harness(tmp_path, repay_spec(asset="USDT"), prepared=pause) as running:
        # The pause was ordered before the daemon knew of it: the claim itself refuses.
        await running.wait_until(lambda: "actions are paused" in running.live_block_of("repay"))
        assert money_requests(running.world) == []
        await running.store.execute(commands.set_paused, False, "test", running.world.clock.now())
        await running.wait_until(lambda: any(i.state is S.CONFIRMED for i in running.intents))
        assert len(money_requests(running.world)) == 1


async def test_pause_file_is_checked_right_before_sending(tmp_path: Path) -> None:
    file = tmp_path / "PAUSE"
    file.touch()
    paused = replace(SAFETY, pause_file=str(file))
    # This decider is never told of the file.
    async with running_harness(tmp_path, repay_spec(asset="USDT"), safety=paused) as running:
        [stopped, *_] = await running.wait_until_settled()
        assert stopped.state is S.EXPIRED
        assert stopped.stopped_by_limit
        assert (stopped.evidence or "").startswith("actions are paused")
        assert money_requests(running.world) == []
        file.unlink()
        await running.wait_until(lambda: any(i.state is S.CONFIRMED for i in running.intents))
        assert len(money_requests(running.world)) == 1


async def test_shutdown_waits_for_the_answer_and_records_it(tmp_path: Path) -> None:
    slow = Fault("delay", method="POST", path=REPAY_PATH, seconds=3)
    async with connected_sandbox(speed=SPEED, faults=[slow]) as around:
        async with run_daemon(around, tmp_path, repay_spec(asset="USDT")) as made:
            await made.wait_until(lambda: money_requests(around))
        store = Store.open(database_url_in(tmp_path))
        [sent] = (await store.load_state("main", around.clock.now())).intents
        await store.close()
    assert sent.state is S.ACKNOWLEDGED
    assert sent.ref is not None


async def test_an_order_planned_before_a_restart_waits_until_enough_is_known(tmp_path: Path) -> None:
    async def was_planned(made: ExecutorHarness) -> None:
        now = made.world.clock.now()
        planned = intent(1, order=Repay(CROSS, "USDT", D(10_000)), created_at=now)
        step = IntentStep(1, None, S.PLANNED, now, "before the restart")
        await made.store.commit(JournalEntry("main", now, intents=(planned,), intent_steps=(step,)))
        made.state = replace(made.state, intents={1: planned}, keys=replace(made.state.keys, permissions=None))
        made.world.sandbox.add_fault(Fault("status", method="GET", path=RIGHTS_PATH, status=503, count=0))

    async with running_harness(tmp_path, repay_spec(asset="USDT"), prepared=was_planned) as running:
        start = len(running.world.sandbox.requests)
        await running.wait_until(lambda: len(running.world.sandbox.requests) > start + 10)
        assert running.intents[0].state is S.PLANNED
        running.world.sandbox.clear_faults()
        [done] = await running.wait_until_settled()
        assert (done.id, done.state) == (1, S.CONFIRMED)


@pytest.mark.slow
async def test_intent_becomes_unresolved_while_reads_fail(tmp_path: Path) -> None:
    cut = Fault("cut_after", method="POST", path=REPAY_PATH)
    blind = Fault("status", method="GET", path=REPAY_PATH, status=503, count=0)
    async with running_harness(tmp_path, repay_spec(asset="USDT"), faults=[cut, blind]) as running:
        await running.wait_until(lambda: running.intents and running.intents[0].state is S.UNRESOLVED)
        assert running.intents[0].evidence == "the exchange could not be looked at yet"
        running.world.sandbox.clear_faults()
        [done] = await running.wait_until_settled()
        assert done.state is S.CONFIRMED
        assert len(money_requests(running.world)) == 1


async def test_new_withdraw_permission_stops_a_planned_intent(tmp_path: Path) -> None:
    [account] = calm_scenario().accounts
    able = replace(hmac_key("main"), permissions=ApiKeyPermissions(withdraw=True))
    scenario = replace(calm_scenario(), accounts=(replace(account, keys=(able,)),))

    async def unaware(made: ExecutorHarness) -> None:
        assert made.state.keys.permissions is not None
        made.state = replace(
            made.state,
            keys=replace(made.state.keys, permissions=replace(made.state.keys.permissions, withdrawals=False)),
        )

    async with running_harness(tmp_path, repay_spec(asset="USDT"), scenario=scenario, prepared=unaware) as running:
        await running.wait_until(lambda: "withdraw" in running.live_block_of("repay"))
        [stopped] = running.intents
        assert stopped.state is S.EXPIRED
        assert "withdraw" in (stopped.evidence or "")
        assert money_requests(running.world) == []


async def test_slow_permission_read_does_not_delay_an_intent(tmp_path: Path) -> None:
    hanging = Fault("delay", method="GET", path=RIGHTS_PATH, seconds=60, count=0)
    async with running_harness(tmp_path, repay_spec(asset="USDT"), prepared=with_fault_after_start(hanging)) as running:
        [done] = await running.wait_until_settled()
        assert done.state is S.CONFIRMED


async def test_an_approved_proposal_is_sent_and_a_rejected_one_is_not(tmp_path: Path) -> None:
    async with running_harness(tmp_path, repay_spec(asset="USDT", mode="approve")) as running:
        await running.wait_until(lambda: running.intents)
        [asked] = running.intents
        assert asked.state is S.PROPOSED
        assert money_requests(running.world) == []
        await running.store.execute(commands.decide_proposal, asked.id, True, "test", running.world.clock.now())
        [done] = await running.wait_until_settled()
        assert done.state is S.CONFIRMED
        assert len(money_requests(running.world)) == 1


async def test_a_dry_run_sends_nothing(tmp_path: Path) -> None:
    async with running_harness(tmp_path, repay_spec(asset="USDT", mode="dry-run")) as running:
        [done] = await running.wait_until_settled()
        assert done.state is S.SIMULATED
        assert money_requests(running.world) == []


async def test_pair_is_reached_through_cross_when_the_direct_route_is_refused(tmp_path: Path) -> None:
    free_to_leave = replace(calm_scenario().accounts[0], cross={"BTC": initial_balance("0.1")})
    scenario = replace(calm_scenario(), accounts=(free_to_leave,))
    async with running_harness(tmp_path, transfer_spec(asset="USDT"), pair="BTCUSDT", scenario=scenario) as running:
        intents = await running.wait_until_settled(4)
        assert [(i.kind, str(i.scope), i.state) for i in intents[:4]] == THROUGH_CROSS


async def test_both_hops_and_the_repayment_happen_although_the_alert_resolved(tmp_path: Path) -> None:
    async def ends_with_it(made: ExecutorHarness) -> None:
        made.is_over = has_arrived

    free_to_leave = replace(calm_scenario().accounts[0], cross={"BTC": initial_balance("0.1")})
    scenario = replace(calm_scenario(), accounts=(free_to_leave,))
    spec = transfer_spec(asset="USDT")
    async with running_harness(tmp_path, spec, pair="BTCUSDT", scenario=scenario, prepared=ends_with_it) as running:
        intents = await running.wait_until_settled(4)
        assert running.state.alerts == {}
        assert [(i.kind, str(i.scope), i.state) for i in intents] == THROUGH_CROSS
        stored = (await running.store.load_state("main", running.world.clock.now())).intents
        assert [(str(i.destination), str(i.target_scope)) for i in stored[1:3]] == [
            ("BTCUSDT", "BTCUSDT"),
            ("None", "BTCUSDT"),
        ]


async def test_no_transfer_to_a_cross_account_that_would_lock_it(tmp_path: Path) -> None:
    async with running_harness(tmp_path, transfer_spec(asset="USDT"), pair="BTCUSDT") as running:
        [refused] = await running.wait_until_settled()
        assert (refused.state, refused.refused_code) == (S.REFUSED, -1130)
        await running.wait_until(lambda: "over cross" in running.live_block_of("top-up"))
        assert len(money_requests(running.world)) == 1


async def test_a_pair_is_reached_directly_where_that_works(tmp_path: Path) -> None:
    scenario = replace(calm_scenario(), readings=ApiInterpretations(direct_isolated_transfer=True))
    async with running_harness(tmp_path, transfer_spec(asset="USDT"), pair="BTCUSDT", scenario=scenario) as running:
        intents = await running.wait_until_settled(2)
        assert [(i.kind, str(i.scope), i.state) for i in intents[:2]] == [
            ("transfer_in", "BTCUSDT", S.CONFIRMED),
            ("repay", "BTCUSDT", S.CONFIRMED),
        ]


async def test_pending_record_and_lagging_history_end_confirmed(tmp_path: Path) -> None:
    scenario = replace(calm_scenario(), readings=ApiInterpretations(history_lag_s=3, loan_pending_s=4))
    async with running_harness(tmp_path, repay_spec(asset="USDT"), scenario=scenario) as running:
        [done] = await running.wait_until_settled()
        assert done.state is S.CONFIRMED
        assert len(money_requests(running.world)) == 1


async def test_command_killed_while_sending_leaves_an_uncertain_intent(tmp_path: Path) -> None:
    order = ManualCall("set_bnb_burn", CROSS, "", D(0))
    setting = replace(intent(1, S.PLANNED), order=order, kind="setting", mode="manual", action="set_bnb_burn")

    async def died(made: ExecutorHarness) -> None:
        now = made.world.clock.now()
        living = await made.store.execute(manual_intents.claim_manual_intent, setting, now)
        other = replace(setting, order=replace(order, asset="USDT"))
        dead = await made.store.execute(manual_intents.claim_manual_intent, other, now - seconds(180))
        made.state = replace(made.state, intents={living.id: living, dead.id: dead})

    async with running_harness(tmp_path, prepared=died) as running:
        living, dead = running.state.intents
        await running.wait_until(lambda: running.state.intents[dead].state is S.UNRESOLVED)
        assert running.state.intents[living].state is S.SUBMITTING


@pytest.mark.slow
async def test_a_rule_whose_order_can_not_be_judged_in_time_is_stopped(tmp_path: Path) -> None:
    slow = Fault("delay", method="POST", path=REPAY_PATH, seconds=1)
    async with running_harness(tmp_path, repay_spec(asset="USDT"), faults=[slow]) as running:
        running.world.sandbox.add_fault(Fault("hang", method="GET", path="/api/v3/ticker/price", count=0))
        await running.wait_until(lambda: money_requests(running.world))
        running.state = replace(running.state, prices=PriceState())
        await running.wait_until(lambda: [i.awaits_judgement for i in running.intents] == [True])
        [waiting] = await running.store.read(commands_in_force.read_rule_stops)
        assert waiting.grounds == "unjudged"
        await running.wait_until(lambda: [i.awaits_judgement for i in running.intents] == [False])
        [stop] = await running.store.read(commands_in_force.read_rule_stops)
        assert (stop.grounds, stop.is_lasting) == ("untold", True)
        told = await running.store.read(read_due_deliveries, "phone", running.world.clock.now() + timedelta(hours=1))
        assert any("whether it made things worse can't be told" in (one.text or "") for one in told)

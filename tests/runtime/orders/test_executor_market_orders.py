"""Orders on the market between the real sandbox and the real store: one request an intent, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.events import CrossRead
from monitor.core.model.intent import IntentState
from monitor.core.model.order import CancelOrders, Reduce
from monitor.core.state.account_update import apply_account_event
from monitor.exchange.binance.api.orders import create_margin_order
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiKeyPermissions, InitialBalance, Scenario, hmac_key, initial_balance
from monitor.store.writes import audit, commands
from tests.runtime.orders.test_executor import level, owed, running_harness
from tests.support.connected_sandbox import ConnectedSandbox
from tests.support.examples.actions import cancel_spec, reduce_spec, repay_spec, seconds
from tests.support.executor_harness import ExecutorHarness, money_requests

S = IntentState
D = Decimal
ORDER_PATH, OPEN_PATH = "/sapi/v1/margin/order", "/sapi/v1/margin/openOrders"
REPAY_PATH = "/sapi/v1/margin/borrow-repay"


def long(**cross: InitialBalance) -> Scenario:
    """1.5 BTC at 60,000 for 60,000 USDT owed and none held: a level of 1.5, and nothing to repay with."""
    rows = {"BTC": initial_balance("1.5"), "USDT": initial_balance(borrowed="60000"), **cross}
    return replace(
        calm_scenario(), accounts=(replace(calm_scenario().accounts[0], cross=rows, isolated={}, spot={}, funding={}),)
    )


def short() -> Scenario:
    """45,000 USDT held for 10 ETH at 3,000 owed: a level of 1.5."""
    return long(BTC=InitialBalance(), USDT=initial_balance("45000"), ETH=initial_balance(borrowed="10"))


def sent_requests(
    around: ConnectedSandbox, path: str = ORDER_PATH, method: str = "POST"
) -> Sequence[Mapping[str, str]]:
    return [one.params for one in around.requests(path, method)]


async def test_collateral_is_sold_to_reach_the_target(tmp_path: Path) -> None:
    async with running_harness(tmp_path, reduce_spec(), scenario=long()) as running:
        [done] = await running.wait_until_settled()
        assert done.state is S.CONFIRMED
        assert isinstance(done.order, Reduce)
        [asked] = sent_requests(running.world)
        assert (asked["symbol"], asked["side"], asked["timeInForce"]) == ("BTCUSDT", "SELL", "IOC")
        assert asked["sideEffectType"] == "AUTO_REPAY"
        assert D(asked["price"]) == 59_400
        assert asked["newClientOrderId"] == done.order.client_id
        assert D(2) <= level(running) <= D("2.002")
        assert done.level_after is not None
        assert abs(done.level_after - level(running)) < D("1E-7")
        assert len(money_requests(running.world)) == 1


async def test_short_is_bought_back_and_never_flipped(tmp_path: Path) -> None:
    spec = reduce_spec(target=None, amount=D(1_000_000))
    async with running_harness(tmp_path, spec, scenario=short()) as running:
        [done] = await running.wait_until_settled()
        assert isinstance(done.order, Reduce)
        [asked] = sent_requests(running.world)
        assert (asked["symbol"], asked["side"], D(asked["quantity"])) == ("ETHUSDT", "BUY", D(10))
        assert D(asked["price"]) == 3030
        row = running.world.ledger["cross"]["balances"]["ETH"]
        assert D(row["free"]) == 0
        assert D(0) < owed(running, "ETH") <= D("0.01")
        assert done.state is S.CONFIRMED


async def test_order_with_a_lost_answer_is_found_by_its_client_id(tmp_path: Path) -> None:
    cut = Fault("cut_after", method="POST", path=ORDER_PATH)
    async with running_harness(tmp_path, reduce_spec(), scenario=long(), faults=[cut]) as running:
        [done] = await running.wait_until_settled()
        assert running.states_of(done.id) == [S.PLANNED, S.UNCERTAIN, S.CONFIRMED]
        assert len(money_requests(running.world)) == 1
        assert D(2) <= level(running) <= D("2.002")


async def test_an_order_that_never_arrived_is_failed_after_the_settle_time(tmp_path: Path) -> None:
    cut = Fault("cut_before", method="POST", path=ORDER_PATH, count=0)
    spec = reduce_spec(cooldown=seconds(3600))
    async with running_harness(tmp_path, spec, scenario=long(), faults=[cut]) as running:
        [done] = await running.wait_until_settled()
        assert running.states_of(done.id) == [S.PLANNED, S.UNCERTAIN, S.FAILED]
        assert "does not know the order" in (done.evidence or "")
        assert len(money_requests(running.world)) == 1


async def test_missing_automatic_repayment_is_completed_by_a_repayment(tmp_path: Path) -> None:
    # What the order brings first leaves a rest that is too small, which the exchange refuses to repay to, unsaid.
    scenario = replace(long(), min_repay={"USDT": D(40_000)})
    async with running_harness(tmp_path, reduce_spec(), scenario=scenario) as running:
        await running.wait_until(lambda: any(i.kind == "repay" for i in running.intents))
        sold, repaid = running.intents[:2]
        assert (sold.kind, sold.state, repaid.kind) == ("reduce", S.CONFIRMED, "repay")
        assert owed(running) == 60_000
        assert D("0.99") * sold.amount <= repaid.amount <= sold.amount


async def test_partial_fill_counts_and_the_remainder_is_killed(tmp_path: Path) -> None:
    scenario = replace(long(), depth={"BTCUSDT": D("0.1")})
    spec = reduce_spec(cooldown=seconds(3600))
    async with running_harness(tmp_path, spec, scenario=scenario) as running:
        [done] = await running.wait_until_settled()
        assert (done.state, done.amount) == (S.CONFIRMED, D(6000))
        assert "0.1 of " in (done.evidence or "")
        stored = (await running.store.load_state("main", running.world.clock.now())).intents
        assert [intent.amount for intent in stored] == [D(6000)]
        assert (await running.store.execute(audit.verify_trail)).problems == ()


async def test_unfilled_order_fails_with_a_notice(tmp_path: Path) -> None:
    scenario = replace(long(), depth={"BTCUSDT": D(0)})
    spec = reduce_spec(cooldown=seconds(3600))
    async with running_harness(tmp_path, spec, scenario=scenario) as running:
        [done] = await running.wait_until_settled()
        assert done.state is S.FAILED
        assert "nothing filled at 59400 or better" in (done.evidence or "")
        assert owed(running) == 60_000


async def test_an_order_against_the_filters_is_never_sent(tmp_path: Path) -> None:
    async with running_harness(tmp_path, reduce_spec(max_amount=D(3)), scenario=long()) as running:
        await running.wait_until(lambda: "least order on BTCUSDT" in running.live_block_of("sell"))
        assert money_requests(running.world) == []


async def test_the_caps_hold_over_many_orders(tmp_path: Path) -> None:
    spec = reduce_spec(asset="USDT", max_amount=D(1500), max_per_day=D(4000), cooldown=seconds(1))
    async with running_harness(tmp_path, spec, scenario=long()) as running:
        done = await running.wait_until_settled(3)
        assert all(intent.amount <= 1500 for intent in done)
        await running.wait_until(lambda: running.live_block_of("sell"))
        assert 56_000 <= owed(running) <= 56_100


async def test_key_without_trading_permission_sells_nothing(tmp_path: Path) -> None:
    [account] = long().accounts
    unable = replace(hmac_key("main"), permissions=ApiKeyPermissions(trading=False))
    scenario = replace(long(), accounts=(replace(account, keys=(unable,)),))
    async with running_harness(tmp_path, reduce_spec(), scenario=scenario) as running:
        await running.wait_until(lambda: "enableSpotAndMarginTrading" in running.live_block_of("sell"))
        assert money_requests(running.world) == []


async def test_a_pair_is_reduced_within_itself(tmp_path: Path) -> None:
    async with running_harness(tmp_path, reduce_spec(), pair="BTCUSDT") as running:
        [done] = await running.wait_until_settled()
        [asked] = sent_requests(running.world)
        assert (asked["isIsolated"], asked["side"]) == ("TRUE", "SELL")
        assert (str(done.scope), done.state) == ("BTCUSDT", S.CONFIRMED)
        assert D(2) <= D(running.world.ledger["isolated"]["BTCUSDT"]["level_exact"]) <= D("2.002")


async def place_open_order(made: ExecutorHarness) -> None:
    """An order that locks 0.5 BTC, and one that locks all USDT."""
    account, now = made.world.account, made.world.clock.now()
    common = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC"}
    for side, quantity, price in (("SELL", "0.5", "70000"), ("BUY", "0.4", "50000")):
        await account.send_function(create_margin_order, {"side": side, "quantity": quantity, "price": price, **common})
    for event in (CrossRead(await account.read_cross()), await account.activity.read_open_orders(CROSS)):
        made.state = apply_account_event(made.state, event, now)


async def test_orders_locking_the_owed_asset_are_cancelled_before_repaying(tmp_path: Path) -> None:
    async with running_harness(tmp_path, cancel_spec(), repay_spec(asset="USDT"), prepared=place_open_order) as running:
        cancelled, repaid = await running.wait_until_settled(2)
        assert cancelled.order == CancelOrders(CROSS, "BTCUSDT", "USDT")
        assert (cancelled.state, repaid.kind, repaid.state) == (S.CONFIRMED, "repay", S.CONFIRMED)
        assert len(sent_requests(running.world, OPEN_PATH, "DELETE")) == 1
        assert D(2) <= level(running) <= D("2.002")


async def test_open_orders_stay_when_the_free_balance_is_enough(tmp_path: Path) -> None:
    async with running_harness(tmp_path, cancel_spec(), repay_spec(asset="USDT")) as running:
        [done] = await running.wait_until_settled()
        assert done.kind == "repay"
        assert sent_requests(running.world, OPEN_PATH, "DELETE") == []


async def test_a_proposal_to_sell_is_sent_when_it_is_approved(tmp_path: Path) -> None:
    async with running_harness(tmp_path, reduce_spec(mode="approve"), scenario=long()) as running:
        await running.wait_until(lambda: running.intents)
        [asked] = running.intents
        await running.store.execute(commands.decide_proposal, asked.id, True, "test", running.world.clock.now())
        [done] = await running.wait_until_settled()
        assert done.state is S.CONFIRMED
        assert done.amount <= asked.amount
        assert D(2) <= level(running) <= D("2.002")


async def test_a_dry_run_trades_nothing(tmp_path: Path) -> None:
    async with running_harness(tmp_path, reduce_spec(mode="dry-run"), scenario=long()) as running:
        [done] = await running.wait_until_settled()
        assert done.state is S.SIMULATED
        assert done.level_after is not None
        assert D(2) <= done.level_after <= D("2.002")
        assert money_requests(running.world) == []


@pytest.mark.parametrize(("what", "end"), [("cut_after", S.CONFIRMED), ("cut_before", S.FAILED)])
async def test_cancellation_with_a_lost_answer_is_settled_by_observation(tmp_path: Path, what: str, end: S) -> None:
    cut = Fault(what, method="DELETE", path=OPEN_PATH, count=0)
    spec = cancel_spec(cooldown=seconds(3600))
    async with running_harness(tmp_path, spec, prepared=place_open_order, faults=[cut]) as running:
        [done] = await running.wait_until_settled()
        assert running.states_of(done.id) == [S.PLANNED, S.UNCERTAIN, end]
        assert len(sent_requests(running.world, OPEN_PATH, "DELETE")) == 1

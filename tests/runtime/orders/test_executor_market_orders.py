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
from monitor.core.state.apply import apply
from monitor.exchange.binance.api.orders import create_margin_order
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm
from monitor.sandbox.scenario.scenario import Holding, Permissions, Scenario, hmac_key, holding
from monitor.store.writes import audit, commands
from tests.runtime.orders.test_executor import level, owed, rig
from tests.support.connected_sandbox import World
from tests.support.examples.actions import cancel_spec, reduce_spec, repay_spec, seconds
from tests.support.executor_harness import Rig, money_requests

S = IntentState
D = Decimal
ORDER_PATH, OPEN_PATH = "/sapi/v1/margin/order", "/sapi/v1/margin/openOrders"
REPAY_PATH = "/sapi/v1/margin/borrow-repay"


def long(**cross: Holding) -> Scenario:
    """1.5 BTC at 60,000 for 60,000 USDT owed and none held: a level of 1.5, and nothing to repay with."""
    rows = {"BTC": holding("1.5"), "USDT": holding(borrowed="60000"), **cross}
    return replace(calm(), accounts=(replace(calm().accounts[0], cross=rows, isolated={}, spot={}, funding={}),))


def short() -> Scenario:
    """45,000 USDT held for 10 ETH at 3,000 owed: a level of 1.5."""
    return long(BTC=Holding(), USDT=holding("45000"), ETH=holding(borrowed="10"))


def sent(around: World, path: str = ORDER_PATH, method: str = "POST") -> Sequence[Mapping[str, str]]:
    return [one.params for one in around.requests(path, method)]


async def test_collateral_is_sold_for_what_is_owed_up_to_the_target(tmp_path: Path) -> None:
    async with rig(tmp_path, reduce_spec(), scenario=long()) as running:
        [done] = await running.settles()
        assert done.state is S.CONFIRMED
        assert isinstance(done.order, Reduce)
        [asked] = sent(running.world)
        assert (asked["symbol"], asked["side"], asked["timeInForce"]) == ("BTCUSDT", "SELL", "IOC")
        assert asked["sideEffectType"] == "AUTO_REPAY"
        assert D(asked["price"]) == 59_400
        assert asked["newClientOrderId"] == done.order.client_id
        assert D(2) <= level(running) <= D("2.002")
        assert done.level_after is not None
        assert abs(done.level_after - level(running)) < D("1E-7")
        assert len(money_requests(running.world)) == 1


async def test_a_short_is_bought_back_with_what_is_held_and_never_turned_round(tmp_path: Path) -> None:
    spec = reduce_spec(target=None, amount=D(1_000_000))
    async with rig(tmp_path, spec, scenario=short()) as running:
        [done] = await running.settles()
        assert isinstance(done.order, Reduce)
        [asked] = sent(running.world)
        assert (asked["symbol"], asked["side"], D(asked["quantity"])) == ("ETHUSDT", "BUY", D(10))
        assert D(asked["price"]) == 3030
        row = running.world.ledger["cross"]["balances"]["ETH"]
        assert D(row["free"]) == 0
        assert D(0) < owed(running, "ETH") <= D("0.01")
        assert done.state is S.CONFIRMED


async def test_an_order_whose_answer_was_lost_is_found_by_its_name(tmp_path: Path) -> None:
    cut = Fault("cut_after", method="POST", path=ORDER_PATH)
    async with rig(tmp_path, reduce_spec(), scenario=long(), faults=[cut]) as running:
        [done] = await running.settles()
        assert running.states_of(done.id) == [S.PLANNED, S.UNCERTAIN, S.CONFIRMED]
        assert len(money_requests(running.world)) == 1
        assert D(2) <= level(running) <= D("2.002")


async def test_an_order_that_never_arrived_is_failed_after_the_settle_time(tmp_path: Path) -> None:
    cut = Fault("cut_before", method="POST", path=ORDER_PATH, count=0)
    spec = reduce_spec(cooldown=seconds(3600))
    async with rig(tmp_path, spec, scenario=long(), faults=[cut]) as running:
        [done] = await running.settles()
        assert running.states_of(done.id) == [S.PLANNED, S.UNCERTAIN, S.FAILED]
        assert "does not know the order" in (done.evidence or "")
        assert len(money_requests(running.world)) == 1


async def test_a_silent_failure_to_repay_is_finished_by_a_repayment(tmp_path: Path) -> None:
    # What the order brings first leaves a rest that is too small, which the exchange refuses to repay to, unsaid.
    scenario = replace(long(), min_repay={"USDT": D(40_000)})
    async with rig(tmp_path, reduce_spec(), scenario=scenario) as running:
        await running.until(lambda: any(i.kind == "repay" for i in running.intents))
        sold, repaid = running.intents[:2]
        assert (sold.kind, sold.state, repaid.kind) == ("reduce", S.CONFIRMED, "repay")
        assert owed(running) == 60_000
        assert D("0.99") * sold.amount <= repaid.amount <= sold.amount


async def test_what_the_depth_leaves_unfilled_is_killed_and_what_was_filled_counts(tmp_path: Path) -> None:
    scenario = replace(long(), depth={"BTCUSDT": D("0.1")})
    spec = reduce_spec(cooldown=seconds(3600))
    async with rig(tmp_path, spec, scenario=scenario) as running:
        [done] = await running.settles()
        assert (done.state, done.amount) == (S.CONFIRMED, D(6000))
        assert "0.1 of " in (done.evidence or "")
        stored = (await running.store.load("main", running.world.clock.now())).intents
        assert [intent.amount for intent in stored] == [D(6000)]
        assert (await running.store.order(audit.verify)).flaws == ()


async def test_an_order_that_nobody_fills_is_failed_and_told_so(tmp_path: Path) -> None:
    scenario = replace(long(), depth={"BTCUSDT": D(0)})
    spec = reduce_spec(cooldown=seconds(3600))
    async with rig(tmp_path, spec, scenario=scenario) as running:
        [done] = await running.settles()
        assert done.state is S.FAILED
        assert "nothing filled at 59400 or better" in (done.evidence or "")
        assert owed(running) == 60_000


async def test_an_order_against_the_filters_is_never_sent(tmp_path: Path) -> None:
    async with rig(tmp_path, reduce_spec(max_amount=D(3)), scenario=long()) as running:
        await running.until(lambda: "least order on BTCUSDT" in running.stopped("sell"))
        assert money_requests(running.world) == []


async def test_the_caps_hold_over_many_orders(tmp_path: Path) -> None:
    spec = reduce_spec(asset="USDT", max_amount=D(1500), max_per_day=D(4000), cooldown=seconds(1))
    async with rig(tmp_path, spec, scenario=long()) as running:
        done = await running.settles(3)
        assert all(intent.amount <= 1500 for intent in done)
        await running.until(lambda: running.stopped("sell"))
        assert 56_000 <= owed(running) <= 56_100


async def test_a_key_that_may_not_trade_sells_nothing_and_says_so(tmp_path: Path) -> None:
    [account] = long().accounts
    unable = replace(hmac_key("main"), permissions=Permissions(trading=False))
    scenario = replace(long(), accounts=(replace(account, keys=(unable,)),))
    async with rig(tmp_path, reduce_spec(), scenario=scenario) as running:
        await running.until(lambda: "enableSpotAndMarginTrading" in running.stopped("sell"))
        assert money_requests(running.world) == []


async def test_a_pair_is_reduced_within_itself(tmp_path: Path) -> None:
    async with rig(tmp_path, reduce_spec(), pair="BTCUSDT") as running:
        [done] = await running.settles()
        [asked] = sent(running.world)
        assert (asked["isIsolated"], asked["side"]) == ("TRUE", "SELL")
        assert (str(done.scope), done.state) == ("BTCUSDT", S.CONFIRMED)
        assert D(2) <= D(running.world.ledger["isolated"]["BTCUSDT"]["level_exact"]) <= D("2.002")


async def resting(made: Rig) -> None:
    """An order that locks 0.5 BTC, and one that locks all USDT."""
    account, now = made.world.account, made.world.clock.now()
    common = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC"}
    for side, quantity, price in (("SELL", "0.5", "70000"), ("BUY", "0.4", "50000")):
        await account.send(create_margin_order, {"side": side, "quantity": quantity, "price": price, **common})
    for event in (CrossRead(await account.read_cross()), await account.surroundings.open_orders(CROSS)):
        made.state = apply(made.state, event, now)


async def test_orders_are_cancelled_that_lock_what_is_owed_and_then_it_is_repaid(tmp_path: Path) -> None:
    async with rig(tmp_path, cancel_spec(), repay_spec(asset="USDT"), prepared=resting) as running:
        cancelled, repaid = await running.settles(2)
        assert cancelled.order == CancelOrders(CROSS, "BTCUSDT", "USDT")
        assert (cancelled.state, repaid.kind, repaid.state) == (S.CONFIRMED, "repay", S.CONFIRMED)
        assert len(sent(running.world, OPEN_PATH, "DELETE")) == 1
        assert D(2) <= level(running) <= D("2.002")


async def test_orders_stay_where_what_is_free_is_enough(tmp_path: Path) -> None:
    async with rig(tmp_path, cancel_spec(), repay_spec(asset="USDT")) as running:
        [done] = await running.settles()
        assert done.kind == "repay"
        assert sent(running.world, OPEN_PATH, "DELETE") == []


async def test_a_proposal_to_sell_is_sent_when_it_is_approved(tmp_path: Path) -> None:
    async with rig(tmp_path, reduce_spec(mode="approve"), scenario=long()) as running:
        await running.until(lambda: running.intents)
        [asked] = running.intents
        await running.store.order(commands.decide, asked.id, True, "test", running.world.clock.now())
        [done] = await running.settles()
        assert done.state is S.CONFIRMED
        assert done.amount <= asked.amount
        assert D(2) <= level(running) <= D("2.002")


async def test_a_dry_run_trades_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, reduce_spec(mode="dry-run"), scenario=long()) as running:
        [done] = await running.settles()
        assert done.state is S.SIMULATED
        assert done.level_after is not None
        assert D(2) <= done.level_after <= D("2.002")
        assert money_requests(running.world) == []


@pytest.mark.parametrize(("what", "end"), [("cut_after", S.CONFIRMED), ("cut_before", S.FAILED)])
async def test_a_cancellation_whose_answer_was_lost_is_looked_into(tmp_path: Path, what: str, end: S) -> None:
    cut = Fault(what, method="DELETE", path=OPEN_PATH, count=0)
    spec = cancel_spec(cooldown=seconds(3600))
    async with rig(tmp_path, spec, prepared=resting, faults=[cut]) as running:
        [done] = await running.settles()
        assert running.states_of(done.id) == [S.PLANNED, S.UNCERTAIN, end]
        assert len(sent(running.world, OPEN_PATH, "DELETE")) == 1

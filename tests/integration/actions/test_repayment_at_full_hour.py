"""Repayments around a full hour, at which the exchange charges interest: nothing is left over, nothing falls short."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from monitor.core.model.events import RatesRead
from monitor.core.model.intent import IntentState
from monitor.core.state.account_update import apply_account_event
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import Scenario, initial_balance
from tests.runtime.orders.test_executor import level, owed, running_harness
from tests.support.examples.actions import repay_spec
from tests.support.executor_harness import ExecutorHarness, money_requests

D = Decimal
HOUR = datetime(2025, 10, 10, 21, 0, tzinfo=UTC)
DAILY = D("0.024")


def before_the_hour(second: float, **usdt: str) -> Scenario:
    """A debt in dollars that costs a thousandth an hour, so many seconds before 21:00."""
    rows = {**calm_scenario().accounts[0].cross, "USDT": initial_balance(**usdt)}
    account = replace(calm_scenario().accounts[0], cross=rows)
    start = HOUR - timedelta(seconds=second)
    return replace(calm_scenario(), start=start, accounts=(account,), rates={"USDT": DAILY})


def interest(of: ExecutorHarness) -> Decimal:
    return D(of.world.ledger["cross"]["balances"]["USDT"]["interest"])


async def test_a_full_repayment_waits_for_the_hour_and_reads_back_zero(tmp_path: Path) -> None:
    scenario = before_the_hour(2, free="20000", borrowed="10000", interest="0.12345678")
    spec = repay_spec(asset="USDT", target=None, amount=D(1_000_000))
    async with running_harness(tmp_path, spec, scenario=scenario) as running:
        [done] = await running.wait_until_settled()
        assert done.state is IntentState.CONFIRMED
        assert done.submitted_at is not None
        assert done.submitted_at >= HOUR
        assert done.amount == D("10010.12345678")
        assert owed(running) == 0
        assert len(money_requests(running.world)) == 1


async def test_the_interest_of_the_hour_that_comes_does_not_undo_a_repayment(tmp_path: Path) -> None:
    async def knows_rates(made: ExecutorHarness) -> None:
        now = made.world.clock.now()
        made.state = apply_account_event(made.state, RatesRead({"USDT": DAILY / 24}, {}, now), now)

    scenario = before_the_hour(40, free="20000", borrowed="30000")
    async with running_harness(tmp_path, repay_spec(asset="USDT"), scenario=scenario, prepared=knows_rates) as running:
        [done] = await running.wait_until_settled()
        assert done.submitted_at is not None
        assert done.submitted_at < HOUR
        assert interest(running) == 0
        await running.wait_until(lambda: interest(running) > 0)
        assert D(2) <= level(running) <= D("2.002")
        assert len(money_requests(running.world)) == 1

"""Nothing is asked of the exchange that it refuses as too small a repayment: over the sandbox, with a large minimum."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import parse_sizing_target
from monitor.core.model.intent import IntentState
from monitor.core.model.reads import MinRepayRead
from monitor.core.state.account_update import apply_account_event
from monitor.sandbox.scenario.builtin import calm_scenario
from tests.runtime.orders.test_executor import level, owed, running_harness
from tests.support.examples.actions import reduce_spec, repay_spec, seconds, transfer_spec
from tests.support.executor_harness import ExecutorHarness, money_requests

D = Decimal
MIN_REPAYMENT = D(2500)
NEAR = {"asset": "USDT", "target": parse_sizing_target("margin_level >= 1.85"), "cooldown": seconds(3600)}
"""1,176 USDT reach it: (1.85 · 60,000 − 110,000) ÷ 0.85."""


async def with_minima(running: ExecutorHarness) -> None:
    """Reads them as the daemon does with its reference data."""
    found = await running.world.account.reference_data.read_min_repay()
    read = MinRepayRead(found.content, found.as_of)
    running.state = apply_account_event(running.state, read, read.at)


@pytest.mark.parametrize(
    "specs",
    [
        (repay_spec(**NEAR),),
        (transfer_spec(**NEAR),),
        # What its limits keep below the least is passed over at once.
        (repay_spec(**NEAR, max_amount=D(2000)), transfer_spec(**NEAR)),
    ],
)
async def test_repayment_is_never_below_the_exchange_minimum(tmp_path: Path, specs: tuple[ActionSpec, ...]) -> None:
    scenario = replace(calm_scenario(), min_repay={"USDT": MIN_REPAYMENT})
    count = 2 if specs[-1].kind == "transfer_in" else 1
    async with running_harness(tmp_path, *specs, scenario=scenario, prepared=with_minima) as running:
        before = owed(running)
        done = await running.wait_until_settled(count)
        assert {i.state for i in done} == {IntentState.CONFIRMED}
        assert [i.amount for i in done] == [MIN_REPAYMENT] * count
        assert before - owed(running) == MIN_REPAYMENT
        assert level(running) > D("1.85")
        assert len(money_requests(running.world)) == count


async def test_sale_proceeds_reach_the_automatic_repayment_minimum(tmp_path: Path) -> None:
    scenario = replace(calm_scenario(), min_repay={"USDT": MIN_REPAYMENT})
    async with running_harness(tmp_path, reduce_spec(**NEAR), scenario=scenario, prepared=with_minima) as running:
        before = owed(running)
        [done] = await running.wait_until_settled()
        assert done.state is IntentState.CONFIRMED
        assert before - owed(running) >= MIN_REPAYMENT
        assert len(money_requests(running.world)) == 1

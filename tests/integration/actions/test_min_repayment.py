"""Nothing is asked of the exchange that it refuses as too small a repayment: over the sandbox, with a large minimum."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import read_target
from monitor.core.model.intent import IntentState
from monitor.core.model.reads import MinimaRead
from monitor.core.state.apply import apply
from monitor.sandbox.scenario.builtin import calm
from tests.runtime.orders.test_executor import level, owed, rig
from tests.support.examples.actions import reduce_spec, repay_spec, seconds, transfer_spec
from tests.support.executor_harness import Rig, money_requests

D = Decimal
LEAST = D(2500)
NEAR = {"asset": "USDT", "target": read_target("margin_level >= 1.85"), "cooldown": seconds(3600)}
"""1,176 USDT reach it: (1.85 · 60,000 − 110,000) ÷ 0.85."""


async def with_minima(running: Rig) -> None:
    """Reads them as the daemon does with its reference data."""
    read = MinimaRead(await running.world.account.surroundings.min_repay(), running.world.clock.now())
    running.state = apply(running.state, read, read.at)


@pytest.mark.parametrize(
    "specs",
    [
        (repay_spec(**NEAR),),
        (transfer_spec(**NEAR),),
        # What its limits keep below the least is passed over at once.
        (repay_spec(**NEAR, max_amount=D(2000)), transfer_spec(**NEAR)),
    ],
)
async def test_what_is_repaid_is_never_less_than_the_exchange_takes(
    tmp_path: Path, specs: tuple[ActionSpec, ...]
) -> None:
    scenario = replace(calm(), min_repay={"USDT": LEAST})
    count = 2 if specs[-1].kind == "transfer_in" else 1
    async with rig(tmp_path, *specs, scenario=scenario, prepared=with_minima) as running:
        before = owed(running)
        done = await running.settles(count)
        assert {i.state for i in done} == {IntentState.CONFIRMED}
        assert [i.amount for i in done] == [LEAST] * count
        assert before - owed(running) == LEAST
        assert level(running) > D("1.85")
        assert len(money_requests(running.world)) == count


async def test_a_sale_brings_what_the_exchange_repays_with_by_itself(tmp_path: Path) -> None:
    scenario = replace(calm(), min_repay={"USDT": LEAST})
    async with rig(tmp_path, reduce_spec(**NEAR), scenario=scenario, prepared=with_minima) as running:
        before = owed(running)
        [done] = await running.settles()
        assert done.state is IntentState.CONFIRMED
        assert before - owed(running) >= LEAST
        assert len(money_requests(running.world)) == 1

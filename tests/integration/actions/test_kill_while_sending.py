"""The real daemon, killed around the moment of sending: no order is ever sent twice, and none is forgotten."""

import asyncio
import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Literal, get_args

import pytest

from monitor.core.model.intent import FINAL_STATES, IntentState
from monitor.sandbox.faults import Fault
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import Scenario, initial_balance
from tests.support.daemon import DaemonProcess, daemon_process, eventually, starting_now, write_config
from tests.support.money_actions import REPAY_PATH, intents, intents_with_steps, money_requests
from tests.support.sandbox import RunningSandbox, sandbox

Instant = Literal["planned", "in flight", "never done", "done late", "answered", "some time"]
SLOW_READS = Fault("delay", path="/sapi/v1/margin/account", seconds=0.5, count=0)
FAULTS: dict[Instant, Fault] = {
    "in flight": Fault("delay", method="POST", path=REPAY_PATH, seconds=5),
    "never done": Fault("hang", method="POST", path=REPAY_PATH),
    "done late": Fault("apply_late", method="POST", path=REPAY_PATH, seconds=1.5),
}

SAFETY = """
[safety]
settle = "5s"
unresolved_after = "1m"
"""
ACTION = """
[[actions]]
name = "repay-{number}"
kind = "repay"
mode = "live"
asset = "USDT"
amount = "{amount}"
max_amount = "100"
max_per_day = "10000"
max_actions_per_day = 1000
cooldown = "1d"
"""
RULE = """
[[rules]]
name = "acts"
scope = "cross"
when = "margin_level < 9"
severity = "info"
actions = [{names}]
"""


def actions(life: int) -> str:
    """Three repayments, one after the other, which no other life has: each once and of an amount of its own."""
    numbers = range(life * 3, life * 3 + 3)
    tables = [ACTION.format(number=number, amount=10 + Decimal(number) / 100) for number in numbers]
    names = ", ".join(f'"repay-{number}"' for number in numbers)
    return SAFETY + "".join(tables) + RULE.format(names=names)


def indebted_scenario() -> Scenario:
    """An account with idle money and a debt, beginning now."""
    account = replace(
        calm_scenario().accounts[0],
        cross={"BTC": initial_balance("1"), "USDT": initial_balance("5000", borrowed="30000")},
    )
    return starting_now(replace(calm_scenario(), accounts=(account,)))


@pytest.mark.parametrize(
    "instants",
    [
        pytest.param(["planned", "in flight", "answered", "never done"], id="a few"),
        pytest.param(random.Random(8).choices(get_args(Instant), k=40), id="many", marks=pytest.mark.timeout(900)),
    ],
)
@pytest.mark.slow
async def test_no_order_is_sent_twice_and_every_execution_is_accounted_for(
    tmp_path: Path, instants: Sequence[Instant]
) -> None:
    chance = random.Random(21)
    async with sandbox(indebted_scenario()) as box:
        for life, instant in enumerate(instants):
            config = write_config(tmp_path, box.ready, more=actions(life))
            async with daemon_process(config) as child:
                await run_until(instant, box, tmp_path, child, chance)
                assert await child.stop(signal.SIGKILL) == -signal.SIGKILL
            box.sandbox.clear_faults()
        config = write_config(tmp_path, box.ready, more=actions(len(instants)))
        async with daemon_process(config) as child:
            await eventually(lambda: all_done(tmp_path, len(instants)), 60, story=lambda: str(intents(tmp_path)))
            assert await child.stop() == 0
        asked, movements = money_requests(box.sandbox.requests), box.sandbox.state_dump["movements"]
    in_doubt = sum(
        step.note == "the daemon ended while sending" for row in intents_with_steps(tmp_path) for step in row.steps
    )
    assert in_doubt >= instants.count("in flight") + instants.count("never done"), "the instants were missed"
    amounts = [Decimal(one.params["amount"]) for one in asked]
    assert len(set(amounts)) == len(amounts), "sent twice"
    sent = {intent.amount: intent for intent in intents(tmp_path) if intent.submitted_at is not None}
    assert set(amounts) <= set(sent), "sent without a claim"
    applied = {amount for amount, one in zip(amounts, asked, strict=True) if one.applied}
    known = {a for a, intent in sent.items() if intent.state is IntentState.CONFIRMED or intent.executed_late}
    assert known == applied
    assert isinstance(movements, list)
    assert sorted(Decimal(movement["amount"]) for movement in movements if movement["by"] == "api") == sorted(applied)


async def run_until(
    instant: Instant, box: RunningSandbox, folder: Path, child: DaemonProcess, chance: random.Random
) -> None:
    """Returns at the instant at which the daemon is to die."""
    before = len(money_requests(box.sandbox.requests))
    if instant in FAULTS:
        box.sandbox.add_fault(FAULTS[instant])
    match instant:
        case "some time":
            await child.wait_for_line("stream=market connected=True")
            await asyncio.sleep(chance.uniform(0, 3))
        case "planned":
            # The first read is quick; the one right before sending takes long.
            start = len(box.sandbox.requests)
            await until(lambda: has_read(box.sandbox.requests[start:]), child)
            box.sandbox.add_fault(SLOW_READS)
            await until(lambda: any(intent.state is IntentState.PLANNED for intent in intents(folder)), child)
        case "answered":
            await until(lambda: any(one.status != 0 for one in money_requests(box.sandbox.requests)[before:]), child)
        case _:
            await until(lambda: len(money_requests(box.sandbox.requests)) > before, child)


def has_read(requests: Sequence[ReceivedRequest]) -> bool:
    return any(request.status == 200 and request.path == SLOW_READS.path for request in requests)


async def until(holds: Callable[[], bool], child: DaemonProcess) -> None:
    """As soon as may be: what is waited for lasts only some milliseconds."""
    async with asyncio.timeout(60):
        while not holds():
            assert child.process.returncode is None, child.text
            await asyncio.sleep(0.001)


async def all_done(folder: Path, life: int) -> bool:
    """Whether the last action of this life was carried out, and nothing else is open."""
    known = intents(folder)
    return known[-1].action == f"repay-{life * 3 + 2}" and all(intent.state in FINAL_STATES for intent in known)

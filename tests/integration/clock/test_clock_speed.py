"""The same story told at any speed of the clock: the same rules fire and resolve, in the same order."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.alert import AlertState
from monitor.core.state.account_state import AccountState
from monitor.sandbox.scenario.builtin import CRASH_START
from monitor.sandbox.scenario.price_path import SimPricePath
from monitor.sandbox.scenario.scenario import CROSS_3X, AccountSpec, Scenario, initial_balance
from tests.support.daemon import InProcessDaemon, clock_of, in_process_daemon, write_config
from tests.support.recorded_rows import read_transitions
from tests.support.sandbox import sandbox

MINUTES = 24
# One BTC against 38,000 USDT: 1.58 at 60,000, then 16 minutes of falling to 1.12, a rest, and back.
PATH = ((0, 60_000), (1, 60_000), (17, 42_500), (18, 42_500), (22, 61_000), (24, 61_000))
EXPECTED = [
    "below-initial firing",  # 57,000: minute 3.7
    "near-call firing",  # 53,200: 7.2
    "falling-fast firing",  # 1.39 and −0.144 in five minutes: 7.7
    "margin-call firing",  # 49,400: 10.7
    "liquidation-near firing",  # 45,600: 14.2
]

MACHINE_PACED = ("worst-day", "odds-high")
"""Rules about what is read and computed at the machine's pace, whatever the clock's speed: past prices, and odds."""


def story() -> Scenario:
    account = AccountSpec(
        name="main",
        cross={"BTC": initial_balance("1"), "USDT": initial_balance(borrowed="38000")},
        bars=CROSS_3X,
        spot={},
    )
    start_ms = int(CRASH_START.timestamp() * 1000)
    path = SimPricePath([(start_ms + minute * 60_000, Decimal(price)) for minute, price in PATH])
    return replace(Scenario(), name="fall", start=CRASH_START, accounts=(account,), paths={"BTCUSDT": path})


async def transitions(here: InProcessDaemon) -> list[str]:
    """Every transition of the cross alerts but those of MACHINE_PACED, in the order in which they were recorded."""
    found = []
    for row in await here.alerts():
        if row.alert.key.scope == "cross" and row.alert.key.rule not in MACHINE_PACED:
            steps = await here.store.read(read_transitions, row.alert.id)
            found += [(step.at, step.alert, f"{row.alert.key.rule} {step.to_state}") for step in steps]
    return [what for _, _, what in sorted(found)]


async def play(folder: Path, speed: float) -> list[str]:
    """The story from beginning to end at this speed."""
    async with sandbox(story(), speed=speed) as box:
        config = write_config(folder, box.ready, schedule={"cross": "10s", "near_liquidation": "5s"})
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await here.wait_for_state(
                lambda state: (here.clock.now() - CRASH_START).total_seconds() > MINUTES * 60, 600
            )
            return await transitions(here)


async def step_through(folder: Path) -> list[str]:
    """The story in steps of ten exchange seconds between which time stands still."""
    async with sandbox(story(), frozen=True) as box:
        config = write_config(folder, box.ready, schedule={"cross": "1s", "near_liquidation": "1s"})
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            for _ in range(MINUTES * 6):
                await here.wait_for_state(lambda state: is_evaluated_at(state, here.clock.now()))
                box.sandbox.user_actions.advance(10)
            return await transitions(here)


def is_evaluated_at(state: AccountState, now: datetime) -> bool:
    """Whether the account was read, and every alert looked at, at this moment."""
    is_read = state.cross is not None and state.cross.as_of == now
    return is_read and all(alert.updated_at == now for alert in state.alerts.values())


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_alert_transitions_are_the_same_at_any_speed(tmp_path: Path) -> None:
    fast = first_occurrences(await play(tmp_path / "fast", 108))
    assert [what for what in fast if not what.startswith("thin")][: len(EXPECTED)] == EXPECTED
    assert first_occurrences(await play(tmp_path / "slower", 30)) == fast
    assert first_occurrences(await step_through(tmp_path / "steps")) == fast


def first_occurrences(told: list[str]) -> list[str]:
    """Each beginning and each firing where it came first, and who was resolved at last.

    A figure on its threshold may cross it more than once, and how often depends on when it is looked at.
    """
    began = dict.fromkeys(what for what in told if not what.endswith(AlertState.RESOLVED))
    return [*began, *sorted({what for what in told if what.endswith(AlertState.RESOLVED)})]

"""Request weight of watching at rest, as the sandbox counts it: debts in cross and in a pair, all streams up."""

import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import PairSpec, Scenario, initial_balance
from tests.support.daemon import InProcessDaemon, SandboxClock, clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox

SPEED = 120
OWN_PACE = {"cross": "60s", "isolated": "60s", "near_liquidation": "2s"}
STARTED = timedelta(minutes=22, seconds=30)
"""Start of the measurement: between two reads of every interval, so that a span holds as many as it has intervals."""

MINUTES = 60
"""Span of the measurement: it holds a full hour, with the hourly reads."""

HASTE = 240
LONG = timedelta(hours=6)
RARE = (
    "/sapi/v1/margin/capital-flow",
    "/sapi/v1/margin/crossMarginCollateralRatio",
    "/sapi/v1/spot/asset/tags",
)
RARE_WEIGHT = 100
RARE_A_DAY = 6
"""Number of rare reads a day: the ledger of cross and of the pair once each, the ratios and the tags twice."""

ACCOUNT_READS = ("/sapi/v1/margin/account", "/sapi/v1/margin/isolated/account")
ACCOUNT_READ_WEIGHT = 10
POLLS = MINUTES * 60 // 75
"""Number of polls of each kind: both accounts are safe, and polled a quarter less often than every minute."""


def indebted() -> Scenario:
    """Build cross at 1.9 and a pair at 3, both well above their initial thresholds."""
    scenario = calm_scenario()
    (spec,) = scenario.accounts
    pair = PairSpec(base=initial_balance("0.01"), quote=initial_balance("0", borrowed="200"))
    cross = {"USDT": initial_balance("114000", borrowed="60000")}
    return replace(scenario, accounts=(replace(spec, cross=cross, isolated={"BTCUSDT": pair}),))


@pytest.mark.slow
async def test_minute_at_rest_weighs_at_most_twenty_five(tmp_path: Path) -> None:
    async with sandbox(indebted(), speed=SPEED, ping_every_s=5) as world:
        config = write_config(tmp_path, world.ready, schedule=OWN_PACE)
        clock = clock_of(world.sandbox)
        async with in_process_daemon(config, clock) as here:
            began = clock.now() + STARTED
            await _passed(here, clock, began)
            first, before = len(world.sandbox.requests), world.sandbox.ip_weight_spent
            scheduled = await _passed(here, clock, began + timedelta(minutes=MINUTES)) / timedelta(minutes=1)
            asked, spent = world.sandbox.requests[first:], world.sandbox.ip_weight_spent - before
    paths = Counter(request.path for request in asked)
    polls = sum(paths[path] for path in ACCOUNT_READS)
    assert polls >= 2 * (POLLS - 2)
    # A busy machine loses connections at this speed, and each gap is another read of the accounts: they count as
    # scheduled, and once more for the hour's interest, which the risk stream reports.
    others = spent - polls * ACCOUNT_READ_WEIGHT
    assert 2 * (POLLS + 1) * ACCOUNT_READ_WEIGHT / MINUTES + others / scheduled <= 25, (others, scheduled, paths)


def scenario_below_safe_level() -> Scenario:
    """Build cross at 1.67 and a pair at 1.33 with bitcoin in both: initial thresholds < levels < 1.25 × those."""
    scenario = calm_scenario()
    (spec,) = scenario.accounts
    pair = PairSpec(base=initial_balance("0.01"), quote=initial_balance("0", borrowed="450"))
    cross = {"BTC": initial_balance("1.6"), "USDT": initial_balance("4000", borrowed="60000")}
    return replace(scenario, accounts=(replace(spec, cross=cross, isolated={"BTCUSDT": pair}),))


@pytest.mark.slow
async def test_minute_below_the_safe_level_weighs_at_most_twenty_five(tmp_path: Path) -> None:
    async with sandbox(scenario_below_safe_level(), speed=HASTE, ping_every_s=5) as world:
        config = write_config(tmp_path, world.ready, schedule=OWN_PACE)
        clock = clock_of(world.sandbox)
        async with in_process_daemon(config, clock) as here:
            began = clock.now() + STARTED
            await _passed(here, clock, began)
            first, before = len(world.sandbox.requests), world.sandbox.ip_weight_spent
            scheduled = await _passed(here, clock, began + LONG) / timedelta(minutes=1)
            asked, spent = world.sandbox.requests[first:], world.sandbox.ip_weight_spent - before
            paces = {name: paced.interval for name, paced in here.state().polling.intervals.items()}
    assert paces == {"cross": timedelta(seconds=60), "isolated": timedelta(seconds=60)}
    paths = Counter(request.path for request in asked)
    minutes = LONG // timedelta(minutes=1)
    polls, rare = sum(paths[path] for path in ACCOUNT_READS), sum(paths[path] for path in RARE)
    assert polls >= 2 * (minutes - 2)
    assert {"/sapi/v1/margin/priceIndex", "/sapi/v1/margin/next-hourly-interest-rate"} <= paths.keys()
    assert "/sapi/v1/margin/delist-schedule" in paths, "what is read every six hours is in it"
    # Lost connections cause polls here too; requests rarer than the span count by their share of a day.
    others = spent - polls * ACCOUNT_READ_WEIGHT - rare * RARE_WEIGHT
    rare_share = RARE_A_DAY * RARE_WEIGHT * timedelta(minutes=1) / timedelta(days=1)
    assert 2 * ACCOUNT_READ_WEIGHT + others / scheduled + rare_share <= 25, (others, scheduled, paths)


async def _passed(here: InProcessDaemon, clock: SandboxClock, moment: datetime) -> timedelta:
    """Wait until the moment, and return the exchange time in which the daemon's schedule ran until then.

    The sandbox slows down on a busy machine, the schedule does not.
    """

    async def has_come() -> bool:
        return clock.now() >= moment

    began_s = time.monotonic()
    await eventually(has_come, 200, given_up=lambda: here.task.done())
    return timedelta(seconds=(time.monotonic() - began_s) * clock.speed)

"""Measurements of the clock that accounts share."""

import asyncio
import contextlib

from monitor.errors import ExchangeUnreachable
from monitor.exchange.binance.clock_checks import RETRY_S, ClockChecks
from tests.support.timeouts import SOON_S


class Measurement:
    """A measurement that ends when it is told to, and how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.end = asyncio.Event()
        self.succeeds = True

    async def __call__(self) -> None:
        self.begun += 1
        await self.end.wait()
        if not self.succeeds:
            raise ExchangeUnreachable("no answer")


async def test_accounts_wait_for_the_measurement_of_another_one() -> None:
    checks, measure = ClockChecks(), Measurement()
    waiting = [asyncio.create_task(checks.run("main", measure)) for _ in range(100)]
    await asyncio.sleep(0)
    measure.end.set()
    async with asyncio.timeout(SOON_S):
        assert await asyncio.gather(*waiting) == [True] * 100
        assert measure.begun == 1
        assert await checks.run("main", measure)
    assert measure.begun == 2


async def test_failed_measurement_is_not_repeated_at_once_by_every_account() -> None:
    checks, measure = ClockChecks(), Measurement()
    measure.succeeds = False
    measure.end.set()
    async with asyncio.timeout(SOON_S):
        assert [await checks.run("main", measure) for _ in range(100)] == [False] * 100
        begun, measure.succeeds = measure.begun, True
        # A test that stood still for a second has seen another one.
        assert begun < 5
        await asyncio.sleep(RETRY_S)
        assert await checks.run("main", measure)


async def test_account_that_ends_meanwhile_leaves_no_other_waiting() -> None:
    checks, measure = ClockChecks(), Measurement()
    first = asyncio.create_task(checks.run("main", measure))
    await asyncio.sleep(0)
    second = asyncio.create_task(checks.run("main", measure))
    await asyncio.sleep(0)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    async with asyncio.timeout(SOON_S):
        assert not await second


async def test_measurement_that_takes_long_holds_up_no_other_account() -> None:
    checks, measure = ClockChecks(), Measurement()
    first = asyncio.create_task(checks.run("main", measure))
    await asyncio.sleep(0)
    async with asyncio.timeout(SOON_S):
        assert not await checks.run("main", measure)
    measure.end.set()
    assert await first

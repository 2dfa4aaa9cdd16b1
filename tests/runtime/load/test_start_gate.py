"""The turns of accounts that begin."""

import asyncio
import contextlib
import time

from monitor.runtime.load.start_gate import MAX_LATE_S, MAX_WAIT_S, PROBE_S, StartGate
from tests.support.timeouts import SOON_S


async def enter(gate: StartGate, name: int, entered: list[int]) -> None:
    await gate.enter()
    entered.append(name)


async def test_accounts_enter_in_their_order_one_after_the_other() -> None:
    gate, entered = StartGate(), list[int]()
    async with asyncio.timeout(SOON_S):
        await asyncio.gather(*(enter(gate, number, entered) for number in range(5)))
    assert entered == [0, 1, 2, 3, 4]


async def test_account_that_gave_up_leaves_its_turn_to_the_next() -> None:
    gate, entered = StartGate(), list[int]()
    first = asyncio.create_task(enter(gate, 1, entered))
    second = asyncio.create_task(enter(gate, 2, entered))
    await asyncio.sleep(0)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    async with asyncio.timeout(SOON_S):
        await second
    assert entered == [2]


async def test_event_loop_that_is_never_free_delays_an_account_by_no_more_than_the_bound() -> None:
    """A loop that is always late: each pause of the gate ends after a turn of work longer than it allows."""
    gate, entered = StartGate(), list[int]()

    async def work() -> None:
        while True:
            time.sleep(PROBE_S + 2 * MAX_LATE_S)  # noqa: ASYNC251  the loop shall not be free
            await asyncio.sleep(0)

    busy = asyncio.create_task(work())
    began = time.monotonic()
    async with asyncio.timeout(SOON_S):
        await enter(gate, 1, entered)
    busy.cancel()
    assert entered == [1]
    assert time.monotonic() - began >= MAX_WAIT_S

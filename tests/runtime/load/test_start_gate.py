"""The turns of accounts that begin."""

import asyncio
import contextlib
import time
from itertools import pairwise

from monitor.runtime.load.start_gate import MAX_LATE_S, MAX_WAIT_S, PROBE_S, StartGate
from tests.support.timeouts import SOON_S


async def enter(gate: StartGate, name: int, entered: list[int]) -> None:
    await gate.enter()
    entered.append(name)


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


async def test_account_waits_for_the_one_before_it_and_no_longer_than_the_bound_for_the_event_loop() -> None:
    """A loop that is always late: each pause of the gate ends after a turn of work longer than it allows."""
    gate, entered = StartGate(), list[float]()

    async def work() -> None:
        while True:
            time.sleep(PROBE_S + 2 * MAX_LATE_S)  # noqa: ASYNC251  the loop shall not be free
            await asyncio.sleep(0)

    async def note_entry() -> None:
        await gate.enter()
        entered.append(time.monotonic())

    busy, began = asyncio.create_task(work()), time.monotonic()
    async with asyncio.timeout(SOON_S):
        await asyncio.gather(*(note_entry() for _ in range(3)))
    busy.cancel()
    turns = [later - earlier for earlier, later in pairwise([began, *entered])]
    assert min(turns) >= MAX_WAIT_S

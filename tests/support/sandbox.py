"""The sandbox exchange for tests: in this process, or as a child that can be killed."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from monitor.clock import MachineClock
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import Scenario
from monitor.sandbox.server import Sandbox, SandboxInfo
from tests.support.throttled_machine import ThrottledMachine

RUNG = """
[[rules]]
name = "rung-{number}"
scope = "cross"
when = "margin_level < {level}"
severity = "critical"
repeat = "1d"

"""
"""A rule of a ladder of tests; each has a level a step below the one before."""

READY_WITHIN_S = 90.0
ENDS_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox in this process and its addresses."""

    sandbox: Sandbox
    ready: SandboxInfo
    machine: MachineClock
    """The machine whose clock drives its time."""


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """A sandbox in a process of its own: its ready line, and its admin API."""

    ready: dict[str, Any]
    process: asyncio.subprocess.Process

    async def read_admin(self, name: str) -> Any:
        """GET {admin_url}/`name`, such as ledger, requests, sent-events, timeline."""
        return await self._ask("GET", name, {})

    async def post_admin(self, name: str, **asked: object) -> Any:
        """POST {admin_url}/`name` with `asked`, such as price, deposit, freeze, advance, streams/drop."""
        return await self._ask("POST", name, asked)

    async def _ask(self, method: str, name: str, asked: dict[str, object]) -> Any:
        url = f"{self.ready['admin_url']}/{name}"
        body = msgspec.json.encode(asked) if asked else None
        async with aiohttp.ClientSession() as session, session.request(method, url, data=body) as response:
            answer = msgspec.json.decode(await response.read())
            if response.status != 200:
                raise RuntimeError(f"{method} {name}: {answer}")
            return answer


@contextlib.asynccontextmanager
async def sandbox(
    scenario: Scenario | None = None,
    *,
    speed: float = 1.0,
    faults: Sequence[Fault] = (),
    anchor: float | None = None,
    frozen: bool = False,
    ping_every_s: float = 20.0,
    shared: bool = False,
) -> AsyncIterator[RunningSandbox]:
    """A sandbox in this process on a free port (the calm scenario by default), stopped at the end.

    Faster than the machine it keeps the pace of this process, unless its time is `shared` with another one.
    """
    pace = ThrottledMachine()
    machine = MachineClock() if speed <= 1 or shared else pace
    box = Sandbox(
        scenario or calm_scenario(),
        speed=speed,
        faults=faults,
        anchor=anchor,
        frozen=frozen,
        ping_every_s=ping_every_s,
        wall_s=machine.wall_s,
    )
    async with pace.ticking() if machine is pace else contextlib.nullcontext():
        ready = await box.start()
        try:
            yield RunningSandbox(box, ready, machine)
        finally:
            await box.stop()


@contextlib.asynccontextmanager
async def sandbox_process(
    scenario: str = "calm",
    *,
    speed: float = 1.0,
    prices: dict[str, Path] | None = None,
    faults: Path | None = None,
    frozen: bool = False,
    start: str = "now",
) -> AsyncIterator[SandboxProcess]:
    """`python -m monitor.sandbox` as a child (`scenario`: a name or a JSON file), ended at the end."""
    command = [sys.executable, "-m", "monitor.sandbox", "--scenario", scenario, "--speed", str(speed), "--start", start]
    for symbol, path in (prices or {}).items():
        command += ["--prices", f"{symbol}={path}"]
    if faults is not None:
        command += ["--faults", str(faults)]
    if frozen:
        command.append("--frozen")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, limit=1 << 20)
    try:
        if process.stdout is None:
            raise RuntimeError("the child has no stdout")
        line = await asyncio.wait_for(process.stdout.readline(), READY_WITHIN_S)
        yield SandboxProcess(msgspec.json.decode(line), process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait_for(process.wait(), ENDS_WITHIN_S)


def rung_rules(count: int) -> str:
    """The configuration of `count` rungs, the highest first."""
    return "".join(RUNG.format(number=number, level=_rung_level(number)) for number in range(count))


def price_below_rung(number: int) -> Decimal:
    """The price of BTC at which the level of the calm scenario's account lies just below that of a rung.

    It holds 1.5 BTC and 20,000 USDT, and owes 60,000.
    """
    return ((_rung_level(number) - Decimal("0.005")) * 60_000 - 20_000) / Decimal("1.5")


def _rung_level(number: int) -> Decimal:
    return Decimal("1.80") - Decimal(number) * Decimal("0.02")

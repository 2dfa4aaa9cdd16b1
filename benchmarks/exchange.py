"""The sandbox exchange with the account of the benchmarks, in a process of its own."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from benchmarks.account import BALANCES, PRICES
from monitor.sandbox.scenario.scenario import AccountSpec, InitialBalance, PairSpec, Scenario
from monitor.sandbox.server import Sandbox


def scenario(pairs: int = 0, accounts: int = 1) -> Scenario:
    """47 assets in cross, `pairs` isolated pairs in debt, constant prices sent every second; starting now.

    `accounts`: so many of them, alike.
    """
    cross = {
        name: InitialBalance(free=row.free, borrowed=row.borrowed, interest=row.interest)
        for name, row in BALANCES.items()
    }
    one = PairSpec(base=InitialBalance(free=Decimal(2)), quote=InitialBalance(free=Decimal(10), borrowed=Decimal(10)))
    more = {f"P{number:03}USDT": Decimal(10 + number) for number in range(max(0, pairs - len(PRICES)))}
    prices = {**PRICES, **more}
    isolated = dict.fromkeys(list(prices)[:pairs], one)
    names = ["main", *(f"account{number}" for number in range(2, accounts + 1))]
    specs = tuple(
        AccountSpec(name=name, spot={"USDT": Decimal(5000)}, cross=cross, isolated=isolated) for name in names
    )
    return Scenario(name="benchmark", start=datetime.now(UTC), accounts=specs, prices=prices)


@contextlib.asynccontextmanager
async def exchange(pairs: int = 0, accounts: int = 1) -> AsyncIterator[dict[str, Any]]:
    """The ready line of a sandbox in a process of its own, stopped at the end of the context."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.exchange", str(pairs), str(accounts)),
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    assert process.stdout is not None
    try:
        ready: dict[str, Any] = json.loads(await process.stdout.readline())
        yield ready
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _serve(pairs: int, accounts: int) -> None:
    sandbox = Sandbox(scenario(pairs, accounts))
    print(json.dumps((await sandbox.start()).as_json()), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))

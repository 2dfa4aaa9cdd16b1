"""G8: ten thousand account events in one burst, while the database is locked and the sink answers late.

No event may be missing in the database afterwards; of prices only the newest counts; no connection may be lost.
"""

import asyncio
import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from benchmarks.exchange import scenario
from benchmarks.process import configure, daemon
from benchmarks.report import Finding, Target, finding, main
from benchmarks.wire import Webhooks
from monitor.sandbox.server import Sandbox

STALL_S = 1.0
SETTLES_WITHIN_S = 60.0


def measure(quick: bool) -> list[Finding]:
    """One burst; the exchange, the sink and the lock are in this process."""
    return asyncio.run(_measure(200 if quick else 10_000))


async def _measure(count: int) -> list[Finding]:
    sink, sandbox = Webhooks(stall_s=STALL_S), Sandbox(scenario())
    await sink.start()
    ready = await sandbox.start()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        config = configure(Path(folder), ready.as_json(), webhook=sink.url)
        async with daemon(config, "info") as running:
            await _until(lambda: _connected(sandbox), 30)
            before = len(_sent(sandbox))
            stands = {connection.number for connection in sandbox.connections}
            began = time.perf_counter()
            with contextlib.closing(sqlite3.connect(f"{folder}/monitor.db", isolation_level=None)) as lock:
                lock.execute("BEGIN IMMEDIATE")
                for number in range(count):
                    sandbox.user_actions.deposit("main", "USDT", Decimal(1), "cross")
                    if number % 100 == 99:
                        await asyncio.sleep(0)
                await asyncio.sleep(max(0.0, began + STALL_S - time.perf_counter()))
                lock.execute("ROLLBACK")
            sent = _sent(sandbox)[before:]
            with contextlib.suppress(TimeoutError):
                await _until(lambda: _recorded(folder) >= before + len(sent), SETTLES_WITHIN_S)
            took = time.perf_counter() - began
            missing = before + len(sent) - _recorded(folder)
            lost = len(stands - {connection.number for connection in sandbox.connections})
            await running.stop()
        conflated = _conflated_count(running.lines)
    await sandbox.stop()
    await sink.stop()
    return [
        finding(Target("G8", 0), f"of {len(sent):,} events in a burst: missing in the database", "", [float(missing)]),
        finding(Target("G8", 0), "connections lost meanwhile", "", [float(lost)]),
        finding(Target("G8"), "prices and reads replaced before they were looked at", "", [float(conflated)]),
        finding(Target("G8"), "until all are durable, the database locked for the first second", "s", [took]),
    ]


def _conflated_count(lines: Sequence[str]) -> int:
    """The number of conflated prices that the daemon logs at its end."""
    said = next(line for line in reversed(lines) if "account.stopped" in line)
    return int(said.partition("conflated=")[2].split()[0])


def _sent(sandbox: Sandbox) -> list[str]:
    return [event.text for event in sandbox.sent_events if event.stream == "account"]


def _connected(sandbox: Sandbox) -> bool:
    if not {connection.stream for connection in sandbox.connections} >= {"account", "market"}:
        return False
    # A connection delivers nothing before it is subscribed: until then nothing is sent.
    sandbox.user_actions.deposit("main", "USDT", Decimal(1), "cross")
    return bool(_sent(sandbox))


def _recorded(folder: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{folder}/monitor.db?mode=ro", uri=True)) as database:
        found: tuple[int] = database.execute("SELECT count(*) FROM events WHERE stream = 'account'").fetchone()
        return found[0]


async def _until(holds: Callable[[], bool], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 – what is waited for happens in other processes
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    main(measure, __doc__ or "")

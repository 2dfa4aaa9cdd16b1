"""G23: a button pressed in a chat → the command holds in the daemon."""

import asyncio
import contextlib
import tempfile
import time
from pathlib import Path

from sqlalchemy import Connection, select

from benchmarks.exchange import exchange
from benchmarks.process import configure, daemon
from benchmarks.report import Finding, Target, finding, main, percentile
from monitor.store.command_store import ReadStore
from monitor.store.schema import tables
from monitor.view.messages.buttons import moment_mark
from tests.support.services.telegram_server import telegram_server

RULE = """
[[rules]]
name = "rule-{number}"
scope = "cross"
when = "margin_level < 99"
severity = "warning"
repeat = "1d"
"""
LOOK_S = 0.002


def measure(quick: bool) -> list[Finding]:
    """Presses one after another, each until its account's step has taken the acknowledgement up."""
    return asyncio.run(_measure(*((1, 5) if quick else (5, 100))))


async def _measure(rounds: int, presses: int) -> list[Finding]:
    medians, tails = [], []
    for _ in range(rounds):
        took = await _round(presses)
        medians.append(1000 * percentile(took, 0.5))
        tails.append(1000 * percentile(took, 0.99))
    return [
        finding(Target("G23", 1000, 500), "press → acknowledged in the daemon's own alert, p99", "ms", tails),
        finding(Target("G23"), "the same, p50", "ms", medians),
    ]


async def _round(presses: int) -> list[float]:
    """Seconds from each press to the alert's own acknowledgement."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        chat = await stack.enter_async_context(telegram_server())
        ready = await stack.enter_async_context(exchange())
        rules = "".join(RULE.format(number=number) for number in range(presses)) + chat.config()
        config = configure(folder, ready, rules=rules)
        config.write_text(f"default_rules = false\n{config.read_text()}")
        child = await stack.enter_async_context(daemon(config, "info"))
        await child.until_line("replies.read")
        store = await _open_store(folder)
        stack.callback(store.close)
        alerts = await _until_firing(store, presses)
        message = await chat.wait_for_message(lambda message: bool(message.labels), 60)
        took = []
        for number, mark in alerts:
            began = time.perf_counter()
            await chat.press(message.id, "", data=f"a:{number}:{mark}")
            while not await asyncio.to_thread(store.read, _is_acked, number):
                if time.perf_counter() - began > 60:
                    raise TimeoutError(f"alert {number} was not acknowledged")
                await asyncio.sleep(LOOK_S)
            took.append(time.perf_counter() - began)
        return took


async def _open_store(folder: Path) -> ReadStore:
    return await asyncio.to_thread(ReadStore.open, f"sqlite:///{folder}/monitor.db")


async def _until_firing(store: ReadStore, count: int, within_s: float = 60.0) -> list[tuple[int, str]]:
    """The number and the mark of each alert, once all fire."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = await asyncio.to_thread(store.read, _firing)
        if len(found) == count:
            return found
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{count} alerts did not fire within {within_s:g} s")


def _firing(connection: Connection) -> list[tuple[int, str]]:
    table = tables.alerts
    rows = connection.execute(select(table.c.id, table.c.since).where(table.c.state == "firing"))
    return [(row.id, moment_mark(row.since)) for row in rows]


def _is_acked(connection: Connection, number: int) -> bool:
    table = tables.alerts
    return connection.execute(select(table.c.acked_by).where(table.c.id == number)).scalar() is not None


if __name__ == "__main__":
    main(measure, __doc__ or "")

"""G16: memory of the daemon after its first alert by Apprise, and its growth over a million events."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

from benchmarks.exchange import scenario
from benchmarks.process import ROOT, configure, daemon
from benchmarks.report import Finding, Target, finding, main
from benchmarks.wire import Webhooks
from monitor.sandbox.server import Sandbox

RULE = '[[rules]]\nname = "bench"\nscope = "cross"\nseverity = "critical"\nwhen = "margin_level > 0"'
"""A rule that holds as soon as the account is read."""

BURST = 500
SETTLES_S = 20.0


def measure(quick: bool) -> list[Finding]:
    """The daemon with a channel behind Apprise; then events of prices and of the account, in bursts."""
    return asyncio.run(_measure(1_000, 2.0) if quick else _measure(1_000_000, SETTLES_S))


async def _measure(count: int, settles_s: float) -> list[Finding]:
    sink, sandbox = Webhooks(), Sandbox(scenario())
    await sink.start()
    ready = await sandbox.start()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        config = configure(Path(folder), ready.as_json(), rules=RULE)
        with config.open("a") as added:
            added.write(f'\n[[channels]]\nname = "apprise"\nurl = "json://{sink.url.removeprefix("http://")}/x"\n')
        words = (sys.executable, "-m", "monitor", "--config", str(config), "db", "upgrade")
        await asyncio.to_thread(subprocess.run, words, cwd=ROOT, check=True, capture_output=True)
        async with daemon(config) as running:
            async with asyncio.timeout(60):
                while not sink.posts:  # noqa: ASYNC110 – another process tells
                    await asyncio.sleep(0.05)
            await asyncio.sleep(settles_s)
            told = running.rss_mb
            # Caches and modules that the first events fill and load are no growth.
            with contextlib.closing(sqlite3.connect(f"file:{folder}/monitor.db?mode=ro", uri=True)) as events:
                await _burst(sandbox, events, count // 20)
                warm = running.rss_mb
                await _burst(sandbox, events, count)
            await asyncio.sleep(settles_s)
            grown = running.rss_mb - warm
    await sandbox.stop()
    await sink.stop()
    return [
        finding(Target("G16", 85, 65), "resident after the first alert by Apprise", "MB", [told]),
        finding(Target("G16", 2), f"growth over {count:,} events of the account, after {count // 20:,}", "MB", [grown]),
    ]


async def _burst(sandbox: Sandbox, events: sqlite3.Connection, count: int) -> None:
    """Send events in bursts, each once the daemon has made the one before durable: no queue is counted as growth."""
    for _ in range(max(1, count // BURST)):
        expected = _stored(events) + BURST
        for _ in range(BURST // 2):
            # Each sends two events: the change, and the new balance.
            sandbox.user_actions.deposit("main", "USDT", Decimal(1), "cross")
        async with asyncio.timeout(60):
            while _stored(events) < expected:  # noqa: ASYNC110 – another process stores
                await asyncio.sleep(0.005)
        sandbox.sent_events.clear()
        sandbox.requests.clear()


def _stored(events: sqlite3.Connection) -> int:
    (last,) = events.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
    return int(last)


if __name__ == "__main__":
    main(measure, __doc__ or "")

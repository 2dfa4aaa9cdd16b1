"""G15 to G18, reported: memory of the daemon, its start-up time, and its cost at rest."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from benchmarks.exchange import exchange
from benchmarks.process import ROOT, configure, daemon
from benchmarks.report import Finding, Target, finding, main


def measure(quick: bool) -> list[Finding]:
    """A few starts of the command and of the daemon, then a rest with one cross account and isolated pairs."""
    helps = [_help_ms() for _ in range(2 if quick else 7)]
    rest_s, pairs = (3.0, 2) if quick else (120.0, 40)
    starts, rss, cpu = asyncio.run(_rest(1 if quick else 3, rest_s, pairs))
    return [
        finding(
            Target("G15", 70, 50), f"resident, one cross account and {pairs} pairs, after {rest_s:g} s", "MB", [rss]
        ),
        finding(Target("G17", 150, 80), "`--help`", "ms", helps),
        finding(Target("G17", 0.8, 0.5), "process start → first request at the exchange", "s", starts),
        finding(Target("G18", 1, 0.5), "CPU at rest, 46 symbols at 1 Hz, a poll a minute", "%", [cpu]),
    ]


def _help_ms() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "monitor", "--help"], cwd=ROOT, check=True, capture_output=True)
    return (time.perf_counter() - began) * 1000


async def _rest(starts: int, rest_s: float, pairs: int) -> tuple[list[float], float, float]:
    took: list[float] = []
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        ready = await stack.enter_async_context(exchange(pairs))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        config = configure(folder, ready)
        words = (sys.executable, "-m", "monitor", "--config", str(config), "db", "upgrade")
        await asyncio.to_thread(subprocess.run, words, cwd=ROOT, check=True, capture_output=True)
        for number in range(starts):
            asked = await _requests(http, ready["admin_url"])
            began = time.perf_counter()
            async with daemon(config) as running:
                while await _requests(http, ready["admin_url"]) == asked:  # noqa: ASYNC110 – another process asks
                    await asyncio.sleep(0.01)
                took.append(time.perf_counter() - began)
                if number == starts - 1:
                    await asyncio.sleep(min(20.0, rest_s))
                    used = running.cpu_s
                    await asyncio.sleep(rest_s)
                    return took, running.rss_mb, (running.cpu_s - used) / rest_s * 100
    raise AssertionError("there was no start")


async def _requests(http: aiohttp.ClientSession, admin_url: str) -> int:
    async with http.get(f"{admin_url}/requests") as answer:
        return len(await answer.json())


if __name__ == "__main__":
    main(measure, __doc__ or "")

"""G20 to G22: a scrape of 300 scopes; alerts while many look on; the cost of the web server while nobody does."""

import asyncio
import contextlib
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.exchange import exchange
from benchmarks.g01 import AlternatingRun
from benchmarks.process import MeasuredProcess, configure, daemon, measured_process
from benchmarks.report import Finding, Target, finding, main, percentile, ratios

LIVE_READERS = 50
SCRAPE_EVERY_S = 1.0


def measure(quick: bool) -> list[Finding]:
    """Scrapes, then alerts with and without readers in turns, then rests with and without the server in turns."""
    return asyncio.run(_measure(quick))


async def _measure(quick: bool) -> list[Finding]:
    scopes, scrapes = (30, 3) if quick else (300, 60)
    starting, took = await _scrape_times(scopes, scrapes)
    alone, watched = await _alert_tails(*((1, 10) if quick else (5, 250)))
    memory, cpu = await _idle_costs(*((1, 1.0) if quick else (3, 120.0)))
    return [
        finding(Target("G20", 30), f"a scrape of {scopes} scopes, request to last byte, p50", "ms", took),
        finding(Target("G20"), "the same, p99", "ms", [percentile(took, 0.99)]),
        finding(Target("G20"), "the same, p50, while the daemon makes its first reads", "ms", starting),
        finding(
            Target("G21", 1.2),
            f"tick → alert, p99, with a scrape a second and {LIVE_READERS} live readers ÷ without",
            "×",
            ratios(watched, alone),
        ),
        finding(Target("G21"), "the same, with", "ms", [1000 * value for value in watched]),
        finding(Target("G21"), "the same, without", "ms", [1000 * value for value in alone]),
        finding(Target("G22", 3), "resident, with the server and nobody who looks − without it", "MB", memory),
        finding(Target("G22", 0.1), "CPU, the same", "%", cpu),
    ]


async def _scrape_times(scopes: int, scrapes: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each scrape of a daemon with so many scopes, a second apart: while it starts, and afterwards."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        ready = await stack.enter_async_context(exchange(scopes - 1))
        listen = _free_address()
        await stack.enter_async_context(daemon(configure(folder, ready, listen=listen)))
        http = await stack.enter_async_context(aiohttp.ClientSession(f"http://{listen}"))
        await _until_all_are_read(http, scopes)
        starting = [await _scrape_s(http) * 1000 for _ in range(scrapes)]
        return starting, [await _scrape_s(http) * 1000 for _ in range(scrapes)]


async def _scrape_s(http: aiohttp.ClientSession) -> float:
    await asyncio.sleep(SCRAPE_EVERY_S)
    began = time.perf_counter()
    async with http.get("/metrics") as answer:
        await answer.read()
    return time.perf_counter() - began


async def _until_all_are_read(http: aiohttp.ClientSession, scopes: int, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with contextlib.suppress(aiohttp.ClientError):
            async with http.get("/metrics") as answer:
                text = await answer.text()
                if text.count("\nmargin_monitor_margin_level_ratio{") == scopes:
                    return
        await asyncio.sleep(1)
    raise RuntimeError(f"{scopes} scopes were not read within {within_s:g} s")


async def _alert_tails(rounds: int, alerts: int) -> tuple[list[float], list[float]]:
    """The p99 of each round without and with readers, in seconds."""
    alone: list[float] = []
    watched: list[float] = []
    listen = _free_address()
    async with contextlib.AsyncExitStack() as stack:
        fair = await AlternatingRun.open(stack, programs=("daemon",), listen=listen)
        await fair.series("daemon", alerts=5, every_s=0.1, ticks_a_second=200)
        for _ in range(rounds):
            alone.append(percentile(await _series(fair, alerts), 0.99))
            words = ("-m", "benchmarks.prototypes.readers", f"http://{listen}", str(LIVE_READERS), str(SCRAPE_EVERY_S))
            async with measured_process(*words) as readers:
                await readers.until_line("everybody reads")
                watched.append(percentile(await _series(fair, alerts), 0.99))
    return alone, watched


async def _series(fair: AlternatingRun, alerts: int) -> list[float]:
    return await fair.series("daemon", alerts, every_s=0.1, ticks_a_second=200)


async def _idle_costs(rounds: int, rest_s: float) -> tuple[list[float], list[float]]:
    """Resident megabytes and per cent of a core that the server adds while nobody connects, by rounds.

    Both daemons rest at the same time, so that what else the machine does slows both.
    """
    memory: list[float] = []
    cpu: list[float] = []
    async with exchange() as ready:
        for _ in range(rounds):
            async with contextlib.AsyncExitStack() as stack:
                without, serving = [await _start(stack, ready, listen) for listen in ("", _free_address())]
                await asyncio.sleep(min(20.0, rest_s))
                used = serving.cpu_s - without.cpu_s
                await asyncio.sleep(rest_s)
                memory.append(serving.rss_mb - without.rss_mb)
                cpu.append((serving.cpu_s - without.cpu_s - used) / rest_s * 100)
    return memory, cpu


async def _start(stack: contextlib.AsyncExitStack, ready: Mapping[str, Any], listen: str) -> MeasuredProcess:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
    return await stack.enter_async_context(daemon(configure(folder, ready, listen=listen)))


def _free_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


if __name__ == "__main__":
    main(measure, __doc__ or "")

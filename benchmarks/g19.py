"""G19: many accounts in one process: CPU, memory and tick → alert, and how each grows with their number."""

import asyncio
import contextlib
import itertools
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from benchmarks.account import PRICES, assets_at
from benchmarks.exchange import exchange
from benchmarks.process import MeasuredProcess, configure, daemon
from benchmarks.report import Finding, Target, finding, main, percentile
from benchmarks.wire import Post, PriceServer, Webhooks, server_frame, ticker_frame

COUNTS, QUICK_COUNTS = (1, 10, 100, 300), (1, 3)
PAIRS = 20
TICKS_A_SECOND = 5_000
BATCH_S = 0.01
DOWN = Decimal("0.997")
WOBBLE = tuple(1 + Decimal(step) / 10_000 for step in (0, 2, 4, 2, 0, -2, -4, -2))
"""Factors of the other prices, turn by turn: moves of every second, too small to cross the rule's bar."""

STARTS_WITHIN_S, STARTS_WITHIN_S_AN_ACCOUNT = 60.0, 2.0
ALERT_WITHIN_S = 5.0
MAX_SETTLING_SPANS = 20
CLOCKS_S = 0.05
"""By how much the daemon's clock and ours may differ."""


@dataclass(frozen=True, slots=True)
class AccountsRun:
    """Figures of the daemon with some number of accounts."""

    accounts: int
    cpu_percent: float
    rss_mb: float
    alert_ms: list[float]


def measure(quick: bool) -> list[Finding]:
    """One run of the daemon for each number of accounts, one after the other."""
    rest_s, alerts = (3.0, 5) if quick else (60.0, 200)
    return _findings([asyncio.run(_run(count, rest_s, alerts)) for count in (QUICK_COUNTS if quick else COUNTS)])


def _findings(runs: list[AccountsRun]) -> list[Finding]:
    first, found = runs[0], []
    for run in runs:
        is_last = run.accounts == COUNTS[-1]
        what = f"{run.accounts} × (cross + {PAIRS} pairs), {TICKS_A_SECOND:,} ticks/s"
        found += [
            finding(Target("G19", 50 if is_last else None), f"CPU, {what}", "%", [run.cpu_percent]),
            finding(Target("G19"), f"resident, {what}", "MB", [run.rss_mb]),
            finding(
                Target("G19", 20 if is_last else None),
                f"tick → alert, p99 of {len(run.alert_ms)}, {what}",
                "ms",
                [percentile(run.alert_ms, 0.99)],
            ),
        ]
        if run is not first:
            more = run.accounts - first.accounts
            found += [
                finding(
                    Target("G19", 150 if is_last else None),
                    f"memory of each account beyond the first, {what}",
                    "KB",
                    [(run.rss_mb - first.rss_mb) * 1024 / more],
                ),
                finding(
                    Target("G19"),
                    f"CPU of each account beyond the first, {what}",
                    "%",
                    [(run.cpu_percent - first.cpu_percent) / more],
                ),
            ]
    return found


async def _run(count: int, rest_s: float, alerts: int) -> AccountsRun:
    async with contextlib.AsyncExitStack() as stack:
        server, sink = PriceServer(), Webhooks()
        await server.start()
        await sink.start()
        stack.push_async_callback(server.stop)
        stack.push_async_callback(sink.stop)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        ready = await stack.enter_async_context(exchange(PAIRS, count))
        worth = assets_at({**PRICES, "BTCUSDT": PRICES["BTCUSDT"] * (1 + DOWN) / 2})
        rule = (
            '[[rules]]\nname = "bench"\nscope = "cross"\nseverity = "critical"\naccounts = ["main"]\n'
            f'when = "assets_usdt < {worth:.8f}"'
        )
        config = configure(folder, ready, market=f"{server.url}/daemon", webhook=sink.url, rules=rule)
        running = await stack.enter_async_context(daemon(config, "info"))
        traffic = PriceTraffic(server)
        sink.heard = traffic.take_post
        sending = asyncio.create_task(traffic.run())
        try:
            await _until_connected(running, count)
            await traffic.until_live()
            await _until_settled(running, rest_s / 4)
            used, began = running.cpu_s, time.perf_counter()
            await asyncio.sleep(rest_s)
            cpu = (running.cpu_s - used) / (time.perf_counter() - began) * 100
            rss = running.rss_mb
            return AccountsRun(count, cpu, rss, [1000 * took for took in await traffic.alert_times(alerts)])
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _until_connected(running: MeasuredProcess, count: int) -> None:
    """Wait until every account has prices. Raises RuntimeError after a time."""
    deadline = time.monotonic() + STARTS_WITHIN_S + STARTS_WITHIN_S_AN_ACCOUNT * count
    while sum("stream=market connected=True" in line for line in running.lines) < count:
        if running.process.returncode is not None or time.monotonic() > deadline:
            raise RuntimeError(f"not all of {count} accounts are up:\n" + "\n".join(running.lines[-20:]))
        await asyncio.sleep(0.1)


async def _until_settled(running: MeasuredProcess, span_s: float) -> None:
    """Wait until a span's CPU is no longer a tenth below that of the span before: a start reads and writes more."""
    before = float("inf")
    for _ in range(MAX_SETTLING_SPANS):
        used = running.cpu_s
        await asyncio.sleep(span_s)
        took = running.cpu_s - used
        if took > 0.9 * before:
            return
        before = took


@dataclass(slots=True)
class PriceTraffic:
    """Prices at a steady rate, in batches, and drops of one price that cross the rule's bar."""

    server: PriceServer
    _down_at: list[tuple[float, float]] = field(default_factory=list)
    _took: list[float] = field(default_factory=list)
    _told: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def run(self) -> None:
        """Send the prices of all symbols but one until cancelled."""
        symbols = itertools.cycle([symbol for symbol in PRICES if symbol != "BTCUSDT"])
        due = time.perf_counter()
        for turn in itertools.count():
            factor = WOBBLE[turn // 10 % len(WOBBLE)]
            batch = [
                _frame(symbol, PRICES[symbol] * factor)
                for symbol in itertools.islice(symbols, int(TICKS_A_SECOND * BATCH_S))
            ]
            self.server.send("daemon", b"".join(batch))
            due += BATCH_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def until_live(self) -> None:
        """Wait until the account is revalued: all prices are known, and an alert comes."""
        for _ in range(20):
            self.server.send("daemon", _frame("BTCUSDT", PRICES["BTCUSDT"]))
            await asyncio.sleep(0.1)
        for _ in range(20):
            await self._cross(within_s=1.0)
            if self._took:
                return
        raise RuntimeError("no alert came")

    async def alert_times(self, alerts: int) -> list[float]:
        """Return the seconds from each price that crossed the bar to the body at the sink."""
        self._took.clear()
        for _ in range(alerts):
            await self._cross(within_s=ALERT_WITHIN_S)
        if not self._took:
            raise RuntimeError("no alert came")
        return list(self._took)

    def take_post(self, post: Post) -> None:
        """Take the body of an alert."""
        told = post.json()
        if told.get("rule") != "bench" or told.get("reason") != "fired":
            return
        fired = datetime.fromisoformat(told["fired_at"]).timestamp()
        # The daemon's clock is the sandbox's, known to some milliseconds; falls are a tenth of a second apart.
        earlier = [now for wall, now in self._down_at if wall <= fired + CLOCKS_S]
        if earlier:
            self._took.append(post.at - earlier[-1])
            self._told.set()

    async def _cross(self, within_s: float) -> None:
        """Let the price fall below the bar until it is told, and rise again."""
        self._told.clear()
        fall = PRICES["BTCUSDT"] * DOWN - Decimal(next(self._numbers) % 1000) / 100
        self._down_at.append((time.time(), time.perf_counter()))
        self.server.send("daemon", _frame("BTCUSDT", fall))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._told.wait()
        self.server.send("daemon", _frame("BTCUSDT", PRICES["BTCUSDT"]))
        await asyncio.sleep(0.1)


def _frame(symbol: str, price: Decimal) -> bytes:
    return server_frame(ticker_frame(symbol, f"{price:.2f}", time.time_ns() // 1_000_000))


if __name__ == "__main__":
    main(measure, __doc__ or "")

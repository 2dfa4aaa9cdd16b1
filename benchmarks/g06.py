"""G6 and G7: prices into the daemon, as fast as possible and at 1,000 a second.

One server sends in turns to the daemon (stream, revaluation, rules), to a bare loop of the same library that only
decodes, and to python-binance. A flood is over when an alert about its last price is at the sink.
"""

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from benchmarks.account import PRICES, assets_at
from benchmarks.exchange import exchange
from benchmarks.process import MeasuredProcess, configure, daemon, measured_process
from benchmarks.report import Finding, Target, finding, main, ratios
from benchmarks.wire import Post, PriceServer, Webhooks, server_frame, ticker_frame

CLIENTS = {"bare": "loop", "python-binance": "python-binance"}
NAMES = ("daemon", *CLIENTS)
DOWN = PRICES["BTCUSDT"] * Decimal("0.997")
OTHERS = [symbol for symbol in PRICES if symbol != "BTCUSDT"]
CHUNK = 200


def measure(quick: bool) -> list[Finding]:
    """Rounds of floods and of paced prices, the programs in turns."""
    return asyncio.run(_measure(quick))


async def _measure(quick: bool) -> list[Finding]:
    rounds, flood, paced_s = (1, 2_000, 0.5) if quick else (5, 50_000, 5.0)
    async with contextlib.AsyncExitStack() as stack:
        race = await PriceRace.open(stack)
        rates: dict[str, list[float]] = {name: [] for name in NAMES}
        costs: dict[str, list[float]] = {name: [] for name in NAMES}
        flood_costs: dict[str, list[float]] = {name: [] for name in NAMES}
        for _ in range(rounds):
            for name in NAMES:
                rate, cost = await race.run_flood(name, flood)
                rates[name].append(rate)
                flood_costs[name].append(cost)
            for name in NAMES:
                costs[name].append(await race.run_paced(name, paced_s))
    return [
        finding(Target("G6", 0.6, 0.8, at_least=True), "flood, prices a second ÷ bare loop", "×",
                ratios(rates["daemon"], rates["bare"])),
        finding(Target("G6", 4, at_least=True), "flood, prices a second ÷ python-binance", "×",
                ratios(rates["daemon"], rates["python-binance"])),
        finding(Target("G6"), "flood, CPU a price ÷ bare loop", "×",
                ratios(flood_costs["daemon"], flood_costs["bare"])),
        finding(Target("G7", 1.5, 1.2), "1,000 prices a second, CPU ÷ bare loop", "×",
                ratios(costs["daemon"], costs["bare"])),
        finding(Target("G7", 0.5), "1,000 prices a second, CPU ÷ python-binance", "×",
                ratios(costs["daemon"], costs["python-binance"])),
        finding(Target("G7"), "the daemon's CPU a price", "µs", costs["daemon"]),
    ]  # fmt: skip


class PriceRace:
    """The programs, with prices from one server."""

    def __init__(self, house: PriceServer, sink: Webhooks) -> None:
        self.processes: dict[str, MeasuredProcess] = {}
        self._house = house
        self._arrived = asyncio.Event()
        self._waiting = ""
        self._numbers = itertools.count()
        sink.heard = self._take_post

    @classmethod
    async def open(cls, stack: contextlib.AsyncExitStack) -> "PriceRace":
        """The run with all programs started and connected."""
        house, sink = PriceServer(), Webhooks()
        await house.start()
        await sink.start()
        stack.push_async_callback(house.stop)
        stack.push_async_callback(sink.stop)
        race = cls(house, sink)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        ready = await stack.enter_async_context(exchange())
        low = {**PRICES, "BTCUSDT": (PRICES["BTCUSDT"] + DOWN) / 2}
        # Reads of the exchange know nothing of these prices, so the level could jump with a read; the value can't.
        worth = assets_at(low)
        rule = f'[[rules]]\nname = "bench"\nscope = "cross"\nseverity = "critical"\nwhen = "assets_usdt < {worth:.8f}"'
        config = configure(folder, ready, market=f"{house.url}/daemon", webhook=sink.url, rules=rule)
        race.processes["daemon"] = await stack.enter_async_context(daemon(config))
        end = (PRICES["BTCUSDT"] + DOWN) / 2
        streams = "/".join(f"{symbol.lower()}@miniTicker" for symbol in PRICES)
        for name, client in CLIENTS.items():
            url = f"{house.url}/{name}/stream?streams={streams}"
            words = ("-m", "benchmarks.prototypes.streaming", client, "raw", url, f"{sink.url}/{name}", f"{end:.2f}")
            race.processes[name] = await stack.enter_async_context(measured_process(*words))
        for name in NAMES:
            await house.until(name)
        for _ in range(20):
            for symbol in PRICES:
                race._send("daemon", symbol, PRICES[symbol])
            await asyncio.sleep(0.1)
        for name in NAMES:
            await race.run_flood(name, 200)
        return race

    async def run_flood(self, name: str, prices: int) -> tuple[float, float]:
        """Prices a second, and the CPU of one in microseconds, from the first sent to the alert about the last."""
        frames = [
            server_frame(ticker_frame(symbol, f"{_next_price(symbol, number):.2f}", _now()))
            for number, symbol in zip(range(prices), itertools.cycle(OTHERS), strict=False)
        ]
        chunks = [b"".join(frames[start : start + CHUNK]) for start in range(0, prices, CHUNK)]
        self._waiting, self._arrived = name, asyncio.Event()
        used, began = self.processes[name].cpu_s, time.perf_counter()
        for chunk in chunks:
            self._house.send(name, chunk)
            await self._house.drained(name)
        self._send(name, "BTCUSDT", DOWN)
        async with asyncio.timeout(60):
            await self._arrived.wait()
        took = time.perf_counter() - began
        cost = (self.processes[name].cpu_s - used) / prices * 1e6
        self._send(name, "BTCUSDT", PRICES["BTCUSDT"])
        await asyncio.sleep(0.3)
        return prices / took, cost

    async def run_paced(self, name: str, span_s: float) -> float:
        """The CPU of one price in microseconds, at a thousand a second."""
        prices = int(span_s * 1000)
        used, due = self.processes[name].cpu_s, time.perf_counter()
        for number in range(prices):
            due += 0.001
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            symbol = OTHERS[number % len(OTHERS)]
            self._send(name, symbol, _next_price(symbol, number))
        await asyncio.sleep(0.05)
        return (self.processes[name].cpu_s - used) / prices * 1e6

    def _send(self, name: str, symbol: str, price: Decimal) -> None:
        self._house.send(name, server_frame(ticker_frame(symbol, f"{price:.4f}", _now())))

    def _take_post(self, post: Post) -> None:
        told: Mapping[str, object] = post.json()
        if post.path == f"/{self._waiting}" and told.get("rule", "bench") == "bench":
            self._arrived.set()


def _next_price(symbol: str, number: int) -> Decimal:
    """A new price at each turn of its symbol, some parts in ten thousand away, as within a second."""
    return PRICES[symbol] * (10_000 + number % 7) / 10_000


def _now() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main(measure, __doc__ or "")

"""G1 to G4: time from a tick of the exchange to the body of the alert at the sink of a webhook channel.

The daemon with the default rules, its database and its outbox, against two bare programs: one with the same libraries
that records the alert durably before it sends it, and one with the fastest library of each kind that records nothing.
One server sends to all three in turns, and all post to one sink.
"""

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from benchmarks.account import PRICES, assets_at, level_at
from benchmarks.exchange import exchange
from benchmarks.process import configure, daemon, measured_process
from benchmarks.report import Finding, Target, finding, main, percentile, ratios
from benchmarks.wire import Post, PriceServer, Webhooks, server_frame, ticker_frame

DOWN = Decimal("0.997")
PROGRAMS = ("daemon", "bare", "limit")
OTHERS = [symbol for symbol in PRICES if symbol != "BTCUSDT"]
POLL_S = 60.0


def measure(quick: bool) -> list[Finding]:
    """Rounds of alerts at rest and under load, the programs in turns."""
    return asyncio.run(_measure(quick))


async def _measure(quick: bool) -> list[Finding]:
    rounds, alerts, loaded = (1, 5, 10) if quick else (5, 60, 250)
    async with contextlib.AsyncExitStack() as stack:
        fair = await AlternatingRun.open(stack)
        calm: dict[str, list[list[float]]] = {name: [] for name in PROGRAMS}
        busy: dict[str, list[list[float]]] = {name: [] for name in PROGRAMS}
        for name in PROGRAMS:
            await fair.series(name, alerts=5, every_s=0.1, ticks_a_second=200)
        for _ in range(rounds):
            for name in PROGRAMS:
                calm[name].append(await fair.series(name, alerts, every_s=0.1, ticks_a_second=200))
            for name in PROGRAMS:
                busy[name].append(await fair.series(name, loaded, every_s=0.02, ticks_a_second=1000))
    return _findings(calm, busy, fair.lost)


def _findings(
    calm: Mapping[str, Sequence[list[float]]], busy: Mapping[str, Sequence[list[float]]], lost: Mapping[str, int]
) -> list[Finding]:
    halves = {name: [percentile(times, 0.5) for times in rounds] for name, rounds in calm.items()}
    tails = {name: [percentile(times, 0.99) for times in rounds] for name, rounds in busy.items()}
    busy_halves = {name: [percentile(times, 0.5) for times in rounds] for name, rounds in busy.items()}
    ours = [1000 * value for value in halves["daemon"]]
    return [
        finding(
            Target("G1", 1.5, 1.2), "tick → alert, p50, ÷ bare with row", "×", ratios(halves["daemon"], halves["bare"])
        ),
        finding(Target("G2", 2, 1.5), "the same, p99 at 1,000 ticks/s", "×", ratios(tails["daemon"], tails["bare"])),
        finding(Target("G2", 10), "p99 at 1,000 ticks/s", "ms", [1000 * value for value in tails["daemon"]]),
        finding(Target("G2"), "p50 at 1,000 ticks/s", "×", ratios(busy_halves["daemon"], busy_halves["bare"])),
        finding(Target("G2"), "alerts overtaken by their end before they left", "", [float(lost["daemon"])]),
        finding(Target("G3", 15, 5), "tick → alert, p50, ÷ the limit", "×", ratios(halves["daemon"], halves["limit"])),
        finding(Target("G3"), "bare with row ÷ the limit", "×", ratios(halves["bare"], halves["limit"])),
        finding(Target("G4", 30, 3), "tick → alert, p50", "ms", ours),
        finding(
            Target("G4", 1000, 10_000, at_least=True),
            "half of a 60 s poll, of the same weight, ÷ ours",
            "×",
            [POLL_S / 2 * 1000 / value for value in ours],
        ),
    ]


class AlternatingRun:
    """The three programs, with prices from one server."""

    def __init__(self, house: PriceServer, sink: Webhooks) -> None:
        self._house = house
        self._sink = sink
        self._numbers = itertools.count(1)
        self._down: dict[str, float] = {}
        self._times: list[tuple[float, float]] = []
        self._clock_error_s = 0.025
        """How much earlier than a tick an alert may seem to fire: the daemon estimates the exchange's time."""
        self._found: list[float] = []
        self._name = ""
        self._wanted = 0
        self._all = asyncio.Event()
        self.lost = dict.fromkeys(PROGRAMS, 0)
        sink.heard = self._take_post

    @classmethod
    async def open(
        cls, stack: contextlib.AsyncExitStack, programs: Sequence[str] = PROGRAMS, listen: str = ""
    ) -> "AlternatingRun":
        """The run with these programs started and connected; the daemon's web server at `listen`."""
        house, sink = PriceServer(), Webhooks()
        await house.start()
        await sink.start()
        stack.push_async_callback(house.stop)
        stack.push_async_callback(sink.stop)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-")))
        ready = await stack.enter_async_context(exchange())
        low = {**PRICES, "BTCUSDT": PRICES["BTCUSDT"] * (1 + DOWN) / 2}
        bar = level_at(low)
        # Reads of the exchange know nothing of these prices, so the level could jump with a read; the value can't.
        worth = assets_at(low)
        rule = f'[[rules]]\nname = "bench"\nscope = "cross"\nseverity = "critical"\nwhen = "assets_usdt < {worth:.8f}"'
        config = configure(folder, ready, market=f"{house.url}/daemon", webhook=sink.url, rules=rule, listen=listen)
        await stack.enter_async_context(daemon(config))
        streams = "/".join(f"{symbol.lower()}@miniTicker" for symbol in PRICES)
        prototype = "benchmarks.prototypes.streaming"
        for name, client, sender, database in (
            ("bare", "websockets", "httpx", (f"{folder}/bare.db",)),
            ("limit", "picows", "raw", ()),
        ):
            if name not in programs:
                continue
            url = f"{house.url}/{name}/stream?streams={streams}"
            words = ("-m", prototype, client, sender, url, f"{sink.url}/{name}", f"{bar:.8f}", *database)
            await stack.enter_async_context(measured_process(*words))
        fair = cls(house, sink)
        for name in programs:
            await house.until(name)
        await fair._until_live()
        return fair

    async def series(self, name: str, alerts: int, *, every_s: float, ticks_a_second: int) -> list[float]:
        """The seconds from each tick that crossed the threshold to the body at the sink."""
        self._name, self._found, self._times, self._down = name, [], [], {}
        self._wanted, self._all = alerts, asyncio.Event()
        self._clock_error_s = every_s / 4
        turn = every_s / 2
        ticks = max(1, int(ticks_a_second * turn) - 1)
        due = time.perf_counter()
        for _ in range(alerts):
            self._cross()
            due = await self._others(ticks, due, turn)
            self._send("BTCUSDT", PRICES["BTCUSDT"])
            due = await self._others(ticks, due, turn)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await self._all.wait()
        self.lost[name] += alerts - len(self._found)
        if not self._found:
            raise RuntimeError(f"{name} told nothing")
        return self._found

    def _cross(self) -> None:
        price = PRICES["BTCUSDT"] * DOWN - Decimal(next(self._numbers) % 1000) / 100
        frame = server_frame(ticker_frame("BTCUSDT", f"{price:.2f}", time.time_ns() // 1_000_000))
        wall, now = time.time(), time.perf_counter()
        self._house.send(self._name, frame)
        self._down[f"{price:.2f}"] = now
        self._times.append((wall, now))

    def _send(self, symbol: str, price: Decimal) -> None:
        frame = ticker_frame(symbol, f"{price:.2f}", time.time_ns() // 1_000_000)
        self._house.send(self._name, server_frame(frame))

    async def _others(self, ticks: int, due: float, span_s: float) -> float:
        """Send prices of the other assets, evenly over the span; returns its end."""
        for symbol in _price_cycle(ticks):
            due += span_s / ticks
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            self._send(symbol, PRICES[symbol])
        return due

    def _take_post(self, post: Post) -> None:
        told = post.json()
        if post.path != f"/{self._name}":
            return
        if self._name != "daemon":
            self._found.append(post.at - self._down[told["price"]])
        elif told["rule"] == "bench" and told["reason"] == "fired":
            fired = datetime.fromisoformat(told["fired_at"]).timestamp()
            self._found.append(post.at - [now for wall, now in self._times if wall <= fired + self._clock_error_s][-1])
        if len(self._found) >= self._wanted:
            self._all.set()

    async def _until_live(self) -> None:
        """Wait until the daemon revalues: it has read the account at prices that it knows."""
        self._name = "daemon"
        # The account is read once more when prices are first known: at these, so that nothing has changed since.
        for _ in range(15):
            for symbol in PRICES:
                self._send(symbol, PRICES[symbol])
            await asyncio.sleep(0.1)
        for _ in range(100):
            self._cross()
            await asyncio.sleep(0.1)
            self._send("BTCUSDT", PRICES["BTCUSDT"])
            await asyncio.sleep(0.1)
            if self._found:
                return
        raise RuntimeError("the daemon told nothing within twenty seconds")


def _price_cycle(ticks: int) -> Iterator[str]:
    return itertools.islice(itertools.cycle(OTHERS), ticks)


if __name__ == "__main__":
    main(measure, __doc__ or "")

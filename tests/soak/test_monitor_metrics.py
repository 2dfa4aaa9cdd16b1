"""What the daemon says of its own sight, at every moment of a run of faults, against what the exchange really did."""

import asyncio
import math
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.clock import SystemClock
from monitor.core.metrics.snapshot import MONITOR_SUBJECT, measure_subject
from monitor.runtime.daemon import Daemon
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.server import Sandbox
from monitor.sandbox.streams.connection import ClientConnection
from tests.soak.streams import STREAMS, guarded_daemon
from tests.support.sandbox import sandbox

OBSERVE_EVERY_S = 0.04
PING_S = 0.5

FRESHER_S = 0.4
"""By so much at most a figure may be younger than the truth: what was sent is known here a little after it left."""

OLDER_S = 2.0
"""By so much at most it may be older: life is told once a second, and the machine is busy."""

CLAIMS_LATE_S = 1.5
"""So long a lost stream may count as connected, or one that is whole again as lost."""

UNDER_WAY_S = 0.5
"""So long at most what was answered is on its way to the figures."""

READS = {"/sapi/v1/margin/account", "/sapi/v1/margin/isolated/account"}
DAY_S = 24 * 3600.0

RUN: tuple[tuple[float, tuple[Fault, ...]], ...] = (
    *((2.0, (Fault("drop", stream=stream),)) for stream in STREAMS),
    (5.0, (Fault("half_open", stream="risk", seconds=DAY_S),)),
    (5.0, (Fault("half_open", stream="market", seconds=DAY_S),)),
    (5.0, (Fault("mute", stream="market", seconds=DAY_S),)),
    (3.0, (Fault("refuse", stream="account"), Fault("drop", stream="account"))),
    (3.0, (Fault("refuse", stream="market"), Fault("drop", stream="market"))),
    (2.0, (Fault("shutdown", stream="market"),)),
    (2.0, (Fault("terminate", stream="account"),)),
    (1.5, (Fault("expire", stream="risk"),)),
    (3.5, (Fault("status", path="/sapi/v1/margin/*", status=503, count=0),)),
)
"""What befalls, and for how long before all goes right again."""


@dataclass(slots=True)
class ObservedTruth:
    """What the exchange did, as far as it shows: newest sendings by stream, and since when all or not all stand."""

    box: Sandbox
    wrote_at: dict[str, float] = field(default_factory=dict)
    ended_at: dict[str, float] = field(default_factory=dict)
    told_at: float = 0.0
    told_before: float = 0.0
    seen: dict[int, ClientConnection] = field(default_factory=dict)
    all_stand_since: float | None = None
    one_lacks_since: float | None = None
    dropped_at: float = 0.0

    def observe(self, now: float) -> None:
        """Note what has changed until now."""
        for one in self.box.connections:
            self.seen.setdefault(one.number, one)
        for one in self.seen.values():
            is_market = one.stream == "market"
            # A market stream lives by its prices alone, whatever else it sends.
            wrote_at, ended_at = (one.unsolicited_at, 0.0) if is_market else (one.wrote_at, one.ended_at)
            self.wrote_at[one.stream] = max(self.wrote_at.get(one.stream, 0.0), wrote_at)
            self.ended_at[one.stream] = max(self.ended_at.get(one.stream, 0.0), ended_at)
            if is_market and one.unsolicited_at > self.told_at:
                self.told_before, self.told_at = self.told_at, one.unsolicited_at
        lines = {connection.stream: connection for connection in self.box.connections if not connection.silent}
        subscribed = getattr(lines.get("account"), "subscriptions", {})
        stand = set(lines) == set(STREAMS) and len(subscribed) == 2
        open_at_all = {connection.stream for connection in self.box.connections} == set(STREAMS)
        self.all_stand_since = (self.all_stand_since or now) if stand else None
        self.one_lacks_since = None if open_at_all else (self.one_lacks_since or now)

    def age_of(self, path: str, under_way_s: float = 0.0) -> float:
        """Seconds since a read was last answered well, without answers that may be under way; infinite for none."""
        now = self.box.timeline.now_ms()
        answered = (
            request.at for request in reversed(self.box.requests) if request.path == path and request.status == 200
        )
        return next((age for at in answered if (age := (now - at) / 1000) >= under_way_s), math.inf)

    def price_age(self, now: float, under_way_s: float = 0.0) -> float:
        """Since when no price is known to be true: the stream's, without one that may be under way."""
        is_under_way = now - self.told_at < under_way_s
        return now - (self.told_before if is_under_way else self.told_at)

    def last_frame_at(self, stream: str) -> float:
        """When the stream was last heard at best: the answer to a farewell may count as a sign of life."""
        return max(self.wrote_at[stream], self.ended_at[stream])


def untrue_figures(figures: dict[str, Decimal], truth: ObservedTruth, now: float) -> list[str]:
    """The figures that differ from the truth by more than the stated bounds."""
    bounds = {
        "data_age": (min(map(truth.age_of, READS)), max(truth.age_of(path, UNDER_WAY_S) for path in READS)),
        "price_age": (truth.price_age(now), truth.price_age(now, UNDER_WAY_S)),
        "stream_silence": (
            now - min(truth.last_frame_at(stream) for stream in STREAMS),
            max(truth.price_age(now, UNDER_WAY_S), now - min(truth.wrote_at[stream] for stream in STREAMS)),
        ),
    }
    found = [
        f"{name} {figures[name]:.2f}, in truth {least:.2f} to {most:.2f}"
        for name, (least, most) in bounds.items()
        if not least - FRESHER_S <= float(figures[name]) <= most + OLDER_S
    ]
    if figures["stream_connected"] and truth.one_lacks_since and now - truth.one_lacks_since > CLAIMS_LATE_S:
        found.append(f"stream_connected 1, but one is gone for {now - truth.one_lacks_since:.2f} s")
    if not figures["stream_connected"] and truth.all_stand_since and now - truth.all_stand_since > CLAIMS_LATE_S:
        found.append(f"stream_connected 0, but all stand for {now - truth.all_stand_since:.2f} s")
    return found


@pytest.mark.slow
async def test_monitor_metrics_are_true_at_every_moment_under_faults(tmp_path: Path) -> None:
    async with sandbox(ping_every_s=PING_S) as running:
        box = running.sandbox
        clock = SystemClock(calm_scenario().start, 1.0, anchor=running.ready.timeline.anchor)
        async with guarded_daemon(tmp_path, running.ready, clock, polled_every="2s") as daemon:
            truth = ObservedTruth(box)
            await _are_all_streams_up(daemon, truth)
            found: list[str] = []
            seen = 0
            for lasts_s, faults in RUN:
                for fault in faults:
                    box.add_fault(fault)
                start = time.monotonic()
                mended = False
                while not mended or time.monotonic() - start < lasts_s + 1:
                    await asyncio.sleep(OBSERVE_EVERY_S)
                    now = time.monotonic()
                    truth.observe(now)
                    wrong = untrue_figures(_figures(daemon, clock), truth, now)
                    found += [f"{faults[0].stream} {faults[0].what} +{now - start:.2f} s: {one}" for one in wrong]
                    seen += 1
                    if not mended and now - start > lasts_s:
                        box.clear_faults()
                        mended = True
                await _are_all_streams_up(daemon, truth)
    assert seen > 500
    assert not found, "\n".join([f"{len(found)} of {seen}", *found[:20]])


async def _are_all_streams_up(daemon: Daemon, truth: ObservedTruth) -> None:
    async with asyncio.timeout(20):
        while True:
            truth.observe(time.monotonic())
            state = daemon.account_states().get("main")
            streams = state.streams if state is not None else {}
            up = len(streams) == len(STREAMS) and all(one.connected for one in streams.values())
            if up and truth.all_stand_since is not None and state is not None and state.cross and state.isolated:
                return
            await asyncio.sleep(OBSERVE_EVERY_S)


def _figures(daemon: Daemon, clock: SystemClock) -> dict[str, Decimal]:
    shown = measure_subject(daemon.account_states()["main"], daemon.settings("main"), MONITOR_SUBJECT, clock.now())
    return {name: value for name, value in shown.values.items() if isinstance(value, Decimal)}

"""How old the daemon's knowledge is and which streams stand: what it says of itself is true at every moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.metrics.snapshot import MONITOR, figures_of
from monitor.sandbox.faults import Fault
from monitor.sandbox.server import Sandbox
from tests.support.daemon import Here, clock_of, daemon_here, eventually, write_config
from tests.support.sandbox import sandbox

PING_S = 0.5
SLACK = Decimal(2)
"""Seconds by which a figure may differ from the truth: a frame a second, a ping each half, and a busy machine."""

WATCHED_S = 3.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The figures of one moment, and the machine's time then."""

    at: float
    figures: dict[str, Decimal]


def look(here: Here) -> Seen:
    """What the daemon says of itself now."""
    figures = figures_of(here.state(), here.daemon.settings("main"), MONITOR, here.clock.now())
    return Seen(time.monotonic(), {k: v for k, v in figures.values.items() if isinstance(v, Decimal)})


async def watch(here: Here, until: Callable[[Seen], bool], within_s: float = 20) -> list[Seen]:
    """Looks again and again until it holds."""
    seen: list[Seen] = []

    async def holds() -> bool:
        seen.append(look(here))
        return until(seen[-1])

    await eventually(holds, within_s)
    return seen


async def seeing(here: Here) -> None:
    """Returns once everything stands and is fresh."""
    await here.until(
        lambda s: len(s.streams) == 3 and all(one.connected for one in s.streams.values()) and s.cross and s.isolated
    )
    await watch(here, lambda seen: max(seen.figures[name] for name in ("data_age", "price_age", "stream_silence")) < 2)


async def grows(here: Here, box: Sandbox, metric: str, *faults: Fault) -> list[Seen]:
    """The figure from the moment of the faults on: it must tell how long ago that was."""
    start = time.monotonic()
    for fault in faults:
        box.add_fault(fault)
    seen = await watch(here, lambda one: one.at - start > WATCHED_S)
    for one in seen:
        truth = Decimal(one.at - start)
        assert truth - Decimal("0.2") <= one.figures[metric] <= truth + SLACK, (metric, one)
    return seen


@pytest.mark.slow
async def test_silence_is_told_from_its_first_second_while_the_socket_still_stands(tmp_path: Path) -> None:
    async with (
        sandbox(ping_every_s=PING_S) as box,
        daemon_here(write_config(tmp_path, box.ready), clock_of(box.sandbox)) as here,
    ):
        await seeing(here)
        seen = await grows(here, box.sandbox, "stream_silence", Fault("half_open", stream="risk"))
        assert all(one.figures["stream_connected"] == 1 for one in seen)
        box.sandbox.clear_faults()
        await watch(here, lambda one: one.figures["stream_silence"] < SLACK)


@pytest.mark.slow
async def test_age_of_prices_counts_from_the_last_one_though_pings_and_polls_go_on(tmp_path: Path) -> None:
    async with (
        sandbox(ping_every_s=PING_S) as box,
        daemon_here(write_config(tmp_path, box.ready), clock_of(box.sandbox)) as here,
    ):
        await seeing(here)
        seen = await grows(here, box.sandbox, "price_age", Fault("mute", stream="market", seconds=3600))
        # A market stream that brings no price is silent, whatever it pings.
        assert seen[-1].figures["stream_silence"] > SLACK
        assert all(one.figures["data_age"] < SLACK * 2 for one in seen)
        # Ten seconds without a price of the busiest symbol: another connection, and prices again.
        await watch(here, lambda one: one.figures["price_age"] < SLACK, 30)


@pytest.mark.slow
async def test_age_of_figures_counts_from_the_last_snapshot_though_streams_stand(tmp_path: Path) -> None:
    async with (
        sandbox(ping_every_s=PING_S) as box,
        daemon_here(write_config(tmp_path, box.ready), clock_of(box.sandbox)) as here,
    ):
        await seeing(here)
        down = Fault("status", path="/sapi/v1/margin/account", status=503, count=0)
        seen = await grows(here, box.sandbox, "data_age", down)
        assert all(one.figures["stream_connected"] == 1 for one in seen)
        box.sandbox.clear_faults()
        await watch(here, lambda one: one.figures["data_age"] < SLACK)


@pytest.mark.slow
async def test_streams_are_connected_only_while_all_of_them_stand(tmp_path: Path) -> None:
    async with (
        sandbox(ping_every_s=PING_S) as box,
        daemon_here(write_config(tmp_path, box.ready), clock_of(box.sandbox)) as here,
    ):
        await seeing(here)
        for stream in ("account", "market", "risk"):
            box.sandbox.add_fault(Fault("refuse", stream=stream))
            box.sandbox.add_fault(Fault("drop", stream=stream))
            await watch(here, lambda one: one.figures["stream_connected"] == 0, 2)
            down = await watch(here, _lasts(1.0))
            assert all(one.figures["stream_connected"] == 0 for one in down)
            box.sandbox.clear_faults()
            await watch(here, lambda one: one.figures["stream_connected"] == 1)
            assert {one.stream for one in box.sandbox.connections} == {"account", "market", "risk"}


async def test_streams_stay_connected_through_a_planned_change_of_connections(tmp_path: Path) -> None:
    async with (
        sandbox(ping_every_s=PING_S) as box,
        daemon_here(write_config(tmp_path, box.ready), clock_of(box.sandbox)) as here,
    ):
        await seeing(here)
        before = {one.number for one in box.sandbox.connections}
        for one in box.sandbox.connections:
            # As an exchange does that gives time; the sandbox's own shutdown cuts at once.
            one.send('{"event":{"e":"serverShutdown","E":1770123456789}}')
        seen = await watch(here, lambda _: len({one.number for one in box.sandbox.connections} - before) == 3)
        seen += await watch(here, _lasts(1.0))
        assert all(one.figures["stream_connected"] == 1 for one in seen)
        assert all(one.figures["stream_silence"] < SLACK * 2 for one in seen)


def _lasts(seconds: float) -> Callable[[Seen], bool]:
    end = time.monotonic() + seconds
    return lambda one: one.at > end

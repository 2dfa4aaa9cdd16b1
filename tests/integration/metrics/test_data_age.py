"""How old the daemon's knowledge is and which streams stand: what it says of itself is true at every moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.metrics.snapshot import MONITOR_SUBJECT, measure_subject
from monitor.sandbox.faults import Fault
from monitor.sandbox.server import Sandbox
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox

PING_S = 0.5
SLACK = Decimal(2)
"""Seconds by which a figure may differ from the truth: a frame a second, a ping each half, and a busy machine."""

WATCHED_S = 3.0


@dataclass(frozen=True, slots=True)
class MonitorFigures:
    """The figures of one moment, and the machine's time then."""

    at: float
    figures: dict[str, Decimal]


def read_figures(here: InProcessDaemon) -> MonitorFigures:
    """What the daemon says of itself now."""
    figures = measure_subject(here.state(), here.daemon.settings("main"), MONITOR_SUBJECT, here.clock.now())
    return MonitorFigures(time.monotonic(), {k: v for k, v in figures.values.items() if isinstance(v, Decimal)})


async def watch_figures(
    here: InProcessDaemon, until: Callable[[MonitorFigures], bool], within_s: float = 20
) -> list[MonitorFigures]:
    """Looks again and again until it holds."""
    seen: list[MonitorFigures] = []

    async def holds() -> bool:
        seen.append(read_figures(here))
        return until(seen[-1])

    await eventually(holds, within_s)
    return seen


async def wait_until_fresh(here: InProcessDaemon) -> None:
    """Returns once everything stands and is fresh."""
    await here.wait_for_state(
        lambda s: (
            len(s.streams) == 3 and all(stream.connected for stream in s.streams.values()) and s.cross and s.isolated
        )
    )
    await watch_figures(
        here, lambda seen: max(seen.figures[name] for name in ("data_age", "price_age", "stream_silence")) < 2
    )


async def check_age_grows(here: InProcessDaemon, box: Sandbox, metric: str, *faults: Fault) -> list[MonitorFigures]:
    """The figure from the moment of the faults on: it must tell how long ago that was."""
    start = time.monotonic()
    for fault in faults:
        box.add_fault(fault)
    seen = await watch_figures(here, lambda one: one.at - start > WATCHED_S)
    for one in seen:
        truth = Decimal(one.at - start)
        assert truth - Decimal("0.2") <= one.figures[metric] <= truth + SLACK, (metric, one)
    return seen


@pytest.mark.slow
async def test_stream_silence_counts_from_its_first_second(tmp_path: Path) -> None:
    async with (
        sandbox(ping_every_s=PING_S) as box,
        in_process_daemon(write_config(tmp_path, box.ready), clock_of(box.sandbox)) as here,
    ):
        await wait_until_fresh(here)
        seen = await check_age_grows(here, box.sandbox, "stream_silence", Fault("half_open", stream="risk"))
        assert all(one.figures["stream_connected"] == 1 for one in seen)
        box.sandbox.clear_faults()
        await watch_figures(here, lambda one: one.figures["stream_silence"] < SLACK)


@pytest.mark.slow
async def test_price_age_counts_from_the_last_price_despite_pings_and_polls(tmp_path: Path) -> None:
    async with (
        sandbox(ping_every_s=PING_S) as box,
        in_process_daemon(write_config(tmp_path, box.ready), clock_of(box.sandbox)) as here,
    ):
        await wait_until_fresh(here)
        seen = await check_age_grows(here, box.sandbox, "price_age", Fault("mute", stream="market", seconds=3600))
        # A market stream that brings no price is silent, whatever it pings.
        assert seen[-1].figures["stream_silence"] > SLACK
        assert all(one.figures["data_age"] < SLACK * 2 for one in seen)
        # Ten seconds without a price of the busiest symbol: another connection, and prices again.
        await watch_figures(here, lambda one: one.figures["price_age"] < SLACK, 30)


@pytest.mark.slow
async def test_data_age_counts_from_the_last_snapshot_despite_streams(tmp_path: Path) -> None:
    async with (
        sandbox(ping_every_s=PING_S) as box,
        in_process_daemon(write_config(tmp_path, box.ready), clock_of(box.sandbox)) as here,
    ):
        await wait_until_fresh(here)
        down = Fault("status", path="/sapi/v1/margin/account", status=503, count=0)
        seen = await check_age_grows(here, box.sandbox, "data_age", down)
        assert all(one.figures["stream_connected"] == 1 for one in seen)
        box.sandbox.clear_faults()
        await watch_figures(here, lambda one: one.figures["data_age"] < SLACK)


@pytest.mark.slow
async def test_streams_connected_only_while_all_are_up(tmp_path: Path) -> None:
    async with (
        sandbox(ping_every_s=PING_S) as box,
        in_process_daemon(write_config(tmp_path, box.ready), clock_of(box.sandbox)) as here,
    ):
        await wait_until_fresh(here)
        for stream in ("account", "market", "risk"):
            box.sandbox.add_fault(Fault("refuse", stream=stream))
            box.sandbox.add_fault(Fault("drop", stream=stream))
            await watch_figures(here, lambda one: one.figures["stream_connected"] == 0, 2)
            down = await watch_figures(here, _holds_for(1.0))
            assert all(one.figures["stream_connected"] == 0 for one in down)
            box.sandbox.clear_faults()
            await watch_figures(here, lambda one: one.figures["stream_connected"] == 1)
            assert {connection.stream for connection in box.sandbox.connections} == {"account", "market", "risk"}


async def test_streams_stay_connected_through_a_planned_reconnect(tmp_path: Path) -> None:
    async with (
        sandbox(ping_every_s=PING_S) as box,
        in_process_daemon(write_config(tmp_path, box.ready), clock_of(box.sandbox)) as here,
    ):
        await wait_until_fresh(here)
        before = {connection.number for connection in box.sandbox.connections}
        for one in box.sandbox.connections:
            # As an exchange does that gives time; the sandbox's own shutdown cuts at once.
            one.send('{"event":{"e":"serverShutdown","E":1770123456789}}')
        seen = await watch_figures(
            here, lambda _: len({connection.number for connection in box.sandbox.connections} - before) == 3
        )
        seen += await watch_figures(here, _holds_for(1.0))
        assert all(one.figures["stream_connected"] == 1 for one in seen)
        assert all(one.figures["stream_silence"] < SLACK * 2 for one in seen)


def _holds_for(seconds: float) -> Callable[[MonitorFigures], bool]:
    end = time.monotonic() + seconds
    return lambda one: one.at > end

"""The end of a daemon, and the change to another at a reload: nothing of it goes unreported."""

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.clock import MachineClock, SystemClock
from monitor.sandbox.faults import Fault
from tests.integration.alerting.test_alerting import about, heads
from tests.support.daemon import eventually, in_process_daemon, in_process_run, starting_now, write_config
from tests.support.database_lock import locked_database
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

TIME = "/api/v3/time"
AWAY_S = 600.0


class SleepyMachine(MachineClock):
    """This machine, as if it had slept for `slept_s` seconds as well."""

    slept_s = 0.0

    def wall_s(self) -> float:
        return super().wall_s() + self.slept_s

    def steady_s(self) -> float:
        return super().steady_s() + self.slept_s


def jumps(sink: HttpSink) -> list[str]:
    return [text for one in list(sink.received) if "was suspended" in (text := str(one.json()["text"]))]


async def test_suspend_during_a_reload_is_reported_once(tmp_path: Path) -> None:
    machine = SleepyMachine()
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_run(config, SystemClock(machine=machine)) as turn:
                await eventually(lambda: _is(turn.daemon is not None and turn.daemon.is_ready))
                first = turn.daemon
                # The new daemon asks for the time before it watches anything.
                box.sandbox.add_fault(Fault("delay", path=TIME, count=0, seconds=30))
                turn.reload()
                await eventually(lambda: _is(turn.daemon is not first))
                machine.slept_s += AWAY_S
                box.sandbox.timeline.advance(AWAY_S)
                box.sandbox.clear_faults()
                await eventually(lambda: _is(turn.daemon is not None and turn.daemon.is_ready))
                await eventually(lambda: _is(jumps(sink)))
    assert len(jumps(sink)) == 1
    assert "10 min forward" in jumps(sink)[0]


async def test_suspend_found_right_before_a_stop_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    machine = SleepyMachine()
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config, SystemClock(machine=machine)) as here:
                await here.wait_for_state(lambda state: state.cross is not None)
                with locked_database(f"sqlite:///{tmp_path}/monitor.db"):
                    machine.slept_s += AWAY_S
                    box.sandbox.timeline.advance(AWAY_S)
                    await eventually(lambda: _is("clock.jumped kind='suspend'" in caplog.text))
                    here.daemon.stop()
                    # The watch of the clocks waits for the database when it is ended.
                    await eventually(lambda: _is(_ends("clock")))
                await asyncio.wait_for(here.task, 60)
    assert len(jumps(sink)) == 1


async def test_alert_decided_while_stopping_is_sent_before_the_end(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/monitor.db"
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                with contextlib.ExitStack() as locked:
                    locked.enter_context(locked_database(url))
                    box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))
                    await here.wait_for_state(lambda state: any(key.rule == "near-call" for key in state.alerts))
                    here.daemon.stop()
                    # The channels had their time for what waited; the account waits for the database, or gave it up.
                    await eventually(lambda: _is(_ends("account main")))
                await asyncio.wait_for(here.task, 60)
    assert "FIRING near-call" in heads(about(sink.received))


async def _is(claim: object) -> bool:
    return bool(claim)


def _ends(task: str) -> bool:
    """Whether the task is being cancelled, or has ended already."""
    return all(found.cancelling() for found in asyncio.all_tasks() if found.get_name() == task)

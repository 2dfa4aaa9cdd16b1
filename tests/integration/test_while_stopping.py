"""What happens while a daemon ends, or gives way to another at a reload: nothing of it goes unsaid."""

from pathlib import Path

from monitor.clock import Machine, SystemClock
from monitor.sandbox.faults import Fault
from tests.support.daemon import eventually, starting_now, turn_here, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

TIME = "/api/v3/time"
AWAY_S = 600.0


class SleepyMachine(Machine):
    """This machine, as if it had slept for `slept_s` besides."""

    slept_s = 0.0

    def wall_s(self) -> float:
        return super().wall_s() + self.slept_s

    def steady_s(self) -> float:
        return super().steady_s() + self.slept_s


def jumps(sink: HttpSink) -> list[str]:
    return [text for one in list(sink.received) if "was suspended" in (text := str(one.json()["text"]))]


async def test_a_machine_that_sleeps_during_a_reload_is_told_once(tmp_path: Path) -> None:
    machine = SleepyMachine()
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with turn_here(config, SystemClock(machine=machine)) as turn:
                await eventually(lambda: _is(turn.daemon is not None and turn.daemon.has_stood))
                first = turn.daemon
                # The new daemon asks for the time before it watches anything.
                box.sandbox.add_fault(Fault("delay", path=TIME, count=0, seconds=30))
                turn.reload()
                await eventually(lambda: _is(turn.daemon is not first))
                machine.slept_s += AWAY_S
                box.sandbox.timeline.advance(AWAY_S)
                box.sandbox.clear_faults()
                await eventually(lambda: _is(turn.daemon is not None and turn.daemon.has_stood))
                await eventually(lambda: _is(jumps(sink)))
    assert len(jumps(sink)) == 1
    assert "10 min forward" in jumps(sink)[0]


async def _is(claim: object) -> bool:
    return bool(claim)

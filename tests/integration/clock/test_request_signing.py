"""A local clock that is set, or a machine that slept, spoils no signature."""

import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from monitor.clock import MachineClock, SystemClock
from monitor.core.model.account import CROSS
from monitor.core.model.order import Accepted, Repay
from monitor.errors import PayloadRejected
from monitor.exchange.binance.factory import create_account
from monitor.sandbox.faults import Fault
from tests.support.clocks.manual_clock import ManualClock
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox, credentials_of, hosts_of

TIME = "/api/v3/time"
ACCOUNT = "/sapi/v1/margin/account"
START = datetime(2026, 3, 2, 12, tzinfo=UTC)


class SettableMachine(MachineClock):
    """The machine's clocks when somebody sets the wall clock, or when a virtual machine stood still unnoticed."""

    wall_shift_s = 0.0
    steady_shift_s = 0.0

    def wall_s(self) -> float:
        return super().wall_s() + self.wall_shift_s

    def steady_s(self) -> float:
        return super().steady_s() + self.steady_shift_s


def connected(w: ConnectedSandbox, machine: MachineClock) -> ConnectedSandbox:
    clock = SystemClock(w.sandbox.scenario.start, anchor=w.ready.timeline.anchor, machine=machine)
    account = create_account(name="main", base_urls=hosts_of(w.ready), credentials=credentials_of(w.ready), clock=clock)
    return ConnectedSandbox(w.sandbox, w.ready, clock, account)


@pytest.mark.parametrize("hours", [-24, 24])
async def test_wall_clock_change_does_not_break_signatures(hours: int) -> None:
    async with connected_sandbox() as w:
        machine = SettableMachine()
        mine = connected(w, machine)
        await mine.account.sync_clock()
        measured = len(w.requests(TIME))
        machine.wall_shift_s = hours * 3600.0
        before = (await mine.account.read_cross()).as_of
        assert isinstance(await mine.account.execute(Repay(CROSS, "USDT", Decimal(5))), Accepted)
        await mine.account.aclose()
        assert [one.status for one in w.requests(ACCOUNT)] == [200]
        assert len(w.requests(TIME)) == measured
        assert abs(before - w.clock.now()) < timedelta(seconds=30)
        assert mine.clock.offset is not None
        assert abs(mine.clock.offset + timedelta(hours=hours)) < timedelta(seconds=1)


async def test_read_after_a_distrusted_time_is_signed_with_a_new_measurement() -> None:
    async with connected_sandbox() as w:
        machine = SettableMachine()
        mine = connected(w, machine)
        await mine.account.sync_clock()
        machine.steady_shift_s = -300
        mine.clock.invalidate()
        await mine.account.read_cross()
        await mine.account.aclose()
        assert [one.status for one in w.requests(ACCOUNT)] == [200]
        assert round(mine.clock.corrected_s) == 300


async def test_steady_clock_is_used_while_server_time_is_unavailable() -> None:
    async with connected_sandbox() as w:
        machine = SettableMachine()
        mine = connected(w, machine)
        await mine.account.sync_clock()
        machine.wall_shift_s = -300
        mine.clock.invalidate()
        w.sandbox.add_fault(Fault(what="status", path=TIME, status=400, code=-1100, count=0))
        assert (await mine.account.read_cross()).balances
        assert isinstance(await mine.account.execute(Repay(CROSS, "USDT", Decimal(5))), Accepted)
        await mine.account.aclose()


@pytest.mark.parametrize(("minutes", "missed"), [(9, True), (11, False)])
async def test_missing_rows_are_tolerated_after_ten_minutes(minutes: int, missed: bool) -> None:
    async with connected_sandbox() as w:
        machine = SettableMachine()
        mine = connected(w, machine)
        await mine.account.sync_clock()
        await mine.account.read_cross()
        w.sandbox.add_fault(Fault(what="malformed", form="missing_rows", path=ACCOUNT))
        machine.steady_shift_s = minutes * 60.0
        mine.clock.invalidate()
        with pytest.raises(PayloadRejected, match="lacks rows") if missed else contextlib.nullcontext():
            assert (await mine.account.read_cross()).balances
        await mine.account.aclose()


async def test_slow_first_answer_does_not_spoil_the_offset() -> None:
    async with connected_sandbox() as w:
        w.sandbox.add_fault(Fault(what="delay", path=TIME, seconds=0.4))
        offset = await w.account.sync_clock()
        # Half of the slow round trip is 200 ms.
        assert abs(offset) < timedelta(milliseconds=190)
        assert w.clock.offset is not None and abs(w.clock.offset) < timedelta(milliseconds=190)
        assert len(w.requests(TIME)) > 1


async def test_slow_answer_does_not_replace_a_better_offset() -> None:
    async with connected_sandbox() as w:
        await w.account.sync_clock()
        known_s = w.clock.corrected_s
        asked = len(w.requests(TIME))
        w.sandbox.add_fault(Fault(what="delay", path=TIME, seconds=0.4))
        await w.account.sync_clock()
        assert len(w.requests(TIME)) == asked + 1
        assert w.clock.corrected_s == known_s


async def test_five_measurements_are_the_most_that_a_start_makes() -> None:
    async with connected_sandbox() as w:
        w.sandbox.add_fault(Fault(what="delay", path=TIME, seconds=0.06, count=0))
        await w.account.sync_clock()
        assert len(w.requests(TIME)) == 5


async def test_measured_offset_survives_a_failed_measurement() -> None:
    async with connected_sandbox() as w:
        w.sandbox.add_fault(Fault(what="delay", path=TIME, seconds=0.06))
        w.sandbox.add_fault(Fault(what="status", path=TIME, status=400, code=-1100, count=0))
        await w.account.sync_clock()
        assert w.clock.offset is not None


class MeasuredClock:
    """Measurements of a server `ahead_s` of a clock that is moved by hand."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.ahead_s = 0.0

    def measure(self, there_ms: int, back_ms: int) -> int:
        """The milliseconds by which the clock is ahead of steady time after a measurement."""
        sent_s = self.clock.elapsed_s()
        self.clock.advance(there_ms / 1000)
        server = START + timedelta(seconds=self.clock.elapsed_s() + self.ahead_s)
        self.clock.advance(back_ms / 1000)
        self.clock.record_measurement(server, sent_s, self.clock.elapsed_s())
        ahead = self.clock.moment_of(self.clock.elapsed_s()) - START - timedelta(seconds=self.clock.elapsed_s())
        return round(ahead / timedelta(milliseconds=1))


def test_a_shorter_round_trip_replaces_a_longer_one() -> None:
    m = MeasuredClock()
    # Answered at once after 300 ms on the way: the midpoint is 150 ms too early.
    assert m.measure(300, 0) == 150
    assert m.measure(30, 10) == 10
    assert m.measure(300, 0) == 10


def test_uncertainty_of_the_time_grows_with_its_age() -> None:
    m = MeasuredClock()
    assert m.measure(20, 20) == 0
    m.clock.advance(600)
    # 20 ms and a ten thousandth of 600 s: known to 80 ms, not to 100.
    assert m.measure(200, 0) == 0
    m.clock.advance(300)
    assert m.measure(200, 0) == 100


def test_contradicting_measurement_replaces_the_time() -> None:
    m = MeasuredClock()
    assert m.measure(20, 20) == 0
    m.ahead_s = 3600
    assert m.measure(200, 200) == 3_600_000


def test_distrusted_time_is_replaced_by_the_next_measurement() -> None:
    m = MeasuredClock()
    assert m.measure(20, 20) == 0
    m.clock.invalidate()
    assert m.measure(200, 0) == 100

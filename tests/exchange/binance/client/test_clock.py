"""A local clock that is set, or a machine that slept, spoils no signature."""

import contextlib
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from monitor.clock import ManualClock, SystemClock
from monitor.core.account import CROSS
from monitor.core.intents import Accepted, Refused, Repay
from monitor.errors import PayloadRejected
from monitor.exchange.binance.client.venue_time import VenueTime
from monitor.exchange.binance.connecting import connect
from monitor.sandbox.faults import Fault
from tests.exchange.binance.world import World, credentials_of, hosts_of, world

TIME = "/api/v3/time"
ACCOUNT = "/sapi/v1/margin/account"


class SettableClock(SystemClock):
    """The machine's clock as it is when somebody sets it."""

    shift = timedelta()

    def now(self) -> datetime:
        return super().now() + self.shift


def connected(w: World, clock: SettableClock) -> World:
    account = connect(name="main", hosts=hosts_of(w.ready), credentials=credentials_of(w.ready), clock=clock)
    return World(w.sandbox, w.ready, clock, account)


def settable(w: World) -> SettableClock:
    return SettableClock(w.sandbox.scenario.start, anchor=w.ready.timeline.anchor)


@pytest.mark.parametrize("hours", [-24, 24])
async def test_a_read_after_a_jump_is_signed_with_a_fresh_offset(hours: int, caplog: pytest.LogCaptureFixture) -> None:
    async with world() as w:
        clock = settable(w)
        mine = connected(w, clock)
        await mine.account.sync_clock()
        clock.shift = timedelta(hours=hours)
        with caplog.at_level(logging.WARNING):
            await mine.account.read_cross()
        await mine.account.aclose()
        assert [one.status for one in w.requests(ACCOUNT)] == [200]
        assert mine.account.clock_offset is not None
        assert abs(mine.account.clock_offset + timedelta(hours=hours)) < timedelta(seconds=1)
    assert "clock.jumped account=main" in caplog.text


async def test_an_order_after_a_jump_is_signed_with_a_fresh_offset() -> None:
    async with world() as w:
        clock = settable(w)
        mine = connected(w, clock)
        await mine.account.sync_clock()
        clock.shift = timedelta(minutes=-5)
        assert isinstance(await mine.account.execute(Repay(CROSS, "USDT", Decimal(5))), Accepted)
        await mine.account.aclose()


async def test_an_order_is_not_sent_while_the_clock_can_not_be_measured() -> None:
    async with world() as w:
        clock = settable(w)
        mine = connected(w, clock)
        await mine.account.sync_clock()
        clock.shift = timedelta(minutes=-5)
        w.sandbox.add_fault(Fault(what="status", path=TIME, status=400, code=-1100, count=0))
        outcome = await mine.account.execute(Repay(CROSS, "USDT", Decimal(5)))
        await mine.account.aclose()
        assert isinstance(outcome, Refused) and outcome.transient
        assert w.requests("/sapi/v1/margin/borrow-repay") == []


@pytest.mark.parametrize(("minutes", "missed"), [(9, True), (11, False)])
async def test_rows_are_missed_for_ten_minutes_and_not_for_ever(minutes: int, missed: bool) -> None:
    async with world() as w:
        clock = settable(w)
        mine = connected(w, clock)
        await mine.account.sync_clock()
        await mine.account.read_cross()
        w.sandbox.add_fault(Fault(what="malformed", form="missing_rows", path=ACCOUNT))
        clock.shift = timedelta(minutes=minutes)
        with pytest.raises(PayloadRejected, match="lacks rows") if missed else contextlib.nullcontext():
            assert (await mine.account.read_cross()).balances
        await mine.account.aclose()


@pytest.mark.parametrize(("shift_s", "jumped"), [(0, False), (0.5, False), (1.5, True), (-1.5, True)])
def test_only_a_jump_of_more_than_a_second_counts(shift_s: float, jumped: bool) -> None:
    clock = SettableClock()
    time = VenueTime(clock)
    assert not time.has_jumped
    time.measured(clock.now(), clock.now(), clock.now())
    clock.shift = timedelta(seconds=shift_s)
    assert time.has_jumped is jumped


def test_a_fast_timeline_is_no_jump() -> None:
    clock = SystemClock(speed=3600)
    time = VenueTime(clock)
    time.measured(clock.now(), clock.now(), clock.now())
    assert not time.has_jumped


async def test_a_slow_answer_at_the_start_spoils_no_offset() -> None:
    async with world() as w:
        w.sandbox.add_fault(Fault(what="delay", path=TIME, seconds=0.4))
        offset = await w.account.sync_clock()
        # Half of the slow round trip is 200 ms.
        assert abs(offset) < timedelta(milliseconds=100)
        assert w.account.clock_offset == offset
        assert len(w.requests(TIME)) > 1


async def test_a_slow_answer_later_replaces_no_better_offset() -> None:
    async with world() as w:
        known = await w.account.sync_clock()
        asked = len(w.requests(TIME))
        w.sandbox.add_fault(Fault(what="delay", path=TIME, seconds=0.4))
        assert await w.account.sync_clock() == known
        assert len(w.requests(TIME)) == asked + 1
        assert w.account.clock_offset == known


async def test_five_measurements_are_the_most_that_a_start_makes() -> None:
    async with world() as w:
        w.sandbox.add_fault(Fault(what="delay", path=TIME, seconds=0.06, count=0))
        await w.account.sync_clock()
        assert len(w.requests(TIME)) == 5


async def test_what_was_measured_stays_when_the_next_measurement_fails() -> None:
    async with world() as w:
        w.sandbox.add_fault(Fault(what="delay", path=TIME, seconds=0.06))
        w.sandbox.add_fault(Fault(what="status", path=TIME, status=400, code=-1100, count=0))
        offset = await w.account.sync_clock()
        assert w.account.clock_offset == offset


class Measuring:
    """Measurements of a server `ahead` of a clock that is moved by hand."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
        self.steady_s = 0.0
        self.ahead = timedelta()
        self.time = VenueTime(self.clock, lambda: self.steady_s)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.steady_s += seconds

    def measure(self, there_ms: int, back_ms: int) -> Decimal:
        """The offset in milliseconds that is in force after a measurement."""
        sent_at = self.clock.now()
        self.wait(there_ms / 1000)
        server = self.clock.now() + self.ahead
        self.wait(back_ms / 1000)
        offset = self.time.measured(server, sent_at, self.clock.now())
        assert offset == self.time.offset
        return Decimal(offset // timedelta(microseconds=1)) / 1000


def test_a_shorter_round_trip_replaces_a_longer_one() -> None:
    m = Measuring()
    # Answered at once after 300 ms on the way: the midpoint is 150 ms too early.
    assert m.measure(300, 0) == 150
    assert m.measure(30, 10) == 10
    assert m.measure(300, 0) == 10


def test_an_offset_is_known_worse_as_it_ages() -> None:
    m = Measuring()
    assert m.measure(20, 20) == 0
    m.wait(600)
    # 20 ms and a ten thousandth of 600 s: known to 80 ms, not to 100.
    assert m.measure(200, 0) == 0
    m.wait(300)
    assert m.measure(200, 0) == 100


def test_what_contradicts_an_offset_replaces_it() -> None:
    m = Measuring()
    assert m.measure(20, 20) == 0
    m.ahead = timedelta(hours=1)
    assert m.measure(200, 200) == 3_600_000


def test_a_clock_set_by_less_than_a_jump_is_measured_anew() -> None:
    m = Measuring()
    assert m.measure(20, 20) == 0
    m.clock.advance(0.5)
    m.ahead = timedelta(milliseconds=-500)
    assert m.measure(250, 250) == -500


def test_an_offset_that_is_distrusted_gives_way_to_the_next() -> None:
    m = Measuring()
    assert m.measure(20, 20) == 0
    m.time.distrust()
    assert m.measure(200, 0) == 100

"""A local clock that is set, or a machine that slept, spoils no signature."""

import contextlib
import logging
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from monitor.clock import SystemClock
from monitor.core.account import CROSS
from monitor.core.intents import Accepted, Refused, Repay
from monitor.errors import PayloadRejected
from monitor.exchange.binance.client.venue_time import VenueTime
from monitor.exchange.binance.venue import connect
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
        assert len(w.requests(TIME)) == 2
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

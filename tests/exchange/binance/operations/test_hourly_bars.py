"""Past prices read from the sandbox: finished hours alone, at the weight of two, after everything else."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from monitor.core.model.price_history import HOUR, HourSpan
from monitor.errors import ExchangeRefused, ExchangeUnreachable, PayloadRejected
from monitor.exchange.binance.rate_limits import API_LIMIT, WeightBudget, WeightPool
from monitor.sandbox.scenario.price_path import SimPriceBar
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox

D = Decimal
KLINES = "/api/v3/klines"


def this_hour(w: ConnectedSandbox) -> datetime:
    return w.clock.now().replace(minute=0, second=0, microsecond=0)


def given_bar(at: datetime, low: str = "9", volume: str = "5") -> SimPriceBar:
    return SimPriceBar(int(at.timestamp()) * 1000, D(10), D(11), D(low), D("10.5"), D(volume))


async def test_finished_hours_are_read_without_a_key_for_a_weight_of_two() -> None:
    async with connected_sandbox() as w:
        await w.account.sync_clock()
        end, before = this_hour(w), w.sandbox.ip_weight_spent
        span = HourSpan(end - HOUR * 1000, end)
        bars = await w.account.reference_data.read_hourly_bars("BTCUSDT", span)
        assert w.sandbox.ip_weight_spent - before == 2
        assert [bar.opens_at for bar in bars] == [span.since + HOUR * number for number in range(1000)]
        assert bars[-1].close == D(60_000)
        # The present hour is in the exchange's answer, but it is no finished bar.
        unfinished = HourSpan(end - HOUR, end + HOUR)
        assert len(await w.account.reference_data.read_hourly_bars("BTCUSDT", unfinished)) == 1
        asked = w.requests(KLINES)[0].params
        assert (asked["limit"], asked["interval"], "signature" in asked) == ("1000", "1h", False)
        with pytest.raises(ValueError, match="1001 hours"):
            await w.account.reference_data.read_hourly_bars("BTCUSDT", HourSpan(span.since - HOUR, end))


async def test_listing_is_the_first_bar_of_all() -> None:
    async with connected_sandbox() as w:
        await w.account.sync_clock()
        first = this_hour(w) - timedelta(days=3)
        w.sandbox.user_actions.load_bars("SOLUSDT", [given_bar(first), given_bar(first + HOUR * 5)])
        assert await w.account.reference_data.read_listing_time("SOLUSDT") == first
        span = HourSpan(first - HOUR, first + HOUR * 9)
        bars = await w.account.reference_data.read_hourly_bars("SOLUSDT", span)
        assert [bar.opens_at for bar in bars] == [first, first + HOUR * 5]


async def test_unknown_symbol_is_refused_in_the_words_of_the_exchange() -> None:
    async with connected_sandbox() as w:
        with pytest.raises(ExchangeRefused) as caught:
            await w.account.reference_data.read_listing_time("NILUSDT")
        assert (caught.value.venue_code, caught.value.venue_message) == (-1121, "Invalid symbol.")


async def test_bar_of_zero_is_left_out_and_reported() -> None:
    async with connected_sandbox() as w:
        await w.account.sync_clock()
        first = this_hour(w) - timedelta(days=3)
        given = [given_bar(first + HOUR * number, low="0" if number == 1 else "9") for number in range(4)]
        w.sandbox.user_actions.load_bars("SOLUSDT", given)
        span = HourSpan(first, first + HOUR * 4)
        assert len(await w.account.reference_data.read_hourly_bars("SOLUSDT", span)) == 3
        # Nothing that a read of the account would take for its own.
        assert w.account.take_rejected_rows() == ()
        (told,) = w.account.reference_data.take_rejected_bars()
        assert told == (
            f"GET {KLINES}: SOLUSDT {first + HOUR:%Y-%m-%d %H:%M:%S} is left out: a price is not above zero"
        )
        w.sandbox.user_actions.load_bars("SOLUSDT", [given_bar(first, low="0")])
        with pytest.raises(PayloadRejected, match="most bars of SOLUSDT are wrong"):
            await w.account.reference_data.read_hourly_bars("SOLUSDT", span)


async def test_past_prices_leave_half_of_the_weight_to_others() -> None:
    budget = WeightBudget()
    async with connected_sandbox(weight_budget=budget) as w:
        await w.account.sync_clock()
        budget.observe(WeightPool("/api"), API_LIMIT // 2, w.clock.now())
        with pytest.raises(ExchangeUnreachable, match="held back"):
            await w.account.reference_data.read_listing_time("BTCUSDT")
        assert w.requests(KLINES) == []
        assert await w.account.read_prices(["BTCUSDT"])

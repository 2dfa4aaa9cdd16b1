"""Which past prices are asked for next, by hand: the unknown first, then new hours, the listing, and older hours."""

from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.engine.bar_demand import (
    BarProgress,
    BarRead,
    held_or_owed,
    next_bar_read,
    settled_span,
    wanted_routes,
)
from monitor.core.model.price_history import HOUR, HourSpan, PriceRoute
from tests.support.examples.accounts import (
    SETTINGS,
    cross_account_state,
    new_account_state,
    pair_account_state,
    short_pair,
)
from tests.support.examples.price_bars import hour

NOW = hour(100) + timedelta(minutes=20)
HISTORY = HOUR * 50 + timedelta(minutes=20)


def read_next(*known: BarProgress, most: int = 20) -> BarRead | None:
    return next_bar_read(
        [one.symbol for one in known], {one.symbol: one for one in known if one.read_until}, HISTORY, NOW, most
    )


FULL = BarProgress("FULL", hour(50), hour(100), hour(50))
UNREAD = BarProgress("UNREAD")
BEHIND = BarProgress("BEHIND", hour(50), hour(97), hour(50))
SHORT = BarProgress("SHORT", hour(80), hour(100), hour(80))
YOUNG = BarProgress("YOUNG", hour(80), hour(100), hour(85))


def test_nothing_is_asked_for_when_nothing_lacks() -> None:
    assert read_next(FULL) is None
    assert read_next() is None


def test_unknown_symbol_comes_first_with_its_newest_hours() -> None:
    assert read_next(SHORT, BEHIND, UNREAD) == BarRead("UNREAD", HourSpan(hour(80), hour(100)))
    assert read_next(UNREAD, most=1000) == BarRead("UNREAD", HourSpan(hour(50), hour(100)))


def test_new_hours_come_with_the_last_one_that_is_known() -> None:
    assert read_next(YOUNG, SHORT, BEHIND) == BarRead("BEHIND", HourSpan(hour(96), hour(100)))
    long_ago = BarProgress("OLD", hour(10), hour(60), hour(50))
    assert read_next(long_ago) == BarRead("OLD", HourSpan(hour(59), hour(79)))


def test_listing_is_asked_for_where_the_first_hours_have_no_bar() -> None:
    assert read_next(SHORT, YOUNG) == BarRead("YOUNG", None)


def test_older_hours_are_read_backwards_to_the_beginning_or_the_listing() -> None:
    assert read_next(SHORT) == BarRead("SHORT", HourSpan(hour(60), hour(80)))
    assert read_next(replace(SHORT, read_from=hour(55), first_bar=hour(55))) == BarRead(
        "SHORT", HourSpan(hour(50), hour(55))
    )
    assert read_next(replace(YOUNG, listed_at=hour(85))) is None
    assert read_next(replace(YOUNG, listed_at=hour(70))) == BarRead("YOUNG", HourSpan(hour(60), hour(80)))


def test_hour_that_is_just_over_is_not_asked_for_yet() -> None:
    known = {"FULL": FULL}
    just_over = hour(101) + timedelta(seconds=29)
    assert next_bar_read(["FULL"], known, HISTORY, just_over, 20) is None
    found = next_bar_read(["FULL"], known, HISTORY, just_over + timedelta(seconds=1), 20)
    assert found == BarRead("FULL", HourSpan(hour(99), hour(101)))


@pytest.mark.parametrize(
    ("newest", "until"), [(99, 100), (98, 99), (97, 98), (96, 98), (None, 98)], ids=lambda value: f"{value}"
)
def test_newest_hours_without_a_bar_are_believed_only_when_they_are_late(newest: int | None, until: int) -> None:
    span = HourSpan(hour(90), hour(100))
    assert settled_span(span, None if newest is None else hour(newest), NOW) == HourSpan(hour(90), hour(until))
    fresh = HourSpan(hour(99), hour(100))
    assert settled_span(fresh, None, NOW) == HourSpan(hour(99), hour(99))


def test_everything_held_or_owed_gets_a_route() -> None:
    cross, pair = cross_account_state(), pair_account_state(short_pair())
    assert held_or_owed(cross, SETTINGS) == {"BTC", "ETH", "USDT"}
    assert wanted_routes([(cross, SETTINGS), (pair, SETTINGS)], {}) == {
        "BTC": PriceRoute("BTCUSDT"),
        "ETH": PriceRoute("ETHUSDT"),
        "USDT": PriceRoute(""),
    }
    assert held_or_owed(cross, replace(SETTINGS, cross=False)) == frozenset()


def test_account_without_prices_has_to_wait() -> None:
    assert wanted_routes([(new_account_state(), SETTINGS)], {}) == {}


def test_pair_that_has_no_price_any_more_keeps_its_past() -> None:
    cross = cross_account_state()
    lost = replace(cross, prices=replace(cross.prices, newest={"BTCUSDT": cross.prices.newest["BTCUSDT"]}))
    saved = {"ETH": PriceRoute("ETHUSDT"), "BTC": PriceRoute("BTCETH", False, "ETHUSDT")}
    found = wanted_routes([(lost, SETTINGS)], saved)
    assert (found["ETH"], found["BTC"]) == (PriceRoute("ETHUSDT"), PriceRoute("BTCUSDT"))
    assert wanted_routes([(lost, SETTINGS)], {})["ETH"] is None

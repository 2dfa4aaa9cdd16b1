"""Odds by worked examples."""

from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.margin.odds_question import OddsQuestion
from monitor.core.model.odds import OddsUnavailable, WindowOdds
from monitor.core.model.price_history import HOUR
from monitor.core.numbers.amounts import INFINITE
from monitor.odds.calculation import measure_odds
from monitor.odds.past import HourlyPast
from tests.odds.odds_examples import NO_MINIMUM, START, Bar, past_of, position, question, still

BITCOIN: list[Bar | None] = [
    ("100", "100", "100"),
    ("90", "110", "100"),
    ("80", "100", "80"),
    ("80", "96", "96"),
    ("48", "96", "96"),
]
RIPPLE: list[Bar | None] = [
    ("2", "2", "2"),
    ("1.8", "2.2", "2"),
    ("2", "3", "2.5"),
    ("2.5", "2.5", "2.5"),
    ("2", "2.5", "2.5"),
]
LONG_SHORT = question(position("BTC", "100", held="1"), position("XRP", "1", borrowed="50"))
"""One bitcoin of 100 USDT against a debt of 50 XRP of 1 USDT: level 2, liquidation at 1.25."""


def odds_of(asked: OddsQuestion, past: HourlyPast, hours: int) -> WindowOdds:
    (answer,) = measure_odds(asked, past, [HOUR * hours], min_history=NO_MINIMUM)
    assert isinstance(answer, WindowOdds)
    return answer


def reason_of(asked: OddsQuestion, past: HourlyPast, min_history: timedelta = NO_MINIMUM) -> OddsUnavailable:
    (answer,) = measure_odds(asked, past, [HOUR], min_history=min_history)
    assert isinstance(answer, OddsUnavailable)
    return answer


def test_one_hour_windows_take_lows_of_what_is_held_and_highs_of_what_is_owed() -> None:
    """By hand: 90/55, 80/75, 100/50 and 50/50; the second and the fourth are at 1.25 or below."""
    found = odds_of(LONG_SHORT, past_of(BTC=BITCOIN, XRP=RIPPLE), 1)
    assert (found.windows, found.liquidated, found.odds) == (4, 2, Decimal("0.5"))
    assert found.worst is not None
    assert found.worst.level == found.worst_level == 1
    assert (found.worst.since, found.worst.until) == (START + HOUR * 4, START + HOUR * 5)
    assert found.worst.lowest_at == START + HOUR * 4
    assert found.worst.moves == {"BTC": Decimal("-0.5"), "XRP": Decimal(0)}
    assert found.level_percentiles == {1: 1, 5: 1, 50: Decimal(80) / 75}
    assert (found.past_since, found.past_until) == (START, START + HOUR * 5)


def test_two_hour_windows_move_from_the_price_at_their_own_beginning() -> None:
    """By hand: the third window begins at a bitcoin of 80, so its last low of 48 is 60, against a debt of 50."""
    found = odds_of(LONG_SHORT, past_of(BTC=BITCOIN, XRP=RIPPLE), 2)
    assert (found.windows, found.liquidated) == (3, 3)
    assert found.worst is not None
    assert found.worst.level == Decimal(80) / 75
    assert (found.worst.since, found.worst.lowest_at) == (START + HOUR, START + HOUR * 2)
    assert found.worst.moves == {"BTC": Decimal("-0.2"), "XRP": Decimal("0.5")}
    assert found.level_percentiles[50] == Decimal(80) / 75


def test_level_of_the_exchange_scales_our_own() -> None:
    """The exchange counts the same account at 2.5 instead of 2: 80/75 becomes 4/3, which is above 1.25."""
    found = odds_of(
        question(position("BTC", "100", held="1"), position("XRP", "1", borrowed="50"), level="2.5"),
        past_of(BTC=BITCOIN, XRP=RIPPLE),
        1,
    )
    assert (found.liquidated, found.worst_level) == (1, Decimal("1.25"))


def test_interest_is_charged_each_hour_on_the_principal() -> None:
    """A debt of 50 at 1 % an hour is 51.5 in the third hour: 100/51.5."""
    asked = question(position("BTC", "100", held="1"), position("USDT", "1", borrowed="50", rate="0.01"))
    found = odds_of(asked, past_of(BTC=still("7", 4)), 3)
    assert found.worst is not None
    assert (found.windows, found.worst.level) == (1, Decimal(100) / Decimal("51.5"))
    assert found.worst.lowest_at == START + HOUR * 3


def test_level_exactly_at_liquidation_is_a_touch() -> None:
    asked = question(position("BTC", "100", held="1"), position("USDT", "1", borrowed="64"), liquidation="1.25")
    bars: list[Bar | None] = [("10", "10", "10"), ("8", "10", "10"), ("8.00000001", "10", "10")]
    assert odds_of(asked, past_of(BTC=bars), 1).liquidated == 1


def test_account_at_liquidation_is_lost_in_every_window() -> None:
    asked = question(position("BTC", "100", held="1"), position("USDT", "1", borrowed="90"))
    rising: list[Bar | None] = [("10", "10", "10"), ("11", "12", "12"), ("13", "14", "14")]
    found = odds_of(asked, past_of(BTC=rising), 1)
    assert (found.windows, found.liquidated, found.worst_level) == (2, 2, asked.level)


def test_account_without_debt_has_odds_of_zero_and_an_infinite_worst_level() -> None:
    asked = OddsQuestion((position("BTC", "100", held="1"),), INFINITE, Decimal("1.1"))
    for past in (past_of(BTC=BITCOIN), past_of(XRP=RIPPLE)):
        (found,) = measure_odds(asked, past, [HOUR])
        assert isinstance(found, WindowOdds)
        assert found.odds == 0
        assert found.worst_level == INFINITE


def test_asset_held_and_owed_counts_with_what_is_left_at_liquidation() -> None:
    """Owed 1 of the 1.2 held: at a level of 1.25 the debt weighs more, so a rise is the danger."""
    asked = question(
        position("SOL", "100", held="1.2", borrowed="1"), position("USDT", "1", held="40"), liquidation="1.25"
    )
    bars: list[Bar | None] = [("10", "10", "10"), ("5", "20", "10")]
    found = odds_of(asked, past_of(SOL=bars), 1)
    assert found.worst_level == Decimal(280) / 200


def test_window_that_lacks_a_bar_does_not_count() -> None:
    holed = [*BITCOIN[:2], None, *BITCOIN[3:]]
    found = odds_of(LONG_SHORT, past_of(BTC=holed, XRP=RIPPLE), 1)
    assert (found.windows, found.liquidated) == (2, 1)


@pytest.mark.parametrize(
    "bar", [("0", "100", "80"), ("-1", "100", "80"), ("90", "80", "85"), ("80", "100", "101"), ("80", "Infinity", "90")]
)
def test_impossible_bar_is_no_bar(bar: Bar) -> None:
    """Else a price of zero would liquidate every account, and a wrong close move all that follows."""
    found = odds_of(LONG_SHORT, past_of(BTC=[*BITCOIN[:2], bar, *BITCOIN[3:]], XRP=RIPPLE), 1)
    assert (found.windows, found.liquidated) == (2, 1)


def test_price_of_a_small_asset_stands_still_where_it_has_no_bar() -> None:
    asked = question(
        position("BTC", "100", held="1"), position("XRP", "1", borrowed="50"), position("PEPE", "0.5", held="1")
    )
    pepe: list[Bar | None] = [None, ("1", "1", "1"), None, None, None]
    found = odds_of(asked, past_of(BTC=BITCOIN, XRP=RIPPLE, PEPE=pepe), 1)
    assert found.windows == 4
    assert found.worst_level == Decimal("50.5") / 50


def test_important_asset_without_thirty_days_makes_the_odds_unavailable() -> None:
    days = past_of(BTC=still("7", 24 * 31), XRP=still("1", 24 * 30 - 1))
    answer = reason_of(LONG_SHORT, days, timedelta(days=30))
    assert answer.reason == "less than 30 days of past prices of XRP"
    assert answer.assets_without_history == ("XRP",)
    assert reason_of(LONG_SHORT, past_of(BTC=BITCOIN), timedelta(hours=5)).assets_without_history == ("XRP",)


def test_small_assets_without_history_are_named_and_keep_their_price() -> None:
    small = question(
        position("BTC", "100", held="1"), position("XRP", "1", borrowed="50"), position("NEW", "1", held="1")
    )
    (answer,) = measure_odds(small, past_of(BTC=BITCOIN, XRP=RIPPLE), [HOUR], min_history=HOUR * 5)
    assert isinstance(answer, WindowOdds)
    assert answer.assets_without_history == ("NEW",)
    assert answer.worst_level == Decimal(51) / 50


def test_many_small_assets_without_history_weigh_too_much_together() -> None:
    rows = [position(f"NEW{n}", "1", held="0.9") for n in range(7)]
    asked = question(position("BTC", "100", held="1"), position("XRP", "1", borrowed="50"), *rows)
    (answer,) = measure_odds(asked, past_of(BTC=BITCOIN, XRP=RIPPLE), [HOUR], min_history=HOUR * 5)
    assert isinstance(answer, OddsUnavailable)
    assert answer.reason.endswith("which together weigh too much")


def test_histories_of_different_times_make_no_odds() -> None:
    bitcoin = [*BITCOIN, *[None] * 5]
    ripple = [*[None] * 5, *RIPPLE]
    answer = reason_of(LONG_SHORT, past_of(BTC=bitcoin, XRP=ripple), HOUR * 5)
    assert answer.reason == "less than 5h in which all assets have past prices"


def test_window_longer_than_the_past_has_no_odds() -> None:
    (answer,) = measure_odds(LONG_SHORT, past_of(BTC=BITCOIN, XRP=RIPPLE), [HOUR * 5], min_history=NO_MINIMUM)
    assert isinstance(answer, OddsUnavailable)
    assert answer.reason == "no window of this length has all bars"


def test_unknown_price_makes_the_odds_unavailable() -> None:
    asked = OddsQuestion((*LONG_SHORT.positions, position("NEW", "0", held="1")), Decimal(2), Decimal("1.25"))
    assert reason_of(asked, past_of(BTC=BITCOIN, XRP=RIPPLE)).reason == "the level, or a price, is unknown"


@pytest.mark.parametrize("window", [timedelta(), timedelta(minutes=90), -HOUR])
def test_window_of_no_whole_hours_is_refused(window: timedelta) -> None:
    with pytest.raises(ValueError, match="whole number of hours"):
        measure_odds(LONG_SHORT, past_of(BTC=BITCOIN), [window])


def test_days_are_those_of_the_touches_and_of_all_windows() -> None:
    """Price 10, at half of it once on 4 February and once on 5 February: level 100/64, then 50/64."""
    asked = question(position("BTC", "100", held="1"), position("USDT", "1", borrowed="64"))
    bars: list[Bar | None] = [*still("10", 72)]
    bars[30] = bars[60] = ("5", "10", "10")
    found = odds_of(asked, past_of(BTC=bars), 24)
    # Bar 30 is in the windows after the hours 6 to 29, bar 60 in those after 36 to 47, the last one.
    assert (found.windows, found.liquidated) == (48, 24 + 12)
    assert (found.days, found.days_liquidated) == (3, 2)


def test_days_without_bars_are_no_days_of_the_past() -> None:
    asked = question(position("BTC", "100", held="1"), position("USDT", "1", borrowed="64"))
    bars: list[Bar | None] = [*still("10", 31), *[None] * 60, *still("10", 49)]
    found = odds_of(asked, past_of(BTC=bars), 24)
    # 30 hours after the first bar, and 48 after the one behind the hole.
    assert (found.windows, found.days, found.days_liquidated) == (7 + 25, 3, 0)


def test_fan_has_the_levels_of_every_hour_of_the_windows() -> None:
    """By hand, as above: 90/55, 80/75 and 100/50 in the first hour, 80/75, 80/62.5 and 60/50 in the second."""
    past = past_of(BTC=BITCOIN, XRP=RIPPLE)
    (found,) = measure_odds(LONG_SHORT, past, [HOUR * 2], min_history=NO_MINIMUM, with_fan=True)
    assert isinstance(found, WindowOdds)
    assert found.fan is not None
    assert found.fan.percentiles[50] == (Decimal(2), Decimal("1.636364"), Decimal("1.2"))
    assert found.fan.percentiles[1] == (Decimal(2), Decimal("1.066667"), Decimal("1.066667"))
    assert found.fan.percentiles[99] == (Decimal(2), Decimal(2), Decimal("1.28"))
    assert found.fan.worst == (Decimal(2), Decimal("1.636364"), Decimal("1.066667"))
    assert odds_of(LONG_SHORT, past, 2).fan is None

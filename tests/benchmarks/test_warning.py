"""The ladder at first touch on real bars: the minutes that it gives, and one alert for what hovers around a bar."""

from decimal import Decimal

import pytest

from benchmarks.account import rules
from benchmarks.quiet import CLEARS, DAYS, FAST, PARTS, RUNGS, Rung, measure_hovering
from benchmarks.warning import CROSS_3X, NIGHTS, NOT_BY_PRICES, WAITS, Night, lead_times, path_of
from tests.support.paths import price_file

FIRST_TOUCH = {"SOL cross 3x": Decimal("20.9"), "BTC isolated 10x": Decimal("20.9"), "SOL isolated 5x": Decimal("2.9")}


def test_every_wait_of_the_shipped_rules_is_measured() -> None:
    measured = {name for name, seconds in WAITS if seconds} & {rung.name for rung in RUNGS if any(rung.waits)}
    assert measured.isdisjoint(NOT_BY_PRICES)
    waiting = {rule.name for rule in rules() if rule.for_s}
    assert waiting <= measured | NOT_BY_PRICES.keys()
    assert NOT_BY_PRICES.keys() <= waiting
    # What is measured of it is the rule that is shipped.
    (fast,) = (rule for rule in rules() if rule.name == "falling-fast")
    assert fast.clear is not None
    assert (fast.when.text, fast.clear.text) == (FAST, CLEARS["5 % above"]["clear"])


@pytest.mark.parametrize(
    "night", [night for night in NIGHTS if night.title in FIRST_TOUCH], ids=lambda each: each.title
)
def test_initial_level_rung_fires_at_first_touch_on_a_real_night(night: Night) -> None:
    price_file(f"binance_{night.file}.csv.gz")
    found, _ = lead_times(night, path_of(night), 0, live=True, ladder=rules())
    minutes = {rule: lead for rule, lead in found.items() if lead is not None}
    assert minutes["below-initial"] >= FIRST_TOUCH[night.title]
    # Each rung speaks no later than the worse ones, which are reached after it or together with it.
    assert minutes["thin"] >= minutes["below-initial"] >= minutes["near-call"] >= minutes["margin-call"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("asset", "file"), [days for days in DAYS if days[0] in ("AVAX", "BTC")])
@pytest.mark.parametrize("rung", RUNGS[:2], ids=lambda each: each.name)
def test_episode_around_a_threshold_is_one_alert(asset: str, file: str, rung: Rung) -> None:
    price_file(f"binance_{file}.csv.gz")
    path = path_of(Night(asset, file, asset, Decimal(2), CROSS_3X, False, (0, 0, 0)))
    found = measure_hovering(asset, path, rung, PARTS[2], rules())
    assert found.touches > found.episodes
    assert found.alerts[rung.waits.index(0)] == found.episodes


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_falls_that_follow_each_other_close_to_liquidation_are_few_alerts_and_no_more_words() -> None:
    asset, file = DAYS[0]
    price_file(f"binance_{file}.csv.gz")
    path = path_of(Night(asset, file, asset, Decimal(2), CROSS_3X, False))
    (near_call,) = (rung for rung in RUNGS if rung.name == "near-call")
    found = measure_hovering(asset, path, near_call, PARTS[4], rules()).fast
    (alerts, words), (alerts_before, words_before) = found["5 % above"], found["none"]
    assert alerts * 5 < alerts_before
    assert words <= words_before

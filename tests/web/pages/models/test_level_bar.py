from decimal import Decimal

from monitor.web.pages.models.level_bar import LevelBar, level_bar


def bar(level: str) -> LevelBar:
    found = level_bar(Decimal(level), Decimal("1.5"), Decimal("1.3"), Decimal("1.1"), level)
    assert found is not None
    return found


def place(level: str) -> float:
    return float(bar(level).at.rstrip("%"))


def test_level_stands_between_its_own_thresholds() -> None:
    marks = {mark.name: float(mark.at.rstrip("%")) for mark in bar("1.4").marks}
    assert marks["liquidation"] < marks["margin call"] < place("1.4") < marks["initial"] < 100
    # Half of the way from the margin call to the initial level.
    assert place("1.4") == (marks["margin call"] + marks["initial"]) / 2


def test_lower_level_is_always_further_left() -> None:
    places = [place(level) for level in ("0", "0.5", "1.1", "1.2", "1.3", "1.49", "1.5", "1.6", "3", "999")]
    assert places == sorted(places)
    assert len(set(places)) == len(places)
    assert (places[0], places[-1] <= 100) == (0, True)


def test_zone_below_the_margin_call_is_bad_and_the_one_above_the_initial_level_good() -> None:
    assert [zone.tone for zone in bar("1.4").zones] == ["bad", "bad", "note", "good"]
    assert sum(float(zone.width.rstrip("%")) for zone in bar("1.4").zones) == 100


def test_nothing_is_good_without_an_initial_level() -> None:
    found = level_bar(Decimal("1.4"), None, Decimal("1.3"), Decimal("1.1"), "1.40")
    assert found is not None
    assert [zone.tone for zone in found.zones] == ["bad", "bad", "note"]


def test_there_is_no_bar_without_a_level_or_its_liquidation_threshold() -> None:
    assert level_bar(None, Decimal("1.5"), Decimal("1.3"), Decimal("1.1"), "?") is None
    assert level_bar(Decimal("1.4"), Decimal("1.5"), Decimal("1.3"), None, "1.40") is None


def test_bar_has_words_for_screen_readers() -> None:
    assert bar("1.4").words == "level 1.4; liquidation at 1.10, margin call at 1.30, initial at 1.50"

import pytest

from monitor.web.pages.models.words import age_words, metric_words, short_amount_words, worst_tone


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.9, "0 s"),
        (59.99, "59 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (7_200, "2 h"),
        (7_205, "2 h"),
        (97_200, "1 d 3 h"),
        (-4, "0 s"),
    ],
)
def test_age_is_said_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert age_words(seconds) == words


def test_old_figures_are_worse_than_a_low_level_and_better_than_danger() -> None:
    assert worst_tone("good", "old", "note") == "old"
    assert worst_tone("old", "bad") == "bad"
    assert worst_tone() == "dim"


@pytest.mark.parametrize(
    ("metric", "text", "words"),
    [
        ("margin_level", "1.2999", "1.29"),
        ("distance_to_liquidation", "0.0849", "8.4 %"),
        ("data_age", "189.2", "3 min 9 s"),
        ("stream_connected", "0", "no"),
        ("liabilities_usdt", "1234.5", "1,234.50 USDT"),
    ],
)
def test_figure_of_a_condition_has_the_unit_of_its_metric(metric: str, text: str, words: str) -> None:
    assert metric_words(metric, text) == words


def test_large_amount_is_shortened_to_the_cent() -> None:
    assert short_amount_words("29698.61307921", "USDT") == "29,698.61 USDT"
    assert short_amount_words("0.42844505", "BTC") == "0.42844505 BTC"
    assert short_amount_words("0", "BTC") == "BTC"

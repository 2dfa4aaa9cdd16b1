"""Regular expressions that people write: matched as a whole, in bounded time, and never an error in the engine."""

import pytest

from monitor.core.alerting.linear_regex import find_problem, matches_whole


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("BTC.*", "BTCUSDT", True),
        ("BTC", "BTCUSDT", False),
        ("BTC|ETH", "ETH", True),
        (r"A\d+", "A12", True),
        ("(?i)btc.*", "BTCUSDT", True),
        ("", "", True),
        ("müller-.*", "müller-2", True),
    ],
)
def test_pattern_fits_the_whole_text(pattern: str, text: str, matches: bool) -> None:
    assert find_problem(pattern) == ""
    assert matches_whole(pattern, text) is matches


@pytest.mark.parametrize("pattern", ["(A+)+B", "(A|A)*B", "(A|AA)+B", "(.*A){20}B", "(A*)*B"])
def test_pattern_that_takes_years_to_backtrack_is_matched_at_once(pattern: str) -> None:
    assert matches_whole(pattern, "A" * 10_000) is False
    assert matches_whole(pattern, "A" * 10_000 + "B") is True


@pytest.mark.parametrize("pattern", ["[", "(?!low).*", r"(a)\1", "a{5000}", "\ud800"])
def test_pattern_that_cannot_be_used_is_explained_and_fits_nothing(pattern: str) -> None:
    assert find_problem(pattern)
    assert matches_whole(pattern, "low") is None

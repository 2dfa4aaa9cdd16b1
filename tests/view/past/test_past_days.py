"""The days of the past in words."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from monitor.core.model.odds import OddsUnavailable, WindowOdds
from monitor.view.past.past_days import moves_text, odds_text, past_days_text
from monitor.view.past.windows_document import past_windows_document
from tests.support.examples.documents import NOW
from tests.support.examples.past_odds import LOST_DAYS


def told(answer: WindowOdds | OddsUnavailable, now: datetime = NOW) -> str:
    return past_days_text(past_windows_document(answer), "this account", now)


def test_days_that_would_not_have_been_survived_are_counted_with_the_worst() -> None:
    assert told(LOST_DAYS) == "of the last 90 days this account would not have survived 3; the worst: 5 September"


def test_past_that_was_survived_has_its_worst_level() -> None:
    calm = replace(LOST_DAYS, liquidated=0, days_liquidated=0)
    said = "this account would have survived each of the last 90 days; the worst: 5 September, level 1.02"
    assert told(calm) == said


def test_date_that_is_long_ago_has_its_year() -> None:
    assert told(LOST_DAYS, datetime(2026, 9, 6, tzinfo=UTC)).endswith("the worst: 5 September 2025")


def test_unknown_past_has_its_reason() -> None:
    unknown = OddsUnavailable(LOST_DAYS.window, "less than 30 days of past prices of NEW", ("NEW",))
    assert told(unknown) == (
        "how this account would have fared in the past is not known: less than 30 days of past prices of NEW"
    )


@pytest.mark.parametrize(
    ("odds", "text"),
    [("0", "0.00 %"), ("0.000001", "0.01 %"), ("0.0256", "2.6 %"), ("0.02501", "2.6 %"), ("1", "100.0 %")],
)
def test_odds_are_rounded_up(odds: str, text: str) -> None:
    assert odds_text(Decimal(odds)) == text


def test_largest_moves_are_named_and_the_rest_counted() -> None:
    moves = {"A": Decimal("0.1"), "B": Decimal("-0.2"), "C": Decimal(0), "D": Decimal("0.05")}
    assert moves_text(moves, 2) == "B -20.0 %, A +10.0 % and 1 more"

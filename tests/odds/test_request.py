"""Requests and answers survive the way to the child and back."""

from datetime import timedelta
from decimal import Decimal

from monitor.core.margin.odds_question import OddsPosition, OddsQuestion
from monitor.core.model.odds import DAY, LevelFan, OddsRemedy, OddsUnavailable, WindowOdds, WorstWindow
from monitor.core.model.price_history import HOUR
from monitor.core.numbers.amounts import INFINITE
from monitor.odds.request import OddsRequest, decode_answers, decode_request, encode_answers, encode_request
from tests.odds.odds_examples import START, past_of


def test_request_is_decoded_as_it_was() -> None:
    row = OddsPosition("BTC", Decimal("1.5"), Decimal(2), Decimal("1E-8"), Decimal("100000.01"), Decimal("0.00001"))
    request = OddsRequest(
        past_of(BTC=[("1", "3", "2"), None]),
        (OddsQuestion((row,), INFINITE, Decimal("1.1")),),
        (DAY, HOUR),
        (Decimal("0.01"),),
        min_history=DAY,
        with_fan=True,
    )
    assert decode_request(encode_request(request)) == request


def test_answers_are_decoded_as_they_were() -> None:
    found = WindowOdds(
        DAY,
        windows=100,
        liquidated=3,
        worst=WorstWindow(START, START + DAY, START + HOUR, Decimal("0.9"), {"BTC": Decimal("-0.5")}),
        level_percentiles={1: Decimal("0.9"), 5: Decimal("1.2"), 50: Decimal("1.9")},
        assets_without_history=("NEW",),
        past_since=START,
        past_until=START + timedelta(days=90),
        remedies=(
            OddsRemedy(Decimal(0), Decimal("1.5"), "USDT", Decimal(2)),
            OddsRemedy(Decimal(1), Decimal(0), "", None),
        ),
        days=90,
        days_liquidated=2,
        fan=LevelFan({1: (Decimal("1.5"), Decimal("0.9"))}, (Decimal("1.5"), Decimal("0.95"))),
    )
    answers = ((found, WindowOdds(DAY, 0, 0)), (OddsUnavailable(DAY, "no past", ("NEW",)),))
    assert decode_answers(encode_answers(answers)) == answers

"""Short notation of series, by the examples of its documentation."""

from decimal import Decimal

import pytest

from monitor.core.model.metric import MissingValue
from monitor.core.numbers.amounts import INFINITE
from monitor.simulation.series import parse_series

D = Decimal
STALE = MissingValue.UNAVAILABLE


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1.8", [D("1.8")]),
        ("1.7x3", [D("1.7")] * 4),
        ("2-0.5x2", [D(2), D("1.5"), D(1)]),
        ("-1+0.5x2", [D(-1), D("-0.5"), D(0)]),
        ("1 _ stale", [D(1), None, STALE]),
        ("_x3 stalex2", [None, None, None, STALE, STALE]),
        ("10% 1h30m inf MARGIN_CALL", [D("0.1"), D(5400), INFINITE, D(2)]),
    ],
)
def test_a_series_means(text: str, values: list[Decimal | MissingValue | None]) -> None:
    assert list(parse_series(text)) == values


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "needs a value"),
        ("1 1.7y3", "value 2, `1.7y3`"),
        ("1+2", "how often"),
        ("_+1x2", "nothing can be added"),
        ("x3", "can't be read"),
        ("1x999999", "at most 100000"),
        ("1 fast", "value 2, `fast`"),
    ],
)
def test_invalid_series_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_series(text)

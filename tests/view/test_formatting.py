"""Numbers for people: rounded so that nothing looks safer than it is."""

from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.model.metric import Missing
from monitor.core.numbers.amounts import INFINITE
from monitor.view.formatting import age_text, amount_text, bar_text, level_text, money_text, percent_text, price_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (level_text(Decimal("1.2999")), "1.29"),
        (level_text(INFINITE), "∞"),
        (level_text(Missing.UNAVAILABLE), "unknown"),
        (bar_text(Decimal("1.1264")), "1.1264"),
        (bar_text(Decimal("1.5")), "1.50"),
        (percent_text(Decimal("0.7719")), "77.1 %"),
        (percent_text(Decimal("0.00049")), "0.04 %"),
        (money_text(Decimal("1240.005")), "1,240.00 USDT"),
        (amount_text(Decimal("1234.50000000")), "1,234.5"),
        (amount_text(Decimal("0.000000019")), "0.00000001"),
        (amount_text(Decimal(0)), "0"),
        (price_text(Decimal(46000)), "46,000.00"),
        (price_text(Decimal("1.50000")), "1.5"),
        (price_text(Decimal("0.00001234")), "0.00001234"),
        (age_text(timedelta(minutes=3, seconds=20)), "3m 20s"),
        (age_text(timedelta(seconds=-5)), "0s"),
    ],
)
def test_text(text: str, expected: str) -> None:
    assert text == expected

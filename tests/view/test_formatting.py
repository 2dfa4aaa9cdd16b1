"""Numbers for people: rounded so that nothing looks safer than it is."""

from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.model.metric import MissingValue
from monitor.core.numbers.amounts import INFINITE
from monitor.view.formatting import (
    format_age,
    format_amount,
    format_level,
    format_percent,
    format_price,
    format_threshold,
    format_usdt,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (format_level(Decimal("1.2999")), "1.29"),
        (format_level(INFINITE), "∞"),
        (format_level(MissingValue.UNAVAILABLE), "unknown"),
        (format_threshold(Decimal("1.1264")), "1.1264"),
        (format_threshold(Decimal("1.5")), "1.50"),
        (format_percent(Decimal("0.7719")), "77.1 %"),
        (format_percent(Decimal("0.00049")), "0.04 %"),
        (format_usdt(Decimal("1240.005")), "1,240.00 USDT"),
        (format_amount(Decimal("1234.50000000")), "1,234.5"),
        (format_amount(Decimal("0.000000019")), "0.00000001"),
        (format_amount(Decimal(0)), "0"),
        (format_price(Decimal(46000)), "46,000.00"),
        (format_price(Decimal("1.50000")), "1.5"),
        (format_price(Decimal("0.00001234")), "0.00001234"),
        (format_age(timedelta(minutes=3, seconds=20)), "3m 20s"),
        (format_age(timedelta(seconds=-5)), "0s"),
    ],
)
def test_text(text: str, expected: str) -> None:
    assert text == expected

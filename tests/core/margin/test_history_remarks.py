"""Remarks on price histories: one plain sentence each, none for a whole one."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.margin.history_remarks import describe_history
from monitor.core.model.price_history import HourSpan, PriceHistory, PriceRoute, Redenomination
from tests.support.examples.price_bars import bars, hour

WHOLE = PriceHistory(
    "FOO",
    hour(0),
    hour(9),
    bars(["1"] * 9),
    PriceRoute("FOOUSDT"),
    known_from=hour(0),
    known_until=hour(9),
)


def test_whole_history_needs_no_word() -> None:
    assert describe_history(WHOLE) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"missing": "FOOUSDT is not read yet"}, "FOOUSDT is not read yet"),
        ({"route": PriceRoute("ETHUSDT", peg="ETH")}, "FOO has no pair with USDT: its past is that of ETH"),
        (
            {"route": PriceRoute("FOOBTC", False, "BTCUSDT")},
            "FOO is valued by FOOBTC × BTCUSDT: its lows and highs are bounds",
        ),
        ({"listed_at": hour(3)}, "FOO is traded since 2026-02-01 03:00 UTC only"),
        ({"known_from": hour(3)}, "FOO is read back to 2026-02-01 03:00 UTC so far"),
        (
            {"broken_at": hour(3)},
            "FOO jumped before 2026-02-01 03:00 UTC, which nothing explains: nothing before it counts",
        ),
        (
            {"redenominations": (Redenomination("FOOUSDT", hour(2), Decimal("1E+3")),)},
            "FOOUSDT has a new unit since 2026-02-01 02:00 UTC (price × 1000): earlier bars are put into it",
        ),
        (
            {"holes": (HourSpan(hour(2), hour(3)), HourSpan(hour(4), hour(7)))},
            "FOO has no bars in 4 h, the longest from 2026-02-01 04:00 UTC to 2026-02-01 07:00 UTC",
        ),
        (
            {"halts": (HourSpan(hour(2), hour(4)),)},
            "FOO was not traded in 2 h, from 2026-02-01 02:00 UTC to 2026-02-01 04:00 UTC",
        ),
        ({"ended_at": hour(2)}, "FOO has no bars since 2026-02-01 02:00 UTC: renamed, delisted or halted"),
        ({"known_until": hour(7)}, "FOO is read up to 2026-02-01 07:00 UTC only"),
    ],
)
def test_each_defect_is_one_sentence(changes: dict[str, object], words: str) -> None:
    assert describe_history(replace(WHOLE, **changes)) == (words,)  # type: ignore[arg-type]


def test_hour_that_is_read_late_is_no_defect() -> None:
    assert describe_history(replace(WHOLE, known_until=hour(8))) == ()

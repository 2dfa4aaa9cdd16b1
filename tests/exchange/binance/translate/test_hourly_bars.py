"""Rows of past prices: finished bars alone; rows that can't be true are left out and named, or spoil the answer."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from monitor.core.model.price_history import HOUR, HourSpan, PriceBar
from monitor.exchange.binance.translate.hourly_bars import parse_hourly_bars, parse_listing_time
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.market_data import BarRow, KlineRow
from monitor.exchange.binance.wire.numbers import ImplausibleValue
from monitor.exchange.binance.wire.row_decoding import RejectedRow

D = Decimal
START = datetime(2017, 7, 14, 2, 0, tzinfo=UTC)
START_MS = 1_499_997_600_000
HOUR_MS = 3_600_000
LATER = START + timedelta(days=9)


def kline(number: int = 0, *, shift_ms: int = 0, length_ms: int = HOUR_MS - 1, **changes: str) -> list[object]:
    """One row as the exchange documents it, of the hour with this number."""
    figures = {"open": "0.0163", "high": "0.8", "low": "0.015758", "close": "0.015771", "volume": "148976.1", **changes}
    start_ms = START_MS + number * HOUR_MS + shift_ms
    return [
        start_ms,
        *figures.values(),
        start_ms + length_ms,
        "2434.19055334",
        308,
        "1756.87402397",
        "28.46694368",
        "0",
    ]


def parse(*rows: list[object], hours: int = 9, now: datetime = LATER) -> tuple[tuple[PriceBar, ...], list[RejectedRow]]:
    """The bars of an answer to a request about the first hours, and the rows left out."""
    rejected: list[RejectedRow] = []
    decoded = decode(msgspec.json.encode(rows), list[BarRow])
    span = HourSpan(START, START + HOUR * hours)
    return parse_hourly_bars(decoded, "FOOUSDT", span, now=now, rejected_rows=rejected), rejected


def test_documented_row_is_one_bar() -> None:
    bars, rejected = parse(kline())
    assert bars == (PriceBar(START, D("0.0163"), D("0.8"), D("0.015758"), D("0.015771"), D("148976.1")),)
    assert {type(figure) for figure in bars[0][1:]} == {Decimal}
    assert rejected == []
    (whole,) = decode(msgspec.json.encode([kline()]), list[KlineRow])
    assert (whole.trades, whole.taker_quote_volume, whole.unused) == (308, D("28.46694368"), "0")


def test_unfinished_bar_is_none() -> None:
    now = START + 2 * HOUR - timedelta(milliseconds=1)
    assert [bar.opens_at for bar in parse(kline(0), kline(1), now=now)[0]] == [START]
    assert len(parse(kline(0), kline(1), now=START + 2 * HOUR)[0]) == 2


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (kline(1, high="0.014"), "its high is below its low"),
        (kline(1, low="0"), "a price is not above zero"),
        (kline(1, close="-0.015771"), "a price is not above zero"),
        (kline(1, volume="-1"), "its volume is negative"),
        (kline(1, open="0.9"), "its open or close is not between its low and high"),
        (kline(1, close="0.0157"), "its open or close is not between its low and high"),
        (kline(1, shift_ms=1000), "it does not begin at a full hour"),
        (kline(1, length_ms=59_999), "it does not last an hour"),
    ],
)
def test_row_that_contradicts_itself_is_left_out_and_named(row: list[object], why: str) -> None:
    bars, rejected = parse(kline(0), row, kline(2), kline(3))
    assert [bar.opens_at for bar in bars] == [START + HOUR * number for number in (0, 2, 3)]
    (found,) = rejected
    assert found.name.startswith("FOOUSDT 2017-07-14 03:00:0")
    assert found.why == why


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((kline(1), kline(0)), "bars of FOOUSDT are out of order at 2017-07-14 02:00:00"),
        ((kline(1), kline(1)), "bars of FOOUSDT are out of order at 2017-07-14 03:00:00"),
        ((kline(0), kline(9)), "a bar of FOOUSDT is of another time: 2017-07-14 11:00:00"),
        ((kline(-1), kline(0)), "a bar of FOOUSDT is of another time: 2017-07-14 01:00:00"),
        (
            (kline(0), kline(1, low="0"), kline(2, low="0")),
            "most bars of FOOUSDT are wrong, such as FOOUSDT 2017-07-14 03:00:00: a price is not above zero",
        ),
    ],
)
def test_answer_that_is_no_answer_to_the_question_is_rejected(rows: tuple[list[object], ...], words: str) -> None:
    with pytest.raises(ImplausibleValue) as caught:
        parse(*rows)
    assert str(caught.value) == words


def test_listing_is_the_first_bar_if_it_can_be_true() -> None:
    def first(*rows: list[object], now: datetime = LATER) -> datetime | None:
        return parse_listing_time(decode(msgspec.json.encode(rows), list[BarRow]), "FOOUSDT", now=now)

    assert first() is None
    assert first(kline()) == START
    with pytest.raises(ImplausibleValue, match="a price is not above zero"):
        first(kline(low="0"))
    with pytest.raises(ImplausibleValue, match="it lies in the future"):
        first(kline(), now=START - HOUR)

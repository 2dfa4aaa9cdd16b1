"""How prices walk."""

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.sandbox.market.prices import CurrentPrices
from monitor.sandbox.scenario.price_path import (
    PriceFileError,
    SimPriceBar,
    SimPricePath,
    path_from_bars,
    read_price_bars,
)

D = Decimal
START_MS = 1_760_129_340_000
HEADER = "open_time_ms,open,high,low,close,volume\n"


def test_a_price_is_interpolated_every_second_on_its_tick() -> None:
    path = SimPricePath([(0, D("100.00")), (3000, D("101.00"))])
    assert [path.at(second) for second in range(5)] == [
        D("100.00"),
        D("100.33"),
        D("100.67"),
        D("101.00"),
        D("101.00"),
    ]


def test_price_path_visits_the_nearer_extreme_of_a_bar_first() -> None:
    path = path_from_bars([SimPriceBar(START_MS, D(100), D(110), D(99), D(105))])
    second = START_MS // 1000
    assert [path.at(second + one) for one in (0, 20, 40, 59)] == [D(100), D(99), D(110), D(105)]
    falling = path_from_bars([SimPriceBar(START_MS, D(100), D(101), D(90), D(92))])
    assert [falling.at(second + one) for one in (0, 20, 40, 59)] == [D(100), D(101), D(90), D(92)]


def test_bars_are_read_packed_or_not(tmp_path: Path) -> None:
    plain, packed = tmp_path / "bars.csv", tmp_path / "bars.csv.gz"
    text = HEADER + "1760129340000,116836.7,116862.8,116800.1,116830.3,60.0\n"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    assert (
        read_price_bars(plain)
        == read_price_bars(packed)
        == [SimPriceBar(START_MS, D("116836.7"), D("116862.8"), D("116800.1"), D("116830.3"))]
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("when,open\n", "bars.csv:1: the columns must be"),
        (HEADER, "holds no bars"),
        (HEADER + "1,2,x,1,2,0\n", "bars.csv:2: five numbers expected"),
        (HEADER + "1,2,3,2.5,2,0\n", "bars.csv:2: open and close must lie between"),
        (HEADER + "2,2,3,1,2,0\n2,2,3,1,2,0\n", "bars.csv:3: the bars must rise in time"),
    ],
)
def test_broken_bars_are_refused_with_their_place(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(content)
    with pytest.raises(PriceFileError, match=complaint):
        read_price_bars(path)


def _book() -> CurrentPrices:
    pairs = {"BTCUSDT": ("BTC", "USDT"), "SOLUSDT": ("SOL", "USDT"), "SOLBTC": ("SOL", "BTC")}
    return CurrentPrices(
        {"BTCUSDT": SimPricePath([(0, D("100000")), (10_000, D("90000"))])},
        {"BTCUSDT": D(100_000), "SOLUSDT": D(200)},
        pairs,
        {"SOLUSDT": D("-0.01")},
    )


def test_a_symbol_without_a_price_is_priced_through_usdt() -> None:
    assert _book().spot("SOLBTC") == D("0.00200000")


def test_the_index_is_spot_times_one_plus_basis() -> None:
    book = _book()
    assert (book.spot("SOLUSDT"), book.index("SOLUSDT"), book.usdt_price("SOL")) == (D(200), D(198), D(198))


def test_frozen_prices_stand_while_time_goes_on() -> None:
    book = _book()
    book.move_to(5)
    book.freeze()
    assert not book.move_to(9)
    assert book.spot("BTCUSDT") == D("95000.00")
    book.release()
    assert book.move_to(9)
    assert book.usdt_price("BTC") == D("91000.00")


def test_manually_set_price_stays() -> None:
    book = _book()
    book.set_price("BTCUSDT", D("1.5"))
    assert not book.move_to(7)
    assert book.usdt_price("BTC") == D("1.5")

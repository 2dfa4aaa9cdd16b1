"""Portfolios and bars as files state them."""

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.config.simulation.portfolio import read_portfolio
from monitor.config.simulation.price_bars import read_price_bars
from monitor.core.model.account import Balance, Thresholds
from monitor.errors import ConfigError
from monitor.sandbox.scenario.price_path import read_price_bars as sandbox_bars
from monitor.view.documents.account import account_document
from monitor.view.json_values import parse_json_decimal
from tests.support.examples import documents

D = Decimal
HEADINGS = "open_time_ms,open,high,low,close,volume\n"


def test_a_portfolio_is_read_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        """
[cross]
initial_level = 1.5
margin_call_level = "1.3"
liquidation_level = "1.1"
balances = [{ asset = "BTC", free = "0.5", locked = 0.25 }, { asset = "USDT", borrowed = "100", interest = "0.01" }]
[[isolated]]
symbol = "ETHBTC"
initial_level = "1.25"
margin_call_level = "1.19"
liquidation_level = "1.15"
base = { asset = "ETH", free = "3" }
quote = { asset = "BTC", borrowed = "0.1" }
[spot]
USDT = "500"
[prices]
ETHBTC = "0.04"
"""
    )
    found = read_portfolio(path, "main")
    assert found.portfolio.cross == {
        "BTC": Balance("BTC", free=D("0.5"), locked=D("0.25")),
        "USDT": Balance("USDT", borrowed=D(100), interest=D("0.01")),
    }
    assert found.portfolio.thresholds == Thresholds(D("1.5"), D("1.3"), D("1.1"))
    assert found.portfolio.pairs["ETHBTC"].quote.owed == D("0.1")
    assert found.portfolio.wallets["spot"] == {"USDT": 500}
    assert found.prices == {"ETHBTC": D("0.04")}


def test_status_output_is_a_valid_portfolio(tmp_path: Path) -> None:
    document = account_document(documents.STATE, documents.SETTINGS, documents.NOW, "1")
    path = tmp_path / "status.json"
    path.write_text(json.dumps({"accounts": [{"account": "other"}, document]}))
    found = read_portfolio(path, document["account"])
    rows = {row["asset"]: D(row["free"]) for row in document["cross"]["balances"]}
    assert {asset: row.free for asset, row in found.portfolio.cross.items()} == rows
    assert found.portfolio.thresholds is not None
    assert found.portfolio.thresholds.initial == parse_json_decimal(document["cross"]["initial_level"])
    with pytest.raises(ConfigError, match='no account "nobody"'):
        read_portfolio(path, "nobody")


@pytest.mark.parametrize("packed", [False, True])
def test_bars_are_read_plain_and_packed(tmp_path: Path, packed: bool) -> None:
    text = HEADINGS + "1760130000000,100,110,90.5,105,7\n1760130060000,105,106,104,105,1\n"
    path = tmp_path / ("bars.csv.gz" if packed else "bars.csv")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    first, second = read_price_bars(path)
    assert (first.opens_at, first.low) == (datetime(2025, 10, 10, 21, 0, tzinfo=UTC), D("90.5"))
    assert second.close == 105


@pytest.mark.parametrize(
    ("heading", "digits"),
    [
        ("", ""),
        ("", "000"),
        ("open_time,open,high,low,close,volume,close_time,count\n", "000"),
        ("\ufeffOpen time,Open,High,Low,Close\r\n", ""),
        ("timestamp,open,high,low,close\n", ""),
    ],
)
def test_bars_come_in_milli_and_microseconds_with_and_without_a_heading(
    tmp_path: Path, heading: str, digits: str
) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(heading + f"1760130000000{digits},100,110,90.5,105,7\n1760130060000{digits},105,106,104,105,1\n")
    assert [bar.opens_at for bar in read_price_bars(path)] == [
        datetime(2025, 10, 10, 21, minute, tzinfo=UTC) for minute in (0, 1)
    ]
    ours = [bar.start_ms for bar in sandbox_bars(path)]
    assert ours == [1760130000000, 1760130060000]


def test_bars_with_unordered_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("open_time,close,high,low,open\n1760130000000,1,1,1,1,1\n")
    with pytest.raises(ConfigError, match="line 1"):
        read_price_bars(path)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", "has no bars"),
        ("now,1,1,1,1,1", "line 2: 'now' is no time"),
        ("1760130000000,1,1,1", "line 2: has 4 columns"),
        ("1760130000000,1,1,x,1,1", "line 2: 'x' is not a number"),
        ("1760130000000,5,6,7,5,1", "line 2: its low and high"),
        ("1760130000000,1,1,1,1,1\n1760130000000,1,1,1,1,1", "line 3: is not later"),
    ],
)
def test_invalid_bars_are_reported_with_their_line(tmp_path: Path, lines: str, told: str) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(HEADINGS + lines)
    with pytest.raises(ConfigError) as raised:
        read_price_bars(path)
    assert told in str(raised.value)

"""Measured crashes against the bars that they were measured in; assumed moves against what is said of them."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from monitor.core.margin.stress_scenarios import STRESS_SCENARIOS
from monitor.sandbox.scenario.price_path import read_price_bars
from tests.support.paths import price_file

MEASURED: Mapping[str, Mapping[str, str]] = {
    "2021-12-04": {"BTC": "um_BTCUSDT_1m_2021-12-04"},
    "2025-02-03": {
        "AVAX": "um_AVAXUSDT_1m_2025-02-02_2025-02-05",
        "NEAR": "um_NEARUSDT_1m_2025-02-02_2025-02-05",
    },
}

STABLES = frozenset({"USDT"})


@pytest.mark.parametrize(
    ("date", "asset", "name"), [(date, *row) for date, files in MEASURED.items() for row in files.items()]
)
def test_measured_move_is_that_of_the_bars(date: str, asset: str, name: str) -> None:
    bars = read_price_bars(price_file(f"binance_{name}.csv.gz"))
    low = min(bars, key=lambda bar: bar.low)
    high = max(bar.high for bar in bars if bar.start_ms <= low.start_ms)
    move = STRESS_SCENARIOS[date].move(asset, STABLES, {})
    assert move == (low.low / high - 1).quantize(Decimal("0.0001"))


def test_nights_of_measured_bars_move_each_asset_as_their_source_says() -> None:
    february, december = STRESS_SCENARIOS["2025-02-03"], STRESS_SCENARIOS["2021-12-04"]
    assert {asset: february.move(asset, STABLES, {}) for asset in ("AVAX", "NEAR", "DOGE", "ETH", "USDT")} == {
        "AVAX": Decimal("-0.3484"),  # 32.565 to 21.219
        "NEAR": Decimal("-0.3767"),  # 4.34 to 2.705
        "DOGE": Decimal("-0.3767"),
        "ETH": Decimal("-0.27"),
        "USDT": 0,
    }
    # 106,000 to 91,130.
    assert february.move("BTC", STABLES, {}) == Decimal("-0.1403")
    # 52,218.03 to 40,888.89; nothing else was measured.
    assert {december.move(asset, STABLES, {}) for asset in ("BTC", "ETH", "DOGE")} == {Decimal("-0.2170")}
    assert "alts were not measured" in december.source
    assert "measured in one-minute bars" in february.source

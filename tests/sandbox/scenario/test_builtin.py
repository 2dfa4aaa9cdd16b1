"""The built-in scenarios keep the published figures, and tell the story they promise."""

import os
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.sandbox.scenario.builtin import CRASH_START, SCENARIOS, crash_scenario
from monitor.sandbox.scenario.price_path import SimPricePath
from monitor.sandbox.scenario.scenario import AccountSpec, PairSpec, Scenario, initial_balance
from monitor.sandbox.scenario.scenario_file import ScenarioError, read_scenario
from tests.support.sandbox_client import advance_time, venue_and_loop

D = Decimal
BARS = Path(os.environ.get("MARGIN_MONITOR_TEST_DATA", Path(__file__).parents[4] / "shared" / "data")) / "prices"


def _minutes(path: SimPricePath) -> Sequence[Decimal]:
    start = int(CRASH_START.timestamp())
    return [path.at(start + 60 * minute) for minute in range(73)]


def test_btc_falls_and_recovers_by_the_published_figures() -> None:
    btc = _minutes(crash_scenario().paths["BTCUSDT"])
    assert (btc[1], btc[32], min(btc)) == (D(116837), D(101516), D(101516))
    worst = min(later / earlier - 1 for earlier, later in pairwise(btc))
    assert round(worst, 4) == D("-0.0615")
    assert round(btc[58] / btc[32] - 1, 3) == D("0.118")


def test_sol_falls_by_the_published_figure() -> None:
    sol = _minutes(crash_scenario().paths["SOLUSDT"])
    assert round(sol[33] / sol[11] - 1, 3) == D("-0.295")


def test_the_crash_liquidates_the_cross_account_long_after_the_first_warning() -> None:
    venue, clockwork = venue_and_loop(crash_scenario())
    account = venue.accounts["main"]
    below_initial_at = None
    start = venue.valuer.level(account.cross)
    for second in range(72 * 60):
        advance_time(venue, clockwork, 1)
        level = venue.valuer.level(account.cross)
        if below_initial_at is None and level is not None and level < D("1.5"):
            below_initial_at = second
    assert start is not None
    assert D("1.55") < start < D("1.6")
    (story,) = account.liquidation_summaries
    liquidated_at = story.at_ms / 1000 - CRASH_START.timestamp()
    assert story.scope == "cross"
    assert 31 * 60 < liquidated_at < 33 * 60
    assert below_initial_at is not None
    assert liquidated_at - below_initial_at > 20 * 60
    long, short = account.isolated["SOLUSDT"], account.isolated["BTCUSDT"]
    assert long.lowest_level is not None
    assert D("1.18") < long.lowest_level < D("1.22")
    assert short.lowest_level is not None
    assert D("1.05") < short.lowest_level
    assert not venue.ledger.imbalance()


def test_transfer_in_saves_the_account() -> None:
    venue, clockwork = venue_and_loop(crash_scenario())
    account = venue.accounts["main"]
    advance_time(venue, clockwork, 28 * 60)
    venue.ledger.pay("USDT", D(60_000), account.spot, account.cross.wallet, "help")
    venue.ledger.repay(account.cross.wallet, "USDT", D(60_000))
    advance_time(venue, clockwork, 44 * 60)
    assert not account.liquidation_summaries


def test_calm_scenario_stays_calm() -> None:
    venue, clockwork = venue_and_loop(SCENARIOS["calm"]())
    advance_time(venue, clockwork, 48 * 3600)
    account = venue.accounts["main"]
    assert not account.liquidation_summaries
    level = venue.valuer.level(account.cross)
    assert level is not None
    assert D("1.82") < level < D("1.84")


@pytest.mark.skipif(not BARS.is_dir(), reason=f"the recorded bars are not at {BARS}")
def test_recorded_bars_set_the_timeline_and_reach_their_low() -> None:
    files = {symbol: BARS / f"binance_um_{symbol}_1m_2025-10-10.csv.gz" for symbol in ("BTCUSDT", "SOLUSDT")}
    scenario = crash_scenario().with_bars(files)
    assert int(scenario.start.timestamp() * 1000) == 1_760_129_340_000
    venue, clockwork = venue_and_loop(scenario)
    lowest = {"BTCUSDT": D(10**9), "SOLUSDT": D(10**9)}
    for _ in range(scenario.duration_s or 0):
        advance_time(venue, clockwork, 1)
        lowest = {symbol: min(low, venue.prices.spot(symbol) or low) for symbol, low in lowest.items()}
    assert lowest == {"BTCUSDT": D("101516.5"), "SOLUSDT": D("141.28")}
    assert venue.accounts["main"].liquidation_summaries[0].scope == "cross"


def test_a_scenario_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "btc.csv").write_text("open_time_ms,open,high,low,close,volume\n60000,2,3,1,2.5,0\n")
    path = tmp_path / "mine.json"
    path.write_text(
        """{"name": "mine", "start": "2026-01-02T03:04:05Z", "prices": {"ETHUSDT": "3000.5"},
        "paths": {"SOLUSDT": [[0, "1"], [1000, "2"]]}, "bars": {"BTCUSDT": "btc.csv"},
        "accounts": [{"name": "main", "spot": {"USDT": "7"},
            "cross": {"USDT": "5", "BTC": {"free": "1", "borrowed": "0.25"}},
            "bars": {"initial": "1.25", "margin_call": "1.16", "liquidation": "1.1"},
            "isolated": {"BTCUSDT": {"base": "1", "quote": {"borrowed": "9"}}}}],
        "readings": {"renewed_subscription_id": "new"}}"""
    )
    scenario = read_scenario(path)
    assert isinstance(scenario, Scenario)
    expected = AccountSpec(
        spot={"USDT": D(7)},
        cross={"USDT": initial_balance("5"), "BTC": initial_balance("1", borrowed="0.25")},
        bars=scenario.accounts[0].bars,
        isolated={"BTCUSDT": PairSpec(base=initial_balance("1"), quote=initial_balance(borrowed="9"))},
    )
    assert scenario.accounts == (expected,)
    assert scenario.all_paths()["SOLUSDT"].at(1) == D(2)
    assert scenario.all_paths()["BTCUSDT"].start_ms == 60_000
    assert scenario.readings.renewed_subscription_id == "new"
    venue, _ = venue_and_loop(replace(scenario, bars={}))
    assert not venue.ledger.imbalance()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[]", "one object is meant"),
        ("{", "not JSON"),
        ('{"price": {}}', 'unknown key "price"; known are name, start'),
        ('{"accounts": [{"nmae": "x"}]}', r'accounts\[0\]: unknown key "nmae"'),
        ('{"start": "tomorrow"}', "start"),
    ],
)
def test_a_broken_scenario_is_refused_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=complaint):
        read_scenario(path)

"""`rules test`, `rules backtest` and `rules lint` as a user runs them."""

import asyncio
import json
import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.alert import MetricScope
from monitor.core.model.journal import JournalEntry, Sample
from monitor.store.store import Store
from monitor.view.documents.account import account_document
from tests.support.command import margin_monitor, write_config
from tests.support.examples import documents

ACTING = """
[[rules]]
name = "low"
scope = "cross"
when = "margin_level < 1.4"
clear = "margin_level > 1.45"
severity = "critical"
actions = ["repay"]

[[actions]]
name = "repay"
kind = "repay"
target = "margin_level >= 1.5"
"""

LASTING = """
[[rules]]
name = "low"
scope = "cross"
when = "margin_level < 1.4"
for = "10m"
severity = "critical"
"""

PORTFOLIO = """
[cross]
initial_level = "1.5"
margin_call_level = "1.3"
liquidation_level = "1.1"
balances = [{ asset = "BTC", free = "1" }, { asset = "USDT", free = "2000", borrowed = "40000" }]
"""

START = datetime(2025, 10, 10, 21, 0, tzinfo=UTC)


def bars(path: Path, *closes: int) -> Path:
    """Bars of a minute that go straight from one close to the next, from 60,000 on."""
    lines = ["open_time_ms,open,high,low,close,volume"]
    opened = 60_000
    for minute, close in enumerate(closes):
        start = 1_760_130_000_000 + minute * 60_000
        lines.append(f"{start},{opened},{max(opened, close)},{min(opened, close)},{close},1")
        opened = close
    path.write_text("\n".join(lines))
    return path


def quiet_config(folder: Path, more: str = "") -> Path:
    config = write_config(folder, more)
    config.write_text("default_rules = false\n" + config.read_text())
    return config


@pytest.mark.parametrize(("symbol", "asset"), [("币安人生USDT", "币安人生"), ("btcusdt", "BTC")])
def test_prices_are_those_of_a_symbol_in_any_letters(tmp_path: Path, symbol: str, asset: str) -> None:
    config = quiet_config(tmp_path, ACTING)
    portfolio = tmp_path / "portfolio.toml"
    portfolio.write_text(PORTFOLIO.replace('"BTC"', f'"{asset}"'))
    prices = bars(tmp_path / "bars.csv", 51_000, 46_000)
    words = ("rules", "backtest", "--prices", f"{symbol}={prices}", "--portfolio", str(portfolio), "--json")
    said = margin_monitor(config, *words)
    assert said.code == 0, said.err
    assert [item["rule"] for item in said.json()["items"]] == ["low"]


def test_failing_rule_test_exits_1_with_both_results(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    test = '[[tests]]\nname = "{name}"\nseries = [{{ metric = "margin_level", values = "1.3" }}]\n'
    test += '[[tests.expect]]\nat = "0s"\nalerts = [{alerts}]\n'
    file.write_text(test.format(name="fires", alerts='{ rule = "low" }') + test.format(name="is quiet", alerts=""))
    said = margin_monitor(quiet_config(tmp_path, ACTING), "rules", "test", str(file), "--json")
    assert (said.code, said.err) == (1, "")
    document = said.json()
    assert (document["passed"], document["failed"]) == (1, 1)
    assert [(item["name"], item["ok"]) for item in document["items"]] == [("fires", True), ("is quiet", False)]
    failed = document["items"][1]
    assert failed["expected"] == [{"at": "0s", "alerts": []}]
    assert failed["got"][0]["alerts"][0]["rule"] == "low"


def test_unknown_part_does_not_hide_other_parts(tmp_path: Path) -> None:
    tests = tmp_path / "floor.test.toml"
    tests.write_text("""
[[rules]]
name = "either"
scope = "cross"
when = "margin_level < margin_call_level or distance_to_liquidation < 2%"
clear = "margin_level > margin_call_level and distance_to_liquidation > 3%"

[[rules]]
name = "both"
scope = "cross"
when = "margin_level < margin_call_level and distance_to_liquidation < 2%"

[[tests]]
name = "a margin call that was never read"
series = [
    { metric = "margin_level", values = "1.5" },
    { metric = "margin_call_level", values = "stale" },
    { metric = "distance_to_liquidation", values = "10% 1% 2.5% 10%" },
]

[[tests.expect]]
at = "1m"
alerts = [{ rule = "either" }]

[[tests.expect]]
at = "3m"
alerts = [{ rule = "either" }]
""")
    said = margin_monitor(quiet_config(tmp_path), "rules", "test", str(tests))
    assert (said.code, said.err) == (0, ""), said.out


def test_backtest_over_price_files_lists_alerts_and_actions(tmp_path: Path) -> None:
    portfolio = tmp_path / "portfolio.toml"
    portfolio.write_text(PORTFOLIO)
    prices = bars(tmp_path / "btc.csv", 51_000, 46_000, 60_000)
    words = ("rules", "backtest", "--prices", f"BTCUSDT={prices}", "--portfolio", str(portfolio))
    said = margin_monitor(quiet_config(tmp_path, ACTING), *words, "--json")
    assert (said.code, said.err) == (0, "")
    document = said.json()
    (item,) = document["items"]
    # 1.4 × 40,000 − 2,000 is a price of 54,000, two thirds of the first minute; the bar shows its low at 40 s.
    assert (item["rule"], item["scope"], item["fired_at"]) == ("low", "cross", "2025-10-10T21:00:40.000Z")
    # Lowest at 21:01:40, a minute later.
    assert item["minutes_before_low"] == "1"
    assert [(each["kind"], each["amount"]) for each in item["actions"]] == [("repay", "2000")]
    assert document["moved"] == [{"account": "main", "kind": "repay", "asset": "USDT", "amount": "2000"}]
    (low,) = document["lows"]
    # 46,000 ÷ 38,000, and 48,000 ÷ 40,000 had nothing been done.
    assert (low["level"], low["without_actions"]["level"]) == ("1.21052632", "1.2")


@pytest.mark.slow
def test_backtest_over_recorded_data_and_from_its_state(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    config = quiet_config(tmp_path, ACTING)
    document = account_document(documents.STATE, documents.SETTINGS, documents.NOW, "1")
    asyncio.run(_record(tmp_path, json.dumps(document)))
    said = margin_monitor(config, "rules", "backtest", "--since", "2025-10-10", "--json")
    assert (said.code, said.err) == (0, "")
    (item,) = said.json()["items"]
    assert (item["fired_at"], item["minutes_before_low"]) == ("2025-10-10T21:01:00.000Z", "1")
    assert [(each["kind"], each["amount"]) for each in item["actions"]] == [("repay", "2000")]
    (low,) = said.json()["lows"]
    assert (low["level"], low["without_actions"]["level"]) == ("1.28947368", "1.275")
    prices = bars(tmp_path / "btc.csv", 59_000)
    again = margin_monitor(config, "rules", "backtest", "--prices", f"BTCUSDT={prices}", "--json")
    assert (again.code, again.err) == (0, "")
    assert "cross" in {low["scope"] for low in again.json()["lows"]}


def test_backtest_begins_after_the_hours_that_are_thinned(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    config = quiet_config(tmp_path, LASTING)
    asyncio.run(_record_thinned_dip(tmp_path))
    said = margin_monitor(config, "rules", "backtest", "--since", "2025-10-10", "--json")
    assert (said.code, said.err.count("\n")) == (0, 1), said.err
    assert said.err.startswith("main: begins at 2025-10-11 00:00 UTC: ")
    assert "retain_samples (now 90d)" in said.err
    assert said.json()["items"] == []
    (low,) = said.json()["lows"]
    assert low["level"] == "1.55"


def test_backtest_of_thinned_hours_alone_names_where_to_begin(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    asyncio.run(_record_thinned_dip(tmp_path, days=2))
    said = margin_monitor(quiet_config(tmp_path), "rules", "backtest", "--since", "2025-10-10")
    note, error = said.err.splitlines()
    assert said.code == 1
    assert note.startswith("main: begins at 2025-10-12 00:00 UTC: ")
    assert error.endswith("nothing is recorded in that time; choose a --since after 2025-10-12 00:00")


def test_impossible_backtest_says_why(tmp_path: Path) -> None:
    said = margin_monitor(quiet_config(tmp_path), "rules", "backtest")
    assert (said.code, said.err) == (2, "over what?; give --since WHEN, or --prices SYMBOL=FILE\n")


@pytest.mark.slow
def test_lint_shows_the_same_flaws_as_check(tmp_path: Path) -> None:
    config = quiet_config(tmp_path, ACTING.replace("1.5", "1.3"))
    said = margin_monitor(config, "rules", "lint", "--json")
    assert said.code == 1
    document = said.json()
    assert document["ok"] is False
    by_kind = {item["kind"]: item for item in document["items"]}
    assert by_kind.keys() == {"target", "silent-at-night", "no-blindness-rule", "no-heartbeat"}
    assert (by_kind["target"]["rule"], by_kind["target"]["result"]) == ("low", "error")
    checked = margin_monitor(config, "check", "--offline", "--json").json()
    rows = [row for row in checked["items"] if row["name"] == "rules"]
    assert f"low: {by_kind['target']['detail']}" in {row["detail"] for row in rows}
    assert checked["ok"] is False


async def _record(folder: Path, live: str) -> None:
    """Three minutes of the account of PORTFOLIO, falling, and a live document of another one."""
    store = Store.open(f"sqlite:///{folder / 'monitor.db'}", create=False)
    for minute, price in enumerate((60_000, 51_000, 49_000)):
        at = START + timedelta(minutes=minute)
        kept = tuple(Sample(scope, subject, metric, at, value) for scope, subject, metric, value in _read_at(price))
        await store.commit(JournalEntry("main", at, samples=kept, live=live))
    await store.close()


def _read_at(price: int) -> list[tuple[MetricScope, str, str, Decimal]]:
    return [
        ("cross", "", "margin_level", Decimal(price + 2000) / 40_000),
        ("cross", "", "initial_level", Decimal("1.5")),
        ("cross", "", "margin_call_level", Decimal("1.3")),
        ("cross", "", "liquidation_level", Decimal("1.1")),
        ("asset", "BTC", "held", Decimal(1)),
        ("asset", "BTC", "price_usdt", Decimal(price)),
        ("asset", "USDT", "held", Decimal(2000)),
        ("asset", "USDT", "owed", Decimal(40_000)),
    ]


async def _record_thinned_dip(folder: Path, days: int = 1) -> None:
    """Two hours of reads every minute, one on each of two days; the first `days` days are thinned to the hour.

    In the first hour the price is low for a minute. Other prices move at other times, so that reads remain all along.
    """
    store = Store.open(f"sqlite:///{folder / 'monitor.db'}", create=False)
    for day in range(2):
        samples = []
        for minute in range(60):
            at = START + timedelta(days=day, minutes=minute)
            found = _read_at(49_000 if (day, minute) == (0, 20) else 60_000)
            found += [("asset", f"A{n}", "price_usdt", Decimal(2 if minute == 2 * n else 1)) for n in range(30)]
            samples += [Sample(scope, subject, metric, at, value) for scope, subject, metric, value in found]
        await store.commit(JournalEntry("main", START + timedelta(days=day, hours=1), samples=tuple(samples)))
    await store.prune(hours_before=START + timedelta(days=days))
    await store.close()

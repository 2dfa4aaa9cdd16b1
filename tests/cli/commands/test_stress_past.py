"""`stress` through the past, as a user runs it: forty days that stand still but for two hours, worked out by hand.

Cross holds 1.5 BTC at 60,000 and 20,000 USDT against 60,000 of ETH and USDT; it is liquidated at 1.1. The pair holds
1 BTC at 50,000 against 40,000 USDT, and is liquidated at 1.15. Bitcoin fell once by 60 % and once by 10 %.
"""

import asyncio
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import parser
from monitor.core.margin.past_prices import floor_hour
from monitor.core.model.price_history import HOUR
from monitor.errors import UsageError
from monitor.store.store import Store
from tests.integration.cli.test_read_commands import _status_entry, _write
from tests.support.command import CommandOutput, margin_monitor, write_config
from tests.support.examples.past_prices import DAY_HOURS, write_past

DAYS = 40
HOURS = DAYS * DAY_HOURS
CRASH, DIP = HOURS - 480, HOURS - 240
FALLS = {CRASH: "-0.6", DIP: "-0.1"}


def new_config(folder: Path, template: Path) -> Path:
    """Return a config whose database has the example account."""
    shutil.copy(template, folder / "monitor.db")
    file = write_config(folder)
    asyncio.run(_write(file, _status_entry(datetime.now(UTC))))
    return file


@pytest.fixture
def config(tmp_path: Path, sqlite_template: Path) -> Path:
    return new_config(tmp_path, sqlite_template)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A config whose database has the falls; tests only read it."""
    file = new_config(tmp_path_factory.mktemp("known"), sqlite_template)
    fill_past(file, BTC=FALLS, ETH={})
    return file


@pytest.fixture(scope="module")
def told(known: Path) -> CommandOutput:
    """The document of the past, with odds to reach."""
    return margin_monitor(known, "stress", "--history", "40d", "--target-odds", "3%", "--json")


def fill_past(config: Path, until: datetime | None = None, **lows: dict[int, str]) -> datetime:
    """Write the past of the assets up to the present hour, and return the first hour."""
    until = until or floor_hour(datetime.now(UTC))

    async def write() -> None:
        store = Store.open(f"sqlite:///{config.parent / 'monitor.db'}", create=False)
        try:
            await write_past(store, until, DAYS, **lows)
        finally:
            await store.close()

    asyncio.run(write())
    return until - HOUR * HOURS


def histories(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the past of cross and of the pair."""
    cross, pair = document["accounts"]
    return cross["history"], pair["history"]


def test_each_scope_is_taken_through_every_window(told: CommandOutput) -> None:
    assert told.code == 0
    cross, pair = histories(told.json())
    # 960 bars: a window of 24 h can begin after the first, and 936 of them end by the last. 24 of them have the crash.
    assert (cross["window_s"], cross["windows"], cross["liquidated"]) == (86400, 936, 24)
    assert (pair["windows"], pair["liquidated"]) == (936, 48)
    assert Decimal(cross["odds"]) == Decimal(24) / 936
    assert (cross["days"], cross["days_liquidated"]) == (40, 1)
    assert (pair["days"], pair["days_liquidated"]) == (40, 2)
    # 1.5 x 24,000 + 20,000 against 60,000, and 20,000 against 40,000.
    assert cross["worst"]["level"].startswith("0.93333333")
    assert pair["worst"]["level"] == "0.5"
    assert cross["worst"]["moves"] == [{"asset": "BTC", "move": "-0.6"}, {"asset": "ETH", "move": "0"}]
    lowest_at = datetime.fromisoformat(cross["since"]) + HOUR * CRASH
    assert datetime.fromisoformat(cross["worst"]["lowest_at"]) == lowest_at
    assert pair["worst"]["lowest_at"] == cross["worst"]["lowest_at"]
    # 1 in 100 of 936 windows are 10, which have the crash; 1 in 20 are 47, which for the pair are the last of the dip.
    assert cross["level_percentiles"]["1"].startswith("0.9333")
    assert {name: pair["level_percentiles"][name] for name in ("1", "5", "50")} == {
        "1": "0.5",
        "5": "1.125",
        "50": "1.25",
    }
    assert cross["assets_without_history"] == cross["remarks"] == []


def test_amounts_that_would_have_survived_and_that_reach_the_odds(told: CommandOutput) -> None:
    cross, pair = histories(told.json())
    # 1.1 x 60,000 - 56,000; a third of the ETH, 10,000 / 1.1 at 3,000 each.
    survive = cross["to_survive"]
    assert (survive["odds"], survive["bring_in_usdt"][:6], survive["repay_asset"]) == ("0", "10000.", "ETH")
    assert round(Decimal(survive["repay"]), 4) == Decimal("3.0303")
    # 24 of 936 windows are less than 3 %; of the pair's 48, 28 may be lost: 1.15 x 40,000 - 45,000 for the others.
    assert cross["to_reach"]["bring_in_usdt"] == "0"
    reach = pair["to_reach"]
    assert (reach["odds"], reach["bring_in_usdt"][:5], reach["repay_asset"]) == ("0.03", "1000.", "USDT")
    assert round(Decimal(reach["repay"]), 2) == Decimal("869.57")
    assert pair["to_survive"]["bring_in_usdt"].startswith("26000.")


def test_text_says_on_how_many_days_and_what_would_have_helped(known: Path) -> None:
    text = margin_monitor(known, "stress", "--history", "40d", "--target-odds", "3%").out
    assert "the balances and debts of now, through every window of 1d from " in text
    assert "24 of 936" in text
    assert "2.6 %" in text
    assert "main cross: of the last 40 days this account would not have survived 1; the worst: " in text
    assert "main BTCUSDT: of the last 40 days this pair would not have survived 2; the worst: " in text
    assert "  to have survived all of it: bring in 10,010 USDT, or owe 3.031 ETH less\n" in text
    assert "  the odds are at most 3.0 % already\n" in text
    assert "  for odds of at most 3.0 %: bring in 1,001 USDT, or owe 869.6 USDT less\n" in text
    assert "BTC -60.0 %" in text
    assert "assumed:" not in text


def test_shock_and_past_are_printed_together(known: Path) -> None:
    text = margin_monitor(known, "stress", "--drop", "20%", "--history", "40d", "--window", "48h").out
    assert text.startswith("assumed: everything that is not stable falls 20.0 %")
    assert "through every window of 2d from " in text


def test_worst_window_of_each_scope_is_a_shock_of_its_own(known: Path) -> None:
    said = margin_monitor(known, "stress", "--like", "worst", "--history", "40d", "--json").json()
    cross, pair = said["accounts"]
    assert (said["shock"]["like"], said["shock"]["moves"]) == ("worst", {})
    assert (cross["level_after"][:6], pair["level_after"]) == ("0.9333", "0.5")
    # 1.1 x 1.05 x 60,000 - 56,000.
    assert cross["to_survive_usdt"] == "13300"
    assert cross["history"]["windows"] == 936
    text = margin_monitor(known, "stress", "--like", "worst", "--history", "40d").out
    assert text.startswith(
        "assumed: each scope's own worst window of the past, not one for all\nliquidated: main BTCUSDT, main cross\n"
    )


def test_calm_past_is_survived_and_said_so(config: Path) -> None:
    fill_past(config, BTC={CRASH: "-0.05"}, ETH={})
    text = margin_monitor(config, "stress", "--history", "40d").out
    assert "main cross: this account would have survived each of the last 40 days; the worst: " in text
    assert "to have survived" not in text


def test_asset_without_a_past_makes_the_odds_unknown_and_is_named(config: Path) -> None:
    fill_past(config, BTC=FALLS)
    cross, pair = histories(margin_monitor(config, "stress", "--history", "40d", "--json").json())
    assert (cross["odds"], cross["windows"], cross["assets_without_history"]) == (None, 0, ["ETH"])
    assert cross["unavailable"] == "less than 20 days of past prices of ETH"
    assert cross["remarks"] == ["past prices of ETH are not read yet"]
    assert pair["windows"] == 936
    text = margin_monitor(config, "stress", "--history", "40d").out
    assert (
        "main cross: how this account would have fared in the past is not known: "
        "less than 20 days of past prices of ETH\n" in text
    )


def test_hole_in_the_past_is_no_window_and_said(config: Path) -> None:
    until = floor_hour(datetime.now(UTC))
    fill_past(config, until - HOUR * 30, BTC=FALLS, ETH={})
    cross, _ = histories(margin_monitor(config, "stress", "--history", "40d", "--json").json())
    # The last 30 of 960 hours are not read yet.
    assert cross["windows"] == 960 - 30 - 24
    assert cross["days"] == 39
    assert any("is read up to" in remark for remark in cross["remarks"])


@pytest.mark.slow
def test_plot_is_written_and_named(known: Path, tmp_path: Path) -> None:
    path = tmp_path / "fan.png"
    said = margin_monitor(known, "stress", "--history", "40d", "--plot", str(path), "--json")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert f"wrote {path}" in said.err
    assert said.json()["accounts"]


def test_plot_of_an_unknown_past_is_refused(config: Path, tmp_path: Path) -> None:
    said = margin_monitor(config, "stress", "--history", "40d", "--plot", str(tmp_path / "fan.png"))
    assert said.code == 1
    assert said.err.startswith("--plot: nothing of the past is known that could be drawn; let `margin-monitor run`")


def test_past_that_is_longer_than_what_is_kept_is_refused(config: Path) -> None:
    said = margin_monitor(config, "stress", "--history", "400d")
    assert said.code == 2
    assert "--history: 400d is longer than the 90d of prices that are kept; ask for less, or raise" in said.err


def test_past_that_is_switched_off_is_refused(config: Path) -> None:
    config.write_text(config.read_text() + '\n[risk]\nhistory = "0"\n')
    said = margin_monitor(config, "stress", "--target-odds", "1%")
    assert said.code == 2
    assert '--history: past prices are switched off; set [risk] history = "90d", and let the daemon run' in said.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--history", "90"], "--history: '90' has no unit; write 90s, 90m or 90h"),
        (["--history", "0"], "--history: 0 is no past; write one such as 90d"),
        (
            ["--history", "12h"],
            "--history: 12h is shorter than a window of 1d; ask for a longer past, or give a shorter --window",
        ),
        (["--window", "24h"], "--window: no past is asked for; add --history 90d"),
        (
            ["--history", "9d", "--window", "90m"],
            "--window: 90m is no whole number of hours, as past prices are; write one such as 24h or 7d",
        ),
        (["--history", "90d", "--window", "31d"], "--window: 31d is too long; at most 30d"),
        (["--target-odds", "5"], "--target-odds: 5 would be 500%; write 5% if that is meant"),
        (
            ["--target-odds", "100%"],
            "--target-odds: 100% is no share of windows to be lost; write one from 0% on, such as 1%",
        ),
        (
            ["--target-odds=-1%"],
            "--target-odds: -1% is no share of windows to be lost; write one from 0% on, such as 1%",
        ),
        (["--plot", "fan.png"], "--plot: draws the past, and none is asked for; add --history 90d"),
        (
            ["--like", "worst", "--drop", "20%"],
            "--drop: the worst window of the past has moves of its own; leave it out",
        ),
        (["--like", "worst", "SOL=-5%"], "SOL=-5%: the worst window of the past has moves of its own; leave it out"),
    ],
)
def test_question_about_the_past_that_makes_no_sense_is_one_line(words: list[str], line: str) -> None:
    with pytest.raises(UsageError) as raised:
        parser.dispatch(["stress", *words])
    assert str(raised.value) == line

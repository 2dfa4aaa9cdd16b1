"""The files of a bundle: scaled by a factor that is in none of them, and of an agreement no rounding is shown."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from monitor.core.comparison.figure import ComparedFigure, FigureName
from monitor.core.model.reported_figures import ReadFailure
from monitor.view.comparison.bundle import BundleAccount, bundle_files

D = Decimal
FACTOR = D("7.77712345")
NOW = datetime(2026, 11, 1, 12, 34, 56, tzinfo=UTC)

FIGURES = (
    ComparedFigure(FigureName("net", "asset", "cross", asset="BTC"), D("1.00000001"), D(1), D("0.00000002")),
    ComparedFigure(FigureName("assets_btc", "BTC", "cross"), D("1.1"), D(1), D("0.01")),
    ComparedFigure(FigureName("margin_level", "level", "cross"), D("2.01"), D(2), D("0.02")),
    ComparedFigure(FigureName("net", "asset", "cross", asset="ETH"), D("5.00000002"), D(5), D("0.00000001")),
    ComparedFigure(FigureName("interest_24h", "asset", "cross", asset="ETH"), D("0.00000013"), D("0.00000012")),
    ComparedFigure(FigureName("collateral_margin_level", "level", "cross"), D("3.2"), D("3.9"), D("0.02")),
    ComparedFigure(FigureName("may_leave", "asset", "cross", asset="ETH"), D("3.2"), D("3.2")),
    ComparedFigure(FigureName("margin_level_by_totals", "level", "cross"), D("2.01234567"), D(2)),
    ComparedFigure(
        FigureName("margin_level", "level", "isolated"),
        why="isolated/account failed: from 203.0.113.7",
        failure=ReadFailure("isolated/account", "key_invalid", "from 203.0.113.7", -2015),
    ),
)


def write() -> dict[str, str]:
    account = BundleAccount(FIGURES, ())
    return bundle_files(
        [account], {"default_rules": True}, {"margin-monitor": "0.1.0"}, NOW, lambda: FACTOR, lambda: D("0.5")
    )


def items() -> dict[str, Any]:
    compared = json.loads(write()["compare.json"])["items"]
    return {f"{item['scope']} {item['figure']} {item['asset'] or ''}".strip(): item for item in compared}


def test_differing_amounts_keep_their_relation_and_levels_their_values() -> None:
    found = items()
    assets = found["cross assets_btc"]
    assert (assets["exchange"], assets["ours"], assets["relative"]) == ("7.777", "8.555", "0.1")
    level = found["cross margin_level"]
    assert (level["exchange"], level["ours"], level["difference"]) == ("2", "2.01", "0.01")


def test_agreeing_amount_shows_no_rounding_and_no_allowance() -> None:
    net = items()["cross net BTC"]
    assert (net["ours"], net["exchange"], net["difference"]) == ("7.777", "7.777", "0")
    assert {item["allowed"] for item in items().values()} == {None}


def test_few_steps_of_the_exchange_are_named_small_in_each_number_and_their_part() -> None:
    found = items()
    net, interest = found["cross net ETH"], found["cross interest_24h ETH"]
    assert (net["exchange"], net["difference"], net["relative"], net["result"]) == (
        "38.89",
        "small",
        "small",
        "different",
    )
    assert {interest[name] for name in ("exchange", "ours", "difference", "relative")} == {"small"}


def test_figures_of_tiers_in_usd_are_hidden_and_a_level_of_totals_has_four_digits() -> None:
    found = items()
    level, leaving, by_totals = (
        found[f"cross {name}"] for name in ("collateral_margin_level", "may_leave ETH", "margin_level_by_totals")
    )
    assert (level["ours"], level["exchange"], level["difference"], level["relative"]) == (
        "***",
        "***",
        "***",
        "-0.1795",
    )
    assert (leaving["ours"], leaving["exchange"], leaving["difference"]) == ("***", "***", "0")
    assert (by_totals["exchange"], by_totals["ours"], by_totals["difference"]) == ("2", "2.012", "0.01235")


def test_failed_read_is_its_code_without_the_words_of_the_exchange() -> None:
    why = items()["isolated margin_level"]["why"]
    assert why == "isolated/account failed: key_invalid, the exchange's code -2015"


def test_no_file_has_the_factor_or_the_minute() -> None:
    everything = "".join(write().values())
    assert str(FACTOR) not in everything
    assert "12:34" not in everything

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
    ComparedFigure(
        FigureName("margin_level", "level", "isolated"),
        why="isolated/account failed: from 203.0.113.7",
        failure=ReadFailure("isolated/account", "key_invalid", "from 203.0.113.7", -2015),
    ),
)


def write() -> dict[str, str]:
    account = BundleAccount(FIGURES, ())
    return bundle_files([account], {"default_rules": True}, {"margin-monitor": "0.1.0"}, NOW, lambda: FACTOR)


def items() -> dict[str, Any]:
    compared = json.loads(write()["compare.json"])["items"]
    return {f"{item['scope']} {item['figure']}": item for item in compared}


def test_differing_amounts_keep_their_relation_and_levels_their_values() -> None:
    found = items()
    assets = found["cross assets_btc"]
    assert (assets["exchange"], assets["ours"], assets["relative"]) == ("7.77712", "8.55484", "0.1")
    level = found["cross margin_level"]
    assert (level["exchange"], level["ours"], level["difference"]) == ("2", "2.01", "0.01")


def test_agreeing_amount_shows_no_rounding_and_no_allowance() -> None:
    net = items()["cross net"]
    assert (net["ours"], net["exchange"], net["difference"]) == ("7.77712", "7.77712", "0")
    assert {item["allowed"] for item in items().values()} == {None}


def test_failed_read_is_its_code_without_the_words_of_the_exchange() -> None:
    why = items()["isolated margin_level"]["why"]
    assert why == "isolated/account failed: key_invalid, the exchange's code -2015"


def test_no_file_has_the_factor_or_the_minute() -> None:
    everything = "".join(write().values())
    assert str(FACTOR) not in everything
    assert "12:34" not in everything

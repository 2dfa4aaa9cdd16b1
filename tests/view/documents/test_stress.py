"""The `stress` document: the worked example under a shock, scope by scope, and what is not known stays so."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from monitor.core.margin.stress import Shock
from monitor.core.margin.stress_scenarios import STRESS_SCENARIOS
from monitor.core.model.account import Balance
from monitor.core.state.account_state import AccountState
from monitor.view.documents.account import account_document
from monitor.view.documents.status import DaemonStatus, status_document
from monitor.view.documents.stress import StableAssets, stress_document
from monitor.view.documents.stress_portfolio import portfolio_of
from monitor.view.documents.types.status import StatusDocument
from monitor.view.documents.types.stress import StressDocument
from monitor.view.terminal.stress import note_lines, scenario_cells, stress_table_rows, verdict_lines
from tests.support.examples import documents
from tests.support.examples.document_types import json_form

KEEPERS = StableAssets(documents.SETTINGS.stable_assets, {"WBETH": "ETH"})
NIGHT = STRESS_SCENARIOS["2025-10-10"]


def status(*states: AccountState) -> StatusDocument:
    live = {state.account: account_document(state, documents.SETTINGS, documents.NOW, "1") for state in states}
    return status_document(list(live), live, DaemonStatus(), documents.NOW, "1")


def items(shock: Shock, *states: AccountState) -> dict[str, dict[str, Any]]:
    document = json_form(stress_document(status(*(states or (documents.STATE,))), shock, KEEPERS), StressDocument)
    return {item["symbol"] or item["scope"]: item for item in document["accounts"]}


def test_a_drop_of_20_percent_liquidates_the_pair_and_not_cross() -> None:
    found = items(Shock(drop=Decimal("0.2")))
    assert list(found) == ["cross", "BTCUSDT"]
    cross, pair = found["cross"], found["BTCUSDT"]
    assert (cross["account"], cross["scope"], cross["symbol"], cross["liquidated"]) == ("main", "cross", None, False)
    assert cross["level_after"].startswith("1.70370")
    assert cross["to_survive_usdt"] == "0"
    assert cross["first_to_liquidate"]["asset"] == "BTC"
    assert cross["first_to_liquidate"]["move"].startswith("-0.4888")
    # 40,000 against 40,000; 1.15 x 1.05 x 40,000 - 40,000; 46,000 is 8 % away, 40 % of a fall by 20 %.
    assert (pair["level_after"], pair["liquidated"], pair["to_survive_usdt"]) == ("1", True, "8300")
    assert pair["first_to_liquidate"] == {"asset": "BTC", "move": "-0.08", "price_usdt": "46000"}
    assert pair["liquidated_at"] == "0.4"


def test_the_distance_of_a_total_shock_is_the_drop_of_the_status() -> None:
    document = status(documents.STATE)
    (account,) = document["accounts"]
    found = items(Shock(drop=Decimal("0.99")))["cross"]
    drop = Decimal(found["liquidated_at"]) * Decimal("0.99")
    assert abs(drop - Decimal(account["cross"]["drop_to_liquidation"] or 0)) < Decimal("1E-20")


def test_scope_without_debt_has_no_levels() -> None:
    found = items(Shock(drop=Decimal("0.2")), documents.WITHOUT_DEBT)["cross"]
    assert (found["state"], found["level_before"], found["level_after"], found["liquidated"]) == (
        "no_debt",
        None,
        None,
        False,
    )
    document = stress_document(status(documents.WITHOUT_DEBT), Shock(drop=Decimal("0.2")), KEEPERS)
    assert [line.text for line in note_lines(document, Shock())] == ["spare cross owes nothing"]


def test_unpriced_asset_is_the_remainder_of_the_exchange_totals() -> None:
    held = {**documents.CROSS.balances, "ODD": Balance("ODD", free=Decimal(7))}
    cross = replace(documents.CROSS, balances=held, margin_level=Decimal(2), assets_btc=Decimal(2))
    document = status(replace(documents.STATE, cross=cross))
    portfolio = portfolio_of(document["accounts"][0]["cross"])
    assert portfolio is not None
    assert portfolio.totals.assets == Decimal(120_000)
    # It falls with the alts: 1.5 x 52,134 + 20,000 + 10,000 x 0.15 against 10 x 2,115 + 30,000.
    found = items(Shock(scenario=NIGHT), replace(documents.STATE, cross=cross))["cross"]
    assert round(Decimal(found["level_after"]), 4) == Decimal("1.9492")


def test_text_names_the_first_liquidation_first() -> None:
    shock = Shock(drop=Decimal("0.2"))
    document = stress_document(status(documents.STATE), shock, KEEPERS)
    assert [line.text for line in verdict_lines(document, shock)] == [
        "assumed: everything that is not stable falls 20.0 %",
        "main BTCUSDT falls first, 40.0 % of the way",
    ]
    rows = [[cell.text for cell in row] for row in stress_table_rows(document).rows]
    assert rows[0][:7] == [
        *("main", "BTCUSDT", "1.25", "1.00", "LIQUIDATED 40.0 % of the way"),
        *("8,300 USDT", "BTC -8.0 % to 46,000.00"),
    ]
    assert [row[4] for row in rows] == ["LIQUIDATED 40.0 % of the way", "survives"]


def test_each_scope_has_a_line_about_the_historical_night() -> None:
    # Cross: 1.5 x 52,134 + 20,000 against 10 x 2,115 + 30,000. The pair: 50,000 x 0.8689 against 40,000.
    lines = [cell.text for cell in scenario_cells(status(documents.STATE), NIGHT, KEEPERS)]
    assert lines == [
        "main cross: if 2025-10-10 came again: 1.91, survives",
        "main BTCUSDT: if 2025-10-10 came again: 1.08, liquidated; 4,855 USDT more would survive",
    ]

"""What `status` shows first: danger before calm, what can't be believed before everything, and what can be done."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from monitor.core.model.account import Balance, IsolatedPair, PairStatus, Thresholds, WalletBalances
from monitor.core.model.events import RatesRead
from monitor.core.state.account_state import AccountState
from monitor.core.state.price_state import PriceState
from monitor.records.leases import Holder
from monitor.view.documents.account import account_document
from monitor.view.documents.status import DaemonStatus, merge_fetched, status_document
from monitor.view.documents.stress import StableAssets
from monitor.view.documents.types.status import StatusDocument
from monitor.view.terminal.scopes_table import scopes_table
from monitor.view.terminal.status_screen import (
    data_issue_cells,
    debts_table,
    headlines,
    interest_cells,
    recovery_cells,
    status_lines,
    transfer_out_cells,
)
from monitor.view.terminal.table import Cell
from tests.support.examples import documents
from tests.support.examples.document_types import json_form

KEEPERS = StableAssets(documents.SETTINGS.stable_assets, {})
RUNNING = DaemonStatus(running=True, pid=1, since=documents.NOW)
CALM = replace(documents.STATE, isolated=None)


def status_with_account(state: AccountState, later: timedelta = timedelta()) -> Any:
    live = {state.account: account_document(state, documents.SETTINGS, documents.NOW, "1")}
    return json_form(status_document(list(live), live, RUNNING, documents.NOW + later, "1"), StatusDocument)


def cross_with(initial: str, call: str, liquidation: str) -> AccountState:
    """The worked example, level 1.8333, under other bars."""
    return replace(
        CALM,
        thresholds=replace(CALM.thresholds, cross=Thresholds(Decimal(initial), Decimal(call), Decimal(liquidation))),
    )


def texts(cells: list[Cell]) -> list[str]:
    return [cell.text for cell in cells]


def test_daemons_that_share_the_accounts_are_named() -> None:
    states = [replace(CALM, account=name) for name in "ab"]
    live = {state.account: account_document(state, documents.SETTINGS, documents.NOW, "1") for state in states}
    shared = replace(RUNNING, holders={"a": Holder("desk", 7, documents.NOW, documents.NOW)})
    found = status_lines(status_document(list(live), live, shared, documents.NOW, "1"))
    assert found[1:3] == [Cell("b: watched by no daemon", "bad"), Cell("a: watched on desk, pid 7", "dim")]
    alone = status_lines(status_document(list(live), live, RUNNING, documents.NOW, "1"))
    assert not [cell for cell in alone if "watched" in cell.text]


def test_ok_account_is_one_line_naming_the_nearest_scope() -> None:
    assert headlines(status_with_account(CALM)) == [
        Cell("main: ok; nearest to liquidation is cross, liquidated if prices fall 77.1 %", "good")
    ]


def test_each_level_band_has_its_wording() -> None:
    # 60,000 x 1.7 - 30,000 x ... : k = (1.7 x 30,000 - 20,000) / (90,000 - 1.7 x 30,000) = 0.795, a fall of 20.5 %.
    for thresholds, tone, fragments in (
        (("2", "1.8", "1.7"), "note", ("initial bar 2.00", "20.5 %")),
        (("2", "1.9", "1.7"), "bad", ("MARGIN CALL", "20.5 %")),
        (("2", "1.95", "1.9"), "bad", ("LIQUIDATION",)),
    ):
        (line,) = headlines(status_with_account(cross_with(*thresholds)))
        assert line.tone == tone
        for words in ("main cross", "1.83", *fragments):
            assert words in line.text


def test_stale_data_are_not_shown_as_ok() -> None:
    (line,) = headlines(status_with_account(CALM, timedelta(minutes=10)))
    assert line.tone == "bad"
    assert "NOT TO BE RELIED ON" in line.text
    assert "10m 30s" in line.text


def test_unknown_and_debt_free_are_distinguished() -> None:
    assert texts(headlines(status_with_account(AccountState("main", documents.NOW)))) == ["main: nothing is known yet"]
    assert texts(headlines(status_with_account(documents.WITHOUT_DEBT))) == ["spare: nothing is owed"]


def test_refused_key_is_shown_first() -> None:
    assert texts(headlines(status_with_account(replace(CALM, keys=replace(CALM.keys, is_accepted=False)))))[
        0
    ].startswith("main: THE EXCHANGE REFUSES THE KEY")


def test_reached_threshold_is_shown() -> None:
    rows = scopes_table(status_with_account(cross_with("2", "1.9", "1.1"))["accounts"], KEEPERS).rows
    assert [cell.text for cell in rows[0]][:5] == ["cross", "1.83", "MARGIN CALL", "call 1.90", "reached"]


def test_pair_shows_the_liquidation_price_of_the_exchange() -> None:
    rows = scopes_table(status_with_account(documents.STATE)["accounts"], KEEPERS).rows
    # 50,000 - 46,000 = 8 %, with 1 BTC; the call at 1.19 x 40,000.
    assert [cell.text for cell in rows[2]][:7] == [
        *("BTCUSDT", "1.25", "over 1.25", "call 1.19", "fall 4.8 %", "2,400", "BTC 47,600")
    ]
    assert [cell.text for cell in rows[3]][3:7] == ["liq. 1.15", "fall 8.0 %", "4,000", "BTC 46,000"]


def test_pair_of_two_volatile_assets_is_described_by_its_own_price() -> None:
    # 5 ETH at 0.04 BTC against 0.1 BTC, and BTC at 60,000: the call at 1.19 x 0.1 / 5 = 0.0238, 40.5 % of 12,000 USDT.
    pair = IsolatedPair(
        symbol="ETHBTC",
        base=Balance("ETH", free=Decimal(5)),
        quote=Balance("BTC", borrowed=Decimal("0.1")),
        margin_level=Decimal(2),
        status=PairStatus.NORMAL,
        index_price=Decimal("0.04"),
        liquidation_price=Decimal("0.023"),
    )
    isolated = replace(documents.ISOLATED, pairs={"ETHBTC": pair})
    state = replace(
        documents.STATE,
        cross=None,
        isolated=isolated,
        thresholds=replace(documents.STATE.thresholds, tiers={"ETHBTC": documents.STATE.thresholds.tiers["BTCUSDT"]}),
    )
    rows = scopes_table(status_with_account(state)["accounts"], KEEPERS).rows[-2:]
    assert [cell.text for cell in rows[0]][3:7] == ["call 1.19", "fall 40.5 %", "4,860", "ETH 0.0238"]
    assert [cell.text for cell in rows[1]][3:7] == ["liq. 1.15", "fall 42.5 %", "5,100", "ETH 0.023"]


def test_unknown_distance_is_not_shown_as_infinite() -> None:
    starting = replace(CALM, thresholds=replace(CALM.thresholds, cross=None), started_at=documents.NOW)
    (line,) = headlines(status_with_account(starting))
    assert line.tone == "note"
    assert "1.83" in line.text
    assert "not known" in line.text
    assert "infinite" not in line.text


def test_rate_is_shown_with_its_age() -> None:
    # 0.001 % an hour, published 40 minutes ago.
    rates = RatesRead({"USDT": Decimal("0.00001")}, {}, documents.NOW - timedelta(minutes=40))
    table = debts_table(
        status_with_account(replace(CALM, interest=replace(CALM.interest, rates=rates)))["accounts"], documents.NOW
    )
    assert table.headings == ("scope", "owed", "value", "a year", "rate age", "free of it")
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["cross", "10 ETH", "30,000.00 USDT", "not known yet", "", "0 ETH"],
        ["cross", "30,000 USDT", "30,000.00 USDT", "8.7 %", "40m", "20,000 USDT"],
    ]


def test_recovery_is_shown_only_for_endangered_scopes() -> None:
    spot = {"spot": WalletBalances(documents.NOW, {"USDT": Decimal(8000)})}
    below = replace(cross_with("2", "1.9", "1.1"), wallets=spot)
    (line,) = recovery_cells(status_with_account(below)["accounts"], documents.NOW)
    for words in ("main cross", "2.10", "7,620 USDT", "14,550 USDT", "0.2477 BTC"):
        assert words in line.text
    nearly = replace(cross_with("1.8", "1.3", "1.1"), wallets=spot)
    document = status_with_account(nearly)
    assert document["accounts"][0]["cross"]["restore"] is not None
    assert recovery_cells(document["accounts"], documents.NOW) == []


def test_stale_wallets_are_marked() -> None:
    below = replace(
        cross_with("2", "1.9", "1.1"), wallets={"spot": WalletBalances(documents.NOW, {"USDT": Decimal(8000)})}
    )
    (line,) = recovery_cells(status_with_account(below)["accounts"], documents.NOW + timedelta(minutes=7))
    assert line.text.endswith("(spot and funding read 7m ago)")


def test_transfer_out_limit_keeps_a_collateral_level_of_2() -> None:
    # 2.1 x 60,000 - 2 x 60,000
    rich = replace(CALM, cross=replace(documents.CROSS, collateral_margin_level=Decimal("2.1")))
    (line,) = transfer_out_cells(status_with_account(rich)["accounts"])
    for words in ("main cross", "0.1 BTC (6,000 USDT)", "or 6,000 USDT", "2.10", "2.00"):
        assert words in line.text
    assert list(transfer_out_cells(status_with_account(CALM)["accounts"])) == []


def test_interest_is_shown_when_it_liquidates_within_a_year() -> None:
    document = account_document(CALM, documents.SETTINGS, documents.NOW, "1")
    for seconds, told in ((None, []), (86_400 * 400, []), (86_400 * 30 + 3600, ["30d 1h"])):
        document["cross"]["time_to_liquidation_by_interest"] = seconds
        assert [line.text.rpartition(" in ")[2] for line in interest_cells([document])] == told


def test_fetched_account_keeps_figures_only_the_daemon_has() -> None:
    alerted = replace(documents.STATE, alerts={documents.ALERT.key: documents.ALERT})
    stored = account_document(alerted, documents.SETTINGS, documents.NOW, "1")
    stored["cross"]["balances"][2]["hourly_rate"] = "0.00001"
    alone = replace(documents.STATE, streams={})
    document = merge_fetched(account_document(alone, documents.SETTINGS, documents.NOW, "1"), stored)
    assert (document["alerts_firing"], document["worst_alert"]) == (1, "critical")
    assert [stream["name"] for stream in document["streams"]] == ["account"]
    assert [row["hourly_rate"] for row in document["cross"]["balances"]] == [None, None, "0.00001"]


def test_data_issues_are_named() -> None:
    rows = {**documents.CROSS.balances, "XYZ": Balance("XYZ", free=Decimal(1))}
    document = status_with_account(replace(CALM, cross=replace(documents.CROSS, balances=rows)))
    (gap,) = document["accounts"][0]["cross"]["gaps"]
    assert (gap["kind"], gap["name"]) == ("no_price", "XYZ")
    assert texts(list(data_issue_cells(document["accounts"]))) == [f"main cross: {gap['text']}"]


def test_live_level_is_shown_with_its_age_and_that_of_its_snapshot() -> None:
    # Read at 21:15:00, prices of 21:15:29, looked at half a minute after the read.
    assert [
        row[-1].text for row in scopes_table(status_with_account(CALM)["accounts"], KEEPERS).rows if row[-1].text
    ] == ["1s/30s"]
    without_prices = replace(CALM, prices=PriceState())
    assert [
        row[-1].text
        for row in scopes_table(status_with_account(without_prices)["accounts"], KEEPERS).rows
        if row[-1].text
    ] == ["30s polled"]

"""The worst window of each scope's own past as a shock, from the odds that find it to the table."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from monitor.core.margin.stress import Shock
from monitor.core.model.events import NextRatesRead
from monitor.core.model.price_history import HOUR
from monitor.core.state.account_state import AccountState, InterestState
from monitor.odds.calculation import measure_odds
from monitor.odds.past import HourlyPast
from monitor.view.documents.account import account_document
from monitor.view.documents.status import DaemonStatus, status_document
from monitor.view.documents.stress import StableAssets, stress_document
from monitor.view.documents.stress_portfolio import scopes_of
from monitor.view.documents.types.stress import StressDocument
from monitor.view.past.odds_questions import odds_question
from monitor.view.past.windows_document import past_windows_document
from monitor.view.terminal.stress import stress_table_rows, verdict_lines
from tests.odds.odds_examples import NO_MINIMUM, past_of
from tests.support.examples import documents

STILL = ("100", "100", "100")
KEEPERS = StableAssets(documents.SETTINGS.stable_assets, {})


def worst_windows(state: AccountState, past: HourlyPast, window: timedelta) -> StressDocument:
    """Take each scope of the example through the past, and then through its own worst window."""
    live = {state.account: account_document(state, documents.SETTINGS, documents.NOW, "1")}
    status = status_document(list(live), live, DaemonStatus(), documents.NOW, "1")
    (account,) = status["accounts"]
    histories = {}
    for label, scope in scopes_of(account):
        question = odds_question(scope)
        assert question is not None
        (answer,) = measure_odds(question, past, [window], min_history=NO_MINIMUM)
        histories[account["account"], label] = past_windows_document(answer)
    return stress_document(status, Shock(), KEEPERS, histories, worst_window=window)


def test_interest_of_the_window_is_charged_so_that_shock_and_past_agree() -> None:
    # At 0.1 % an hour the pair owes 40,080 in the second hour: 46,050 / 40,080. Without interest it would survive.
    rates = NextRatesRead({}, {"USDT": Decimal("0.001")}, documents.NOW)
    state = replace(documents.STATE, interest=InterestState(next_rates=rates))
    past = past_of(BTC=[STILL, STILL, ("92.1", "100", "100")], ETH=[STILL] * 3)
    pair = worst_windows(state, past, HOUR * 2)["accounts"][1]
    level = Decimal(46_050) / 40_080
    assert pair["history"] is not None and pair["history"]["worst"] is not None
    assert abs(Decimal(pair["history"]["worst"]["level"]) - level) < Decimal("1E-20")
    assert abs(Decimal(pair["level_after"] or 0) - level) < Decimal("1E-20")
    assert pair["history"]["liquidated"] == 1
    assert pair["liquidated"]
    # 1.15 x 1.05 x 40,080 - 46,050.
    assert Decimal(pair["to_survive_usdt"] or 0) == Decimal("2346.6")
    # The pair has room for 50,000 - 1.15 x 40,080 of a fall by 3,950.
    assert round(Decimal(pair["liquidated_at"] or 0), 6) == round(Decimal(3_908) / 3_950, 6)


def test_window_that_is_nowhere_worse_than_now_charges_nothing() -> None:
    rates = NextRatesRead({}, {"USDT": Decimal("0.001")}, documents.NOW)
    state = replace(documents.STATE, interest=InterestState(next_rates=rates))
    rising = [("100", "100", "100"), ("110", "110", "110"), ("120", "120", "120")]
    pair = worst_windows(state, past_of(BTC=rising, ETH=[STILL] * 3), HOUR)["accounts"][1]
    assert (pair["level_before"], pair["level_after"], pair["liquidated"]) == ("1.25", "1.25", False)


def test_scopes_with_worst_windows_at_different_times_are_not_put_in_an_order_of_time() -> None:
    # Cross owes ETH, which is 2.6 times as dear in the second hour: 110,000 / 108,000; BTC falls by 30 % in the third.
    past = past_of(
        BTC=[STILL, STILL, ("70", "100", "100")],
        ETH=[STILL, ("100", "260", "100"), STILL],
    )
    document = worst_windows(documents.STATE, past, HOUR)
    assert [line.text for line in verdict_lines(document, Shock())] == [
        "assumed: each scope's own worst window of the past, not one for all",
        "liquidated: main BTCUSDT, main cross",
    ]
    table = stress_table_rows(document)
    assert table.headings[5] == "lowest at (UTC)"
    assert [[row[n].text for n in (1, 3, 5)] for row in table.rows] == [
        ["BTCUSDT", "0.87", "2025-02-03 02:00"],
        ["cross", "1.01", "2025-02-03 01:00"],
    ]

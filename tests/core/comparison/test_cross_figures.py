"""Cross figures beside the exchange's, on an account of 2 BTC at 50,000 that owes 50,000 USDT: a level of 2."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from monitor.core.comparison.cross_figures import compare_cross
from monitor.core.comparison.figure import ComparedFigure
from monitor.core.model.account import Balance, CollateralTier, Price, Thresholds
from monitor.core.model.reported_figures import AccountReport, ReadFailure, ReportedBalance, ReportedCross
from monitor.core.numbers.amounts import INFINITE

D = Decimal
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ONE_PERCENT = D("0.01")

CROSS = ReportedCross(
    balances=(
        ReportedBalance(Balance("BTC", free=D(2)), D(2)),
        ReportedBalance(Balance("USDT", borrowed=D(49990), interest=D(10)), D(-50000)),
    ),
    margin_level=D(2),
    collateral_margin_level=D("1.9"),
    assets_btc=D(2),
    liabilities_btc=D(1),
    net_btc=D(1),
    collateral_usdt=D(95000),
)
REPORT = AccountReport(
    cross=CROSS,
    isolated=None,
    prices={"BTCUSDT": Price(D(50000), NOW)},
    thresholds=Thresholds(D("1.5"), D("1.3"), D("1.1")),
    collateral={"BTC": (CollateralTier(D(0), None, D("0.95")),)},
)


def compare(report: AccountReport) -> dict[tuple[str, str], ComparedFigure]:
    return {(one.name.figure, one.name.asset): one for one in compare_cross(report, ONE_PERCENT)}


def test_agreeing_figures_are_the_same() -> None:
    found = compare(REPORT)
    assert {one.result for key, one in found.items() if key[0] != "liquidation_price"} == {"same"}
    assert found["collateral_usdt", ""].ours == 95000
    assert found["collateral_margin_level", ""].ours == D("1.9")


def test_liquidation_price_is_ours_alone_and_says_so() -> None:
    found = compare(REPORT)["liquidation_price", "BTC"]
    # 2 BTC x 27,500 = 55,000 = 1.1 x 50,000
    assert (found.ours, found.result) == (D(27500), "not_reported")
    assert "page" in found.why


def test_level_that_differs_by_five_percent_is_named_with_its_difference() -> None:
    found = compare(replace(REPORT, cross=replace(CROSS, margin_level=D("1.9"))))
    level = found["margin_level", ""]
    assert (level.result, level.difference) == ("different", D("0.1"))
    assert level.relative is not None and round(level.relative, 4) == D("0.0526")
    # The exchange's own totals contradict it, too: no price is to blame.
    assert found["margin_level_by_totals", ""].result == "different"


def test_net_amount_differs_by_the_last_decimals() -> None:
    wrong = ReportedBalance(Balance("BTC", free=D(2)), D("2.00000002"))
    found = compare(replace(REPORT, cross=replace(CROSS, balances=(wrong, CROSS.balances[1]))))
    assert found["net", "BTC"].result == "different"


def test_asset_without_a_price_is_named_and_only_dust_is_no_reason_to_doubt() -> None:
    odd = ReportedBalance(Balance("ODD", free=D(5)), D(5))
    dusty = replace(CROSS, balances=(*CROSS.balances, odd), assets_btc=D("2.0001"))
    found = compare(replace(REPORT, cross=dusty))
    assert (found["assets_btc", ""].result, "ODD" in found["assets_btc", ""].why) == ("same", True)
    worthy = compare(replace(REPORT, cross=replace(dusty, assets_btc=D(3), net_btc=D(2), margin_level=D(3))))
    for figure in ("assets_btc", "equity_btc", "margin_level"):
        assert (worthy[figure, ""].result, "ODD" in worthy[figure, ""].why) == ("unavailable", True)
    assert worthy["net", "ODD"].result == "same"
    assert worthy["liquidation_price", "BTC"].ours is None


def test_prices_that_were_not_read_leave_no_figure_out() -> None:
    found = compare(replace(REPORT, prices=ReadFailure("ticker/price", "exchange_unreachable", "timed out")))
    for figure in ("assets_btc", "liabilities_btc", "equity_btc", "margin_level", "collateral_usdt"):
        assert (found[figure, ""].result, found[figure, ""].ours) == ("unavailable", None)
    assert found["margin_level_by_totals", ""].result == "same"


def test_failed_read_names_every_figure_as_unavailable() -> None:
    found = compare(replace(REPORT, cross=ReadFailure("margin/account", "exchange_refused", "no", -3003)))
    assert len(found) == 7
    assert {one.result for one in found.values()} == {"unavailable"}
    assert {one.why for one in found.values()} == {"margin/account failed: no"}


def test_account_without_debts_has_an_infinite_level_on_both_sides() -> None:
    held = replace(
        CROSS,
        balances=CROSS.balances[:1],
        margin_level=INFINITE,
        collateral_margin_level=INFINITE,
        liabilities_btc=D(0),
        net_btc=D(2),
    )
    found = compare(replace(REPORT, cross=held))
    assert {one.result for one in found.values()} == {"same"}
    assert ("liquidation_price", "BTC") not in found

"""What may leave cross: 2 BTC at 50,000 count 95,000; 25,000 USDT owed keep 50,000, so that 45,000 ÷ 0.95 may leave."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from monitor.core.comparison.transfer_figures import compare_transfers, transferable_assets
from monitor.core.model.account import Balance, CollateralTier, Price
from monitor.core.model.reported_figures import AccountReport, ReadFailure, ReportedBalance, ReportedCross

D = Decimal
PRICES = {"BTCUSDT": Price(D(50000), datetime(2026, 11, 1, tzinfo=UTC))}
CROSS = ReportedCross(
    balances=(
        ReportedBalance(Balance("BTC", free=D(2)), D(2)),
        ReportedBalance(Balance("USDT", borrowed=D(25000)), D(-25000)),
    ),
    margin_level=D(4),
    collateral_margin_level=D("3.8"),
    assets_btc=D(2),
    liabilities_btc=D("0.5"),
    net_btc=D("1.5"),
    collateral_usdt=D(95000),
)
REPORT = AccountReport(
    CROSS,
    None,
    PRICES,
    collateral={"BTC": (CollateralTier(D(0), None, D("0.95")),)},
    transferable={"BTC": D("0.94736842")},
)
ONE_PERCENT = D("0.01")


def test_limit_agrees_with_the_worked_example() -> None:
    (found,) = compare_transfers(REPORT, ONE_PERCENT)
    assert (found.ours, found.result) == (D("0.94736842"), "same")


def test_limit_beyond_the_tolerance_of_collateral_and_debts_differs() -> None:
    # (95,000 + 2 x 25,000) x 1 % / 50,000 / 0.95 = 0.0305 BTC
    results = {
        reported: next(iter(compare_transfers(replace(REPORT, transferable={"BTC": D(reported)}), ONE_PERCENT))).result
        for reported in ("0.92", "0.91")
    }
    assert results == {"0.92": "same", "0.91": "different"}


def test_limit_that_was_not_read_is_named() -> None:
    failure = ReadFailure("maxTransferable", "exchange_refused", "no", -3003)
    (found,) = compare_transfers(replace(REPORT, transferable={"BTC": failure}), ONE_PERCENT)
    assert (found.result, found.why) == ("unavailable", "maxTransferable failed: no")


def test_limits_are_asked_only_while_something_is_owed_and_may_leave() -> None:
    assert transferable_assets(CROSS, PRICES) == ["BTC"]
    assert transferable_assets(replace(CROSS, transfer_out_enabled=False), PRICES) == []
    assert transferable_assets(replace(CROSS, balances=CROSS.balances[:1]), PRICES) == []

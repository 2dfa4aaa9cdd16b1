"""Figures of a long pair: 1 BTC at 30,000, 20,000 USDT owed; level 1.5, liquidated at 1.1 x 20,000."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from monitor.core.comparison.figure import ComparedFigure
from monitor.core.comparison.pair_figures import compare_pairs
from monitor.core.model.account import Balance, IsolatedPair, LeverageTier, PairStatus, Price
from monitor.core.model.reported_figures import AccountReport, ReadFailure, ReportedIsolated, ReportedPair
from monitor.core.state.account_settings import AccountSettings

D = Decimal
NOW = datetime(2026, 11, 1, tzinfo=UTC)

PAIR = IsolatedPair(
    symbol="BTCUSDT",
    base=Balance("BTC", free=D(1)),
    quote=Balance("USDT", borrowed=D(20000)),
    margin_level=D("1.5"),
    status=PairStatus.NORMAL,
    index_price=D(30000),
    liquidation_price=D(22000),
)
TIERS = (LeverageTier(1, D("1.25"), D("1.1"), D(9), D(70000)),)
SETTINGS = AccountSettings("main", isolated_margin_call={D("1.1"): D("1.15")})


def compare(
    pair: IsolatedPair, tiers: object = TIERS, settings: AccountSettings = SETTINGS
) -> dict[str, ComparedFigure]:
    reported = ReportedIsolated((ReportedPair(pair, D(1), D(-20000)),), D(1), D(20000) / D(30000), D(1) / 3)
    prices = {"BTCUSDT": Price(D(30000), NOW)}
    report = AccountReport(None, reported, prices, tiers={pair.symbol: tiers})  # type: ignore[dict-item]
    return {
        f"{one.name.figure} {one.name.asset or one.name.symbol}": one
        for one in compare_pairs(report, settings, D("0.01"))
    }


def test_level_and_liquidation_price_agree_with_the_worked_example() -> None:
    found = compare(PAIR)
    assert (found["margin_level BTCUSDT"].ours, found["margin_level BTCUSDT"].result) == (D("1.5"), "same")
    price = found["liquidation_price BTCUSDT"]
    assert (price.ours, price.result) == (D(22000), "same")
    assert {found[f"{figure} "].result for figure in ("assets_btc", "liabilities_btc", "equity_btc")} == {"same"}


def test_other_liquidation_price_is_a_difference() -> None:
    found = compare(replace(PAIR, liquidation_price=D(21000)))["liquidation_price BTCUSDT"]
    assert (found.result, found.difference) == ("different", D(1000))


def test_margin_call_is_in_no_answer_and_its_source_is_named() -> None:
    known = compare(PAIR)["margin_call_level BTCUSDT"]
    assert (known.ours, known.result) == (D("1.15"), "not_reported")
    supposed = compare(PAIR, settings=AccountSettings("main"))["margin_call_level BTCUSDT"]
    assert "supposed" in supposed.why


def test_unread_tiers_and_pairs_that_do_not_exist_are_named() -> None:
    settings = replace(SETTINGS, isolated=("BTCUSDT", "ETHUSDT"))
    found = compare(PAIR, ReadFailure("isolatedMarginTier", "exchange", "timed out"), settings)
    assert found["liquidation_price BTCUSDT"].result == "unavailable"
    assert found["margin_level ETHUSDT"].why == "the exchange lists no such pair of the account"


def test_disabled_pair_is_named_and_not_left_out() -> None:
    named = replace(SETTINGS, isolated=("BTCUSDT",))
    for settings in (SETTINGS, named):
        found = compare(replace(PAIR, enabled=False), settings=settings)["margin_level BTCUSDT"]
        assert (found.result, found.ours, found.why) == ("not_reported", None, "the pair is disabled")
    empty = replace(PAIR, base=Balance("BTC"), quote=Balance("USDT"), enabled=False)
    assert "margin_level BTCUSDT" in compare(empty, settings=named)
    assert "margin_level BTCUSDT" not in compare(empty)

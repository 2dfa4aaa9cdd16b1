"""Forced liquidation by hand-worked figures."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from monitor.sandbox.scenario.builtin import crash_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, PairSpec, Scenario, initial_balance
from monitor.sandbox.trading import orders
from tests.support.sandbox_client import advance_time, venue_and_loop

D = Decimal

LONG = Scenario(
    start=datetime(2026, 3, 1, 13, 5, tzinfo=UTC),
    accounts=(AccountSpec(cross={"BTC": initial_balance("2"), "USDT": initial_balance(borrowed="90000")}),),
    prices={"BTCUSDT": D(60_000)},
)


def test_nothing_happens_above_the_bar() -> None:
    venue, clockwork = venue_and_loop(LONG)
    venue.prices.set_price("BTCUSDT", D("49500.01"))
    advance_time(venue, clockwork, 1)
    assert not venue.accounts["main"].liquidation_summaries
    assert venue.accounts["main"].cross.is_margin_called


def test_collateral_is_sold_at_the_liquidation_level_until_the_initial_level() -> None:
    # A = 99,000, L = 90,000: v = (1.5·90,000 - 99,000) / (1.5·0.98 - 1) = 76,595.74 USDT, 1.54739 BTC by the lot.
    venue, clockwork = venue_and_loop(LONG)
    venue.prices.set_price("BTCUSDT", D(49_500))
    advance_time(venue, clockwork, 1)
    account = venue.accounts["main"]
    wallet = account.cross.wallet
    proceeds = D("1.54739") * 49_500
    fee = proceeds * D("0.02")
    assert wallet.get("BTC").free == D("0.45261")
    assert wallet.get("USDT").borrowed == D(90_000) - (proceeds - fee)
    (story,) = account.liquidation_summaries
    assert story.level_before == D("1.1")
    assert story.fee_usdt == fee
    assert story.level_after is not None
    assert D("1.5") <= story.level_after < D("1.5002")
    (row,) = account.liquidations
    assert (row.symbol, row.side, row.quantity, row.isolated) == ("BTCUSDT", "SELL", D("1.54739"), False)
    assert [flow.kind for flow in account.flows] == ["SELL_LIQUIDATION", "LIQUIDATION_FEE", "REPAY_LIQUIDATION"]
    assert not venue.ledger.imbalance()


def test_open_orders_expire_before_collateral_is_sold() -> None:
    venue, clockwork = venue_and_loop(LONG)
    account = venue.accounts["main"]
    ticket = orders.OrderRequest(
        venue.listings.pairs["BTCUSDT"], "SELL", "LIMIT", "GTC", D(2), D(0), D(70_000), "mine", "NO_SIDE_EFFECT"
    )
    order, _ = orders.place_order(venue, account, account.cross, ticket)
    assert account.cross.wallet.get("BTC").locked == D(2)
    venue.prices.set_price("BTCUSDT", D(49_000))
    advance_time(venue, clockwork, 1)
    assert order.status == "EXPIRED"
    assert account.cross.wallet.get("BTC").locked == 0
    assert account.liquidation_summaries


def test_a_bankrupt_cross_account_owes_a_loan_in_usdc() -> None:
    # 2 BTC at 40,000 bring 78,400 after the fee; 11,600 of 90,000 remain.
    venue, clockwork = venue_and_loop(LONG)
    venue.prices.set_price("BTCUSDT", D(40_000))
    advance_time(venue, clockwork, 1)
    account = venue.accounts["main"]
    assert account.liquidation_loan.amount == D(11_600)
    assert account.cross.wallet.get("USDT").owed == 0
    assert account.liquidation_summaries[0].level_after is None
    assert not venue.ledger.imbalance()


def test_a_short_pair_is_liquidated_by_buying_back() -> None:
    # 50,000 USDT and 0.8 BTC owed on the 5x family: liquidated at 54,347.83 and above.
    scenario = replace(
        LONG,
        leverage={"BTCUSDT": 5},
        prices={"BTCUSDT": D(50_000)},
        accounts=(
            AccountSpec(
                isolated={"BTCUSDT": PairSpec(base=initial_balance(borrowed="0.8"), quote=initial_balance("50000"))}
            ),
        ),
    )
    venue, clockwork = venue_and_loop(scenario)
    account = venue.accounts["main"]
    venue.prices.set_price("BTCUSDT", D("54347.82"))
    advance_time(venue, clockwork, 1)
    assert not account.liquidation_summaries
    venue.prices.set_price("BTCUSDT", D("54347.83"))
    advance_time(venue, clockwork, 1)
    (story,) = account.liquidation_summaries
    assert story.scope == "BTCUSDT"
    (row,) = account.liquidations
    assert (row.side, row.symbol, row.isolated) == ("BUY", "BTCUSDT", True)
    assert story.level_after is None or round(story.level_after, 5) == D("1.25")
    assert not venue.ledger.imbalance()


def test_held_amount_of_the_debt_is_repaid_without_a_sale() -> None:
    scenario = replace(
        LONG,
        accounts=(
            AccountSpec(cross={"BTC": initial_balance("1"), "USDT": initial_balance("60000", borrowed="100000")}),
        ),
    )
    venue, clockwork = venue_and_loop(scenario)
    venue.prices.set_price("BTCUSDT", D(50_000))
    advance_time(venue, clockwork, 1)
    account = venue.accounts["main"]
    # 110,000 / 100,000 = 1.1; after repaying 60,000 it is 50,000 / 40,000 = 1.25, and the rest is sold for.
    assert account.loans[0].principal == D(60_000)
    assert account.liquidation_summaries[0].sold == (("BTC", "0.42554000"),)


def test_lagging_process_liquidates_the_same() -> None:
    stories = []
    for stride in (1, 977):
        venue, clockwork = venue_and_loop(crash_scenario())
        for _ in range(4320 // stride + 1):
            advance_time(venue, clockwork, stride)
        account = venue.accounts["main"]
        stories.append(
            [
                (
                    liquidation_summary.at_ms,
                    liquidation_summary.scope,
                    liquidation_summary.sold,
                    liquidation_summary.fee_usdt,
                )
                for liquidation_summary in account.liquidation_summaries
            ]
        )
    assert stories[0] == stories[1]
    assert stories[0]

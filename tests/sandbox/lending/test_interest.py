"""Interest by the published example."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from monitor.sandbox.lending import loans
from monitor.sandbox.scenario.scenario import AccountSpec, ApiInterpretations, Scenario, initial_balance
from tests.support.sandbox_client import advance_time, venue_and_loop

D = Decimal

FAQ = Scenario(
    start=datetime(2026, 3, 1, 13, 55, tzinfo=UTC),
    accounts=(AccountSpec(cross={"BTC": initial_balance("1"), "BNB": initial_balance("2")}),),
    prices={"BTCUSDT": D(50_000), "BNBUSDT": D(500)},
    rates={"USDT": D("0.00024")},
)


def test_a_loan_of_minutes_across_a_full_hour_costs_two_hours() -> None:
    venue, clockwork = venue_and_loop(FAQ)
    account = venue.accounts["main"]
    loans.borrow(venue, account, account.cross, "USDT", D(1000), by="hand")
    owed = account.cross.wallet.get("USDT")
    assert owed.interest == D("0.01")
    advance_time(venue, clockwork, 35 * 60)
    assert owed.interest == D("0.02")
    assert [row.kind for row in account.interest] == ["ON_BORROW", "PERIODIC"]
    assert account.interest[1].at_ms == int(datetime(2026, 3, 1, 14, tzinfo=UTC).timestamp() * 1000)


def test_interest_is_simple() -> None:
    venue, clockwork = venue_and_loop(FAQ)
    account = venue.accounts["main"]
    loans.borrow(venue, account, account.cross, "USDT", D(1000), by="hand")
    advance_time(venue, clockwork, 24 * 3600)
    assert account.cross.wallet.get("USDT").interest == D("0.25")


def test_an_hour_of_the_documented_charge() -> None:
    venue, _ = venue_and_loop(replace(FAQ, rates={"USDT": D("0.00013233")}))
    account = venue.accounts["main"]
    loans.borrow(venue, account, account.cross, "USDT", D("45.3313"), by="hand")
    assert account.interest[0].interest == D("0.00024995")
    assert account.interest[0].tran_id == 1_352_286_576_452_864_727


def test_interest_in_bnb_is_discounted_and_owed_in_bnb() -> None:
    venue, _ = venue_and_loop(FAQ)
    account = venue.accounts["main"]
    account.interest_in_bnb = True
    loans.borrow(venue, account, account.cross, "USDT", D(10_000), by="hand")
    row = account.interest[0]
    assert (row.asset, row.raw_asset, row.kind) == ("BNB", "USDT", "ON_BORROW_CONVERTED")
    assert account.cross.wallet.get("BNB").interest == D("0.1") / 500 * D("0.95")
    assert account.cross.wallet.get("BNB").borrowed == 0
    assert account.cross.wallet.get("USDT").interest == 0


def test_interest_in_bnb_may_lower_the_bnb_balance_instead() -> None:
    venue, _ = venue_and_loop(replace(FAQ, readings=ApiInterpretations(bnb_interest="paid")))
    account = venue.accounts["main"]
    account.interest_in_bnb = True
    loans.borrow(venue, account, account.cross, "USDT", D(10_000), by="hand")
    assert account.cross.wallet.get("BNB").interest == 0
    assert account.cross.wallet.free("BNB") == D("1.99981")
    assert not venue.ledger.imbalance()


def test_the_level_drifts_by_interest_as_published() -> None:
    venue, clockwork = venue_and_loop(
        replace(
            FAQ,
            start=datetime(2026, 3, 1, 13, 0, 1, tzinfo=UTC),
            accounts=(AccountSpec(cross={"BTC": initial_balance("2.2"), "USDT": initial_balance(borrowed="60000")}),),
        )
    )
    account = venue.accounts["main"]
    before = venue.valuer.level(account.cross)
    advance_time(venue, clockwork, 24 * 3600)
    after = venue.valuer.level(account.cross)
    assert before is not None
    assert after is not None
    assert (round(before, 5), round(after, 5)) == (D("1.83333"), D("1.83289"))

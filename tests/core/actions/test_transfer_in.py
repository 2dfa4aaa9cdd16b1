"""Transfers in: repaid with at once where the asset is owed, else as collateral; sources, floors, ways."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core.actions.limits import Approved, review, spent_by
from monitor.core.actions.position import Standing
from monitor.core.actions.proposal import UNLIMITED, Allowance, Nothing, Proposal
from monitor.core.actions.transfer_in import propose, second_hop
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.intent import IntentState
from monitor.core.model.order import Transfer
from monitor.core.numbers.amounts import ZERO
from tests.core.actions.test_repay import portfolios
from tests.support.examples.actions import NOW, D, balance, intent, standing, transfer_spec

SPEC = transfer_spec()
PAIR = Scope("BTCUSDT")
DOLLARS = (balance("USDT", borrowed="30000"),)


def order_of(found: Proposal | Nothing) -> Transfer:
    assert isinstance(found, Proposal), found
    assert isinstance(found.order, Transfer)
    return found.order


def test_the_worked_example_brings_5_000_to_repay_with() -> None:
    found = propose(standing(spot={"USDT": "9000"}), SPEC, D(2), NOW)
    assert order_of(found) == Transfer("spot", CROSS, "USDT", D(5000))
    assert isinstance(found, Proposal)
    assert found.level_after == 2


def test_the_interest_of_a_near_full_hour_is_brought_in_with_a_whole_debt() -> None:
    rows = (balance("BTC", "1"), balance("USDT", borrowed="1000", interest="2"))
    held = standing(*rows, spot={"USDT": "9000"}, rates={"USDT": "0.001"})
    near = datetime(2025, 10, 10, 21, 59, 30, tzinfo=UTC)
    whole = transfer_spec(target=None, amount=D(5000))
    # An hour on 1,000 at a tenth of a per cent: 1.
    assert order_of(propose(held, whole, None, NOW)).amount == 1002
    assert order_of(propose(held, whole, None, near)).amount == 1003
    unread = standing(*rows, spot={"USDT": "9000"})
    assert order_of(propose(unread, whole, None, near)).amount == 1002


def test_the_worked_example_brings_10_000_as_collateral() -> None:
    found = propose(standing(spot={"USDT": "19000"}), transfer_spec(use="collateral"), D(2), NOW)
    assert order_of(found).amount == 10_000
    assert isinstance(found, Proposal)
    assert found.level_after == 2


def test_what_is_not_owed_comes_as_collateral() -> None:
    # 10,000 USDT at 60,000 a BTC, rounded up.
    assert order_of(propose(standing(spot={"BTC": "1"}), SPEC, D(2), NOW)).amount == D("0.16666667")


def test_of_two_that_do_it_what_counts_more_comes() -> None:
    held = replace(standing(spot={"BTC": "1", "ETH": "20"}), rows=standing(*DOLLARS).rows, counted={"BTC": D("0.95")})
    held = replace(held, rows={**held.rows, **standing(balance("BTC"), balance("ETH")).rows})
    assert order_of(propose(held, SPEC, D(2), NOW)).asset == "ETH"
    assert order_of(propose(replace(held, counted={"ETH": D("0.9")}), SPEC, D(2), NOW)).asset == "BTC"


def test_what_the_exchange_no_longer_counts_is_no_collateral() -> None:
    held = replace(standing(spot={"BTC": "1"}), uncounted=frozenset({"BTC"}))
    found = propose(held, SPEC, D(2), NOW)
    assert isinstance(found, Nothing)
    assert found.blocked
    named = propose(held, transfer_spec(asset="BTC"), D(2), NOW)
    assert isinstance(named, Nothing)
    assert "counts no more" in named.reason


def test_collateral_waits_until_it_is_known_what_the_exchange_counts() -> None:
    unread = replace(standing(spot={"BTC": "1"}), terms_unread=True)
    found = propose(unread, SPEC, D(2), NOW)
    assert isinstance(found, Nothing)
    assert found.blocked
    assert found.wants == found.lacks == frozenset({"reference_data"})
    dollars = replace(standing(spot={"BTC": "1", "USDT": "19000"}), terms_unread=True)
    assert order_of(propose(dollars, SPEC, D(2), NOW)).asset == "USDT"
    assert order_of(propose(dollars, transfer_spec(use="collateral"), D(2), NOW)).asset == "USDT"


def test_what_is_owed_is_repaid_with_although_it_counts_for_nothing() -> None:
    held = replace(standing(spot={"USDT": "9000"}), uncounted=frozenset({"USDT"}))
    assert order_of(propose(held, SPEC, D(2), NOW)) == Transfer("spot", CROSS, "USDT", D(5000))


def test_of_what_is_to_be_delisted_no_more_comes_than_is_owed_beyond_what_is_held() -> None:
    # 1,000 and 2 of interest are owed, 300 are held; near the hour 1 more will be.
    rows = (balance("BTC", "1"), balance("USDT", free="300", borrowed="1000", interest="2"))
    held = standing(*rows, spot={"USDT": "9000"}, rates={"USDT": "0.001"})
    near = datetime(2025, 10, 10, 21, 59, 30, tzinfo=UTC)
    whole = transfer_spec(target=None, amount=D(5000))
    assert order_of(propose(held, whole, None, near)).amount == 1003
    leaving = replace(held, leaving=frozenset({"USDT"}), uncounted=frozenset({"USDT"}))
    found = propose(leaving, whole, None, near)
    assert order_of(found).amount == 702
    assert isinstance(found, Proposal)
    stale = replace(found, order=replace(order_of(found), amount=D(900)), amount_usdt=D(900))
    assert review(stale, leaving, whole, spent_by(whole, "main", (), NOW), NOW) == Approved(D(702))
    more = (balance("BTC", "1"), balance("USDT", free="1100", borrowed="1000", interest="2"))
    covered = replace(standing(*more, spot={"USDT": "9000"}), leaving=frozenset({"USDT"}))
    nothing = propose(covered, transfer_spec(asset="USDT", target=None, amount=D(5000)), None, near)
    assert isinstance(nothing, Nothing)
    assert "is to be delisted" in nothing.reason


def owing(spot: str, borrowed: str = "1000") -> Standing:
    """So much USDT in spot and owed, of which the exchange takes no repayment below 10."""
    rows = (balance("BTC", "1"), balance("USDT", borrowed=borrowed))
    return standing(*rows, spot={"USDT": spot}, least={"USDT": "10"})


def test_no_less_is_brought_in_than_can_be_repaid_then() -> None:
    little = transfer_spec(target=None, amount=D(4))
    assert order_of(propose(owing("500"), little, None, NOW)).amount == 10
    whole = propose(owing("500", "6"), transfer_spec(target=None, amount=D(50)), None, NOW)
    assert order_of(whole).amount == 6


def test_too_little_to_repay_with_stays_or_comes_as_collateral() -> None:
    for spot, allowed in (("7", UNLIMITED), ("500", Allowance(amount=D(7)))):
        held, sized = owing(spot), {"target": None, "amount": D(50)}
        found = propose(held, transfer_spec(use="repay", **sized), None, NOW, allowed)
        assert isinstance(found, Nothing)
        assert found.blocked
        assert "less than the exchange takes as a repayment: 10 USDT; put more there, or raise" in found.reason
        found = propose(held, transfer_spec(**sized), None, NOW, allowed)
        assert order_of(found).amount == 7
        assert isinstance(found, Proposal)
        assert found.purpose == "collateral"


def test_use_repay_brings_nothing_that_is_not_owed() -> None:
    found = propose(standing(spot={"BTC": "1"}), transfer_spec(use="repay"), D(2), NOW)
    assert isinstance(found, Nothing)
    assert found.blocked


def test_an_asset_with_an_unknown_repayment_comes_as_collateral() -> None:
    found = propose(standing(spot={"USDT": "19000"}), SPEC, D(2), NOW, busy=frozenset({"USDT"}))
    assert order_of(found).amount == 10_000


def test_funding_is_used_where_spot_does_not_reach() -> None:
    found = propose(standing(spot={"USDT": "100"}, funding={"USDT": "9000"}), SPEC, D(2), NOW)
    assert order_of(found) == Transfer("funding", CROSS, "USDT", D(5000))


def test_what_is_kept_in_the_source_is_not_touched() -> None:
    spec = transfer_spec(keep_in_source=D(100))
    assert order_of(propose(standing(spot={"USDT": "600"}), spec, D(2), NOW)).amount == 500
    assert isinstance(propose(standing(spot={"USDT": "100"}), spec, D(2), NOW), Nothing)


def test_the_allowance_bounds_a_transfer() -> None:
    found = propose(standing(spot={"USDT": "9000"}), SPEC, D(2), NOW, Allowance(usdt=D(1000)))
    assert order_of(found).amount == 1000


def test_a_wallet_that_was_never_read_is_asked_for() -> None:
    unread = replace(standing(), outside={})
    found = propose(unread, SPEC, D(2), NOW)
    assert isinstance(found, Nothing)
    assert found.wants == {"spot", "funding"}
    assert not found.blocked


def test_nothing_is_brought_in_when_nothing_is_owed() -> None:
    assert isinstance(propose(standing(balance("BTC", "1"), spot={"USDT": "9"}), SPEC, D(2), NOW), Nothing)


def pair_standing(free_in_cross: str = "0") -> Standing:
    held = standing(balance("BTC", "1"), balance("USDT", "0", borrowed="50000"), spot={"USDT": "90000"})
    outside = {**held.outside, "cross": {"USDT": D(free_in_cross)}}
    return replace(held, scope=PAIR, outside=outside)


def test_an_isolated_pair_is_reached_directly_from_spot() -> None:
    held = pair_standing()
    # 50,000 − 60,000 ÷ 2
    assert order_of(propose(held, SPEC, D(2), NOW)) == Transfer("spot", PAIR, "USDT", D(20_000))


def test_an_isolated_pair_is_reached_over_cross_where_the_direct_way_is_refused() -> None:
    held = pair_standing()
    found = propose(held, SPEC, D(2), NOW, direct=False)
    assert order_of(found) == Transfer("spot", CROSS, "USDT", D(20_000))
    assert isinstance(found, Proposal)
    assert found.level_after == 2


def test_the_second_hop_carries_what_the_first_brought() -> None:
    first = intent(order=Transfer("spot", CROSS, "USDT", D(500)), state=IntentState.CONFIRMED)
    assert order_of(second_hop(pair_standing("700"), first)) == Transfer("cross", PAIR, "USDT", D(500))
    assert order_of(second_hop(pair_standing("300"), first)).amount == 300


@given(portfolios(), st.decimals(min_value=D("1.01"), max_value=10, places=3), st.sampled_from(["auto", "collateral"]))
def test_the_level_after_is_the_target_unless_something_limits(
    drawn: tuple[tuple[Balance, ...], dict[str, Decimal]], target: Decimal, use: str
) -> None:
    rows, priced = drawn
    plenty = {row.asset: "1000000000000" for row in rows}
    held = standing(*rows, prices=priced, spot=plenty)
    assume(held.liabilities > 100)
    found = propose(held, transfer_spec(use=use), target, NOW)
    if isinstance(found, Nothing):
        return
    row = next(r for r in rows if r.asset == found.order.asset)
    value = found.order.amount * priced[row.asset]
    assets = sum((r.held * priced[r.asset] for r in rows), ZERO)
    owed = sum((r.owed * priced[r.asset] for r in rows), ZERO)
    repays = "repay" in found.reason
    level = assets / (owed - value) if repays and owed > value else (assets + value) / owed
    if repays and found.order.amount == row.owed:
        return
    assert level >= target
    smallest_step = D("1e-8") * priced[row.asset] / (owed - value if repays else owed) * (level + 1)
    assert level <= target * D("1.001") + smallest_step

"""Action kind `transfer_in`: to repay where the asset is owed, else as collateral; sources, minima, routes."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core.actions.limit_usage import compute_limit_usage
from monitor.core.actions.limits import Allowed, check_limits
from monitor.core.actions.proposal import UNLIMITED, Allowance, NoProposal, Proposal
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.actions.transfer_in import propose_second_hop, propose_transfer_in
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.intent import IntentState
from monitor.core.model.order import Transfer
from monitor.core.numbers.amounts import ZERO
from tests.core.actions.test_repay import portfolios
from tests.support.examples.actions import NOW, D, balance, intent, scope_position, transfer_spec

SPEC = transfer_spec()
PAIR = Scope("BTCUSDT")
DOLLARS = (balance("USDT", borrowed="30000"),)


def order_of(found: Proposal | NoProposal) -> Transfer:
    assert isinstance(found, Proposal), found
    assert isinstance(found.order, Transfer)
    return found.order


def test_worked_example_transfers_5_000_to_repay_with() -> None:
    found = propose_transfer_in(scope_position(spot={"USDT": "9000"}), SPEC, D(2), NOW)
    assert order_of(found) == Transfer("spot", CROSS, "USDT", D(5000))
    assert isinstance(found, Proposal)
    assert found.level_after == 2


def test_transfer_for_a_whole_debt_includes_the_next_hourly_interest() -> None:
    rows = (balance("BTC", "1"), balance("USDT", borrowed="1000", interest="2"))
    held = scope_position(*rows, spot={"USDT": "9000"}, rates={"USDT": "0.001"})
    near = datetime(2025, 10, 10, 21, 59, 30, tzinfo=UTC)
    whole = transfer_spec(target=None, amount=D(5000))
    # An hour on 1,000 at a tenth of a per cent: 1.
    assert order_of(propose_transfer_in(held, whole, None, NOW)).amount == 1002
    assert order_of(propose_transfer_in(held, whole, None, near)).amount == 1003
    unread = scope_position(*rows, spot={"USDT": "9000"})
    assert order_of(propose_transfer_in(unread, whole, None, near)).amount == 1002


def test_worked_example_transfers_10_000_as_collateral() -> None:
    found = propose_transfer_in(scope_position(spot={"USDT": "19000"}), transfer_spec(use="collateral"), D(2), NOW)
    assert order_of(found).amount == 10_000
    assert isinstance(found, Proposal)
    assert found.level_after == 2


def test_asset_without_debt_is_transferred_as_collateral() -> None:
    # 10,000 USDT at 60,000 a BTC, rounded up.
    assert order_of(propose_transfer_in(scope_position(spot={"BTC": "1"}), SPEC, D(2), NOW)).amount == D("0.16666667")


def test_asset_with_the_higher_collateral_ratio_is_preferred() -> None:
    held = replace(
        scope_position(spot={"BTC": "1", "ETH": "20"}),
        by_asset=scope_position(*DOLLARS).by_asset,
        collateral_ratios={"BTC": D("0.95")},
    )
    held = replace(held, by_asset={**held.by_asset, **scope_position(balance("BTC"), balance("ETH")).by_asset})
    assert order_of(propose_transfer_in(held, SPEC, D(2), NOW)).asset == "ETH"
    assert (
        order_of(propose_transfer_in(replace(held, collateral_ratios={"ETH": D("0.9")}), SPEC, D(2), NOW)).asset
        == "BTC"
    )


def test_asset_without_collateral_value_is_not_transferred() -> None:
    held = replace(scope_position(spot={"BTC": "1"}), worthless_collateral=frozenset({"BTC"}))
    found = propose_transfer_in(held, SPEC, D(2), NOW)
    assert isinstance(found, NoProposal)
    assert found.is_blocked
    named = propose_transfer_in(held, transfer_spec(asset="BTC"), D(2), NOW)
    assert isinstance(named, NoProposal)
    assert "counts no more" in named.reason


def test_collateral_transfer_waits_for_the_collateral_terms() -> None:
    unread = replace(scope_position(spot={"BTC": "1"}), terms_unknown=True)
    found = propose_transfer_in(unread, SPEC, D(2), NOW)
    assert isinstance(found, NoProposal)
    assert found.is_blocked
    assert found.requested_reads == found.missing_reads == frozenset({"reference_data"})
    dollars = replace(scope_position(spot={"BTC": "1", "USDT": "19000"}), terms_unknown=True)
    assert order_of(propose_transfer_in(dollars, SPEC, D(2), NOW)).asset == "USDT"
    assert order_of(propose_transfer_in(dollars, transfer_spec(use="collateral"), D(2), NOW)).asset == "USDT"


def test_owed_asset_is_transferred_only_up_to_its_net_debt_before_the_delistings_are_known() -> None:
    rows = (balance("USDT", "30000", borrowed="1000"), balance("BTC", free="0.1", borrowed="0.6"))
    unread = replace(scope_position(*rows, spot={"BTC": "2"}), terms_unknown=True)
    spec = transfer_spec(asset="BTC", target=None, amount=D(1))
    assert order_of(propose_transfer_in(unread, spec, None, NOW)).amount == D("0.5")
    covered = (balance("USDT", "30000", borrowed="1000"), balance("BTC", free="0.7", borrowed="0.6"))
    for use in ("auto", "repay"):
        found = propose_transfer_in(
            replace(scope_position(*covered, spot={"BTC": "2"}), terms_unknown=True),
            replace(spec, use=use),
            None,
            NOW,
        )
        assert isinstance(found, NoProposal)
        assert found.missing_reads == frozenset({"reference_data"})


def test_owed_asset_is_transferred_although_it_has_no_collateral_value() -> None:
    held = replace(scope_position(spot={"USDT": "9000"}), worthless_collateral=frozenset({"USDT"}))
    assert order_of(propose_transfer_in(held, SPEC, D(2), NOW)) == Transfer("spot", CROSS, "USDT", D(5000))


def test_asset_to_be_delisted_is_transferred_only_up_to_its_net_debt() -> None:
    # 1,000 and 2 of interest are owed, 300 are held; near the hour 1 more will be.
    rows = (balance("BTC", "1"), balance("USDT", free="300", borrowed="1000", interest="2"))
    held = scope_position(*rows, spot={"USDT": "9000"}, rates={"USDT": "0.001"})
    near = datetime(2025, 10, 10, 21, 59, 30, tzinfo=UTC)
    whole = transfer_spec(target=None, amount=D(5000))
    assert order_of(propose_transfer_in(held, whole, None, near)).amount == 1003
    leaving = replace(held, delisting=frozenset({"USDT"}), worthless_collateral=frozenset({"USDT"}))
    found = propose_transfer_in(leaving, whole, None, near)
    assert order_of(found).amount == 702
    assert isinstance(found, Proposal)
    stale = replace(found, order=replace(order_of(found), amount=D(900)), amount_usdt=D(900))
    assert check_limits(stale, leaving, whole, compute_limit_usage(whole, "main", (), NOW), NOW) == Allowed(D(702))
    more = (balance("BTC", "1"), balance("USDT", free="1100", borrowed="1000", interest="2"))
    covered = replace(scope_position(*more, spot={"USDT": "9000"}), delisting=frozenset({"USDT"}))
    nothing = propose_transfer_in(covered, transfer_spec(asset="USDT", target=None, amount=D(5000)), None, near)
    assert isinstance(nothing, NoProposal)
    assert "is to be delisted" in nothing.reason


def position_with_min_repay(spot: str, borrowed: str = "1000") -> ScopePosition:
    """So much USDT in spot and owed, of which the exchange takes no repayment below 10."""
    rows = (balance("BTC", "1"), balance("USDT", borrowed=borrowed))
    return scope_position(*rows, spot={"USDT": spot}, least={"USDT": "10"})


def test_transfer_is_never_below_the_min_repayment() -> None:
    little = transfer_spec(target=None, amount=D(4))
    assert order_of(propose_transfer_in(position_with_min_repay("500"), little, None, NOW)).amount == 10
    whole = propose_transfer_in(
        position_with_min_repay("500", "6"), transfer_spec(target=None, amount=D(50)), None, NOW
    )
    assert order_of(whole).amount == 6


def test_amount_below_the_min_repayment_stays_or_becomes_collateral() -> None:
    for spot, allowed in (("7", UNLIMITED), ("500", Allowance(amount=D(7)))):
        held, sized = position_with_min_repay(spot), {"target": None, "amount": D(50)}
        found = propose_transfer_in(held, transfer_spec(use="repay", **sized), None, NOW, allowed)
        assert isinstance(found, NoProposal)
        assert found.is_blocked
        assert "less than the exchange takes as a repayment: 10 USDT; put more there, or raise" in found.reason
        found = propose_transfer_in(held, transfer_spec(**sized), None, NOW, allowed)
        assert order_of(found).amount == 7
        assert isinstance(found, Proposal)
        assert found.purpose == "collateral"


def test_use_repay_transfers_only_owed_assets() -> None:
    found = propose_transfer_in(scope_position(spot={"BTC": "1"}), transfer_spec(use="repay"), D(2), NOW)
    assert isinstance(found, NoProposal)
    assert found.is_blocked


def test_asset_with_an_unknown_repayment_is_transferred_as_collateral() -> None:
    found = propose_transfer_in(scope_position(spot={"USDT": "19000"}), SPEC, D(2), NOW, unsettled=frozenset({"USDT"}))
    assert order_of(found).amount == 10_000


def test_funding_wallet_is_used_when_spot_is_not_enough() -> None:
    found = propose_transfer_in(scope_position(spot={"USDT": "100"}, funding={"USDT": "9000"}), SPEC, D(2), NOW)
    assert order_of(found) == Transfer("funding", CROSS, "USDT", D(5000))


def test_keep_in_source_stays_in_the_source() -> None:
    spec = transfer_spec(keep_in_source=D(100))
    assert order_of(propose_transfer_in(scope_position(spot={"USDT": "600"}), spec, D(2), NOW)).amount == 500
    assert isinstance(propose_transfer_in(scope_position(spot={"USDT": "100"}), spec, D(2), NOW), NoProposal)


def test_the_allowance_bounds_a_transfer() -> None:
    found = propose_transfer_in(scope_position(spot={"USDT": "9000"}), SPEC, D(2), NOW, Allowance(usdt=D(1000)))
    assert order_of(found).amount == 1000


def test_unread_wallet_is_requested() -> None:
    unread = replace(scope_position(), external={})
    found = propose_transfer_in(unread, SPEC, D(2), NOW)
    assert isinstance(found, NoProposal)
    assert found.requested_reads == {"spot", "funding"}
    assert not found.is_blocked


def test_no_transfer_without_debt() -> None:
    assert isinstance(
        propose_transfer_in(scope_position(balance("BTC", "1"), spot={"USDT": "9"}), SPEC, D(2), NOW), NoProposal
    )


def pair_position(free_in_cross: str = "0") -> ScopePosition:
    held = scope_position(balance("BTC", "1"), balance("USDT", "0", borrowed="50000"), spot={"USDT": "90000"})
    outside = {**held.external, "cross": {"USDT": D(free_in_cross)}}
    return replace(held, scope=PAIR, external=outside)


def test_an_isolated_pair_is_reached_directly_from_spot() -> None:
    held = pair_position()
    # 50,000 − 60,000 ÷ 2
    assert order_of(propose_transfer_in(held, SPEC, D(2), NOW)) == Transfer("spot", PAIR, "USDT", D(20_000))


def test_isolated_pair_is_reached_through_cross_when_the_direct_route_is_refused() -> None:
    held = pair_position()
    found = propose_transfer_in(held, SPEC, D(2), NOW, direct_route=False)
    assert order_of(found) == Transfer("spot", CROSS, "USDT", D(20_000))
    assert isinstance(found, Proposal)
    assert found.level_after == 2


def test_second_hop_carries_the_amount_of_the_first() -> None:
    first = intent(order=Transfer("spot", CROSS, "USDT", D(500)), state=IntentState.CONFIRMED)
    assert order_of(propose_second_hop(pair_position("700"), first)) == Transfer("cross", PAIR, "USDT", D(500))
    assert order_of(propose_second_hop(pair_position("300"), first)).amount == 300


@given(portfolios(), st.decimals(min_value=D("1.01"), max_value=10, places=3), st.sampled_from(["auto", "collateral"]))
def test_the_level_after_is_the_target_unless_something_limits(
    drawn: tuple[tuple[Balance, ...], dict[str, Decimal]], target: Decimal, use: str
) -> None:
    rows, priced = drawn
    plenty = {row.asset: "1000000000000" for row in rows}
    held = scope_position(*rows, prices=priced, spot=plenty)
    assume(held.liabilities > 100)
    found = propose_transfer_in(held, transfer_spec(use=use), target, NOW)
    if isinstance(found, NoProposal):
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

"""Action kind `repay`: the worked example, the limits of repayments, and any portfolio."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core.actions.proposal import Allowance, NoProposal, Proposal
from monitor.core.actions.repay import propose_repayment
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.model.account import CROSS, Balance
from monitor.core.model.order import Repay
from monitor.core.numbers.amounts import ZERO
from tests.support.examples.actions import NOW, D, balance, repay_spec, scope_position

SPEC = repay_spec()
ALL = repay_spec(target=None, amount=D(2000))
"""More than any of the debts below."""


def amount_of(found: Proposal | NoProposal) -> Decimal:
    assert isinstance(found, Proposal), found
    return found.order.amount


def test_the_worked_example_repays_10_000_to_reach_level_2() -> None:
    found = propose_repayment(scope_position(), SPEC, D(2), NOW)
    assert isinstance(found, Proposal)
    assert (found.order.asset, found.order.amount, found.level_after) == ("USDT", D(10_000), D(2))


def test_nothing_is_proposed_when_the_target_is_reached() -> None:
    assert propose_repayment(scope_position(), SPEC, D("1.8"), NOW) == NoProposal("the target is reached")


def test_the_free_balance_bounds_the_amount() -> None:
    held = scope_position(balance("BTC", "1.5"), balance("USDT", "300", borrowed="50000"))
    assert amount_of(propose_repayment(held, SPEC, D(2), NOW)) == 300


def test_locked_balance_is_not_used_and_named() -> None:
    held = scope_position(balance("BTC", "1.5"), balance("USDT", locked="300", borrowed="50000"))
    found = propose_repayment(held, SPEC, D(2), NOW)
    assert isinstance(found, NoProposal)
    assert found.is_blocked
    assert "locked" in found.reason


def test_the_allowance_bounds_the_amount_and_is_rounded_down() -> None:
    assert amount_of(propose_repayment(scope_position(), SPEC, D(2), NOW, Allowance(usdt=D("33.333333333")))) == D(
        "33.33333333"
    )


def test_a_needed_amount_is_rounded_up_to_eight_decimals() -> None:
    held = scope_position(balance("BTC", "1", borrowed="0.5"))
    # (1.9999 · 30,000 − 60,000) is negative at 2.0: at 2.1 it takes 3,000 ÷ 1.1 USDT, 0.0454545454… BTC.
    assert amount_of(propose_repayment(held, SPEC, D("2.1"), NOW)) == D("0.04545455")


def test_a_full_repayment_sends_borrowed_and_interest_exactly() -> None:
    held = scope_position(balance("BTC", "1"), balance("USDT", "5000", borrowed="1000", interest="0.12345678"))
    assert amount_of(propose_repayment(held, ALL, None, NOW)) == D("1000.12345678")


def test_no_dust_is_left_behind() -> None:
    held = scope_position(balance("BTC", "1"), balance("USDT", "5000", borrowed="1000"), balance("ETH", borrowed="10"))
    spec = repay_spec(asset="USDT", target=None, amount=D("999.5"))
    assert amount_of(propose_repayment(held, spec, None, NOW)) == 1000


def test_partial_repayment_leaves_more_than_dust() -> None:
    held = scope_position(balance("BTC", "1"), balance("USDT", "999.5", borrowed="1000"))
    assert amount_of(propose_repayment(held, ALL, None, NOW)) == 999


def test_full_repayment_waits_for_the_hourly_interest() -> None:
    held = scope_position(balance("BTC", "1"), balance("USDT", "5000", borrowed="1000"))
    just_before = datetime(2025, 10, 10, 21, 59, 59, tzinfo=UTC)
    assert isinstance(propose_repayment(held, ALL, None, just_before), NoProposal)


def test_the_interest_of_a_near_full_hour_counts_as_owed() -> None:
    held = scope_position(balance("BTC", "1.5"), balance("USDT", "20000", borrowed="60000"), rates={"USDT": "0.001"})
    near = datetime(2025, 10, 10, 21, 59, 30, tzinfo=UTC)
    # 60 USDT more to owe: (2 · 60,060 − 110,000) instead of (2 · 60,000 − 110,000).
    assert amount_of(propose_repayment(held, SPEC, D(2), NOW)) == 10_000
    assert amount_of(propose_repayment(held, SPEC, D(2), near)) == 10_120


def test_costliest_debt_that_suffices_is_chosen() -> None:
    held = scope_position(
        balance("BTC", "2"),
        balance("USDT", "20000", borrowed="30000"),
        balance("ETH", "10", borrowed="10"),
        rates={"USDT": "0.00001", "ETH": "0.00002"},
    )
    found = propose_repayment(held, SPEC, D("2.9"), NOW)
    assert isinstance(found, Proposal)
    assert found.order.asset == "ETH"


def test_a_debt_with_an_unknown_repayment_waits() -> None:
    held = scope_position(balance("BTC", "1.5"), balance("USDT", "20000", borrowed="60000"))
    found = propose_repayment(held, SPEC, D(2), NOW, unsettled=frozenset({"USDT"}))
    assert isinstance(found, NoProposal)
    assert found.is_blocked


def test_underwater_repaying_is_not_proposed() -> None:
    held = scope_position(balance("USDT", "20000", borrowed="60000"))
    assert isinstance(propose_repayment(held, SPEC, D(2), NOW), NoProposal)


@pytest.mark.parametrize("target", ["1", "0.5"])
def test_no_repayment_leads_to_a_level_of_one_or_less(target: str) -> None:
    assert isinstance(propose_repayment(scope_position(), SPEC, D(target), NOW), NoProposal)


def position_with_min_repay(free: str, borrowed: str, least: str = "10") -> ScopePosition:
    """This much USDT free and owed, of which the exchange takes no repayment below `least`."""
    return scope_position(balance("BTC", "1"), balance("USDT", free, borrowed=borrowed), least={"USDT": least})


def test_partial_repayment_is_raised_to_the_minimum() -> None:
    part = repay_spec(target=None, amount=D(4))
    assert amount_of(propose_repayment(position_with_min_repay("500", "1000"), part, None, NOW)) == 10
    assert (
        amount_of(propose_repayment(position_with_min_repay("500", "1000"), part, None, NOW, Allowance(amount=D(10))))
        == 10
    )
    # As much must be left as can be repaid later: all of it goes.
    assert amount_of(propose_repayment(position_with_min_repay("500", "19"), part, None, NOW)) == 19


@pytest.mark.parametrize(
    ("free", "owed", "allowed", "hand"),
    [
        ("7", "1000", "100", "7 of the 1000 owed are free in cross; bring more in"),
        ("500", "1000", "9.5", "the limits leave 9.5; raise them"),
        ("12", "15", "100", "12 of the 15 owed are free in cross; bring more in"),
    ],
)
def test_amount_below_the_min_repayment_is_reported_and_not_sent(free: str, owed: str, allowed: str, hand: str) -> None:
    found = propose_repayment(position_with_min_repay(free, owed), ALL, None, NOW, Allowance(amount=D(allowed)))
    assert isinstance(found, NoProposal)
    assert found.is_blocked
    assert "no repayment of a part below 10 USDT" in found.reason
    assert hand in found.reason


def test_whole_debt_below_the_minimum_is_repaid() -> None:
    assert amount_of(propose_repayment(position_with_min_repay("500", "6"), ALL, None, NOW)) == 6


def test_another_debt_is_repaid_when_one_is_below_its_minimum() -> None:
    rows = (balance("BTC", "2"), balance("USDT", "70", borrowed="30000"), balance("ETH", "0.01", borrowed="10"))
    assert amount_of(propose_repayment(scope_position(*rows), ALL, None, NOW)) == 70
    found = propose_repayment(scope_position(*rows, least={"USDT": "100"}), ALL, None, NOW)
    assert isinstance(found, Proposal)
    assert found.order == Repay(CROSS, "ETH", D("0.01"))


amounts = st.decimals(min_value=0, max_value=100_000, places=8, allow_nan=False)
prices = st.decimals(min_value=D("0.01"), max_value=100_000, places=4, allow_nan=False)


@st.composite
def portfolios(draw: st.DrawFn) -> tuple[tuple[Balance, ...], dict[str, Decimal]]:
    names = ["AAA", "BBB", "CCC", "DDD"][: draw(st.integers(1, 4))]
    rows = tuple(
        Balance(name, draw(amounts), draw(amounts), draw(amounts), draw(amounts) / 1000 // D("1e-8") * D("1e-8"))
        for name in names
    )
    return rows, {name: draw(prices) for name in names}


@given(portfolios(), st.decimals(min_value=D("1.01"), max_value=10, places=3))
def test_the_level_after_is_the_target_unless_something_limits(
    drawn: tuple[tuple[Balance, ...], dict[str, Decimal]], target: Decimal
) -> None:
    rows, priced = drawn
    held = scope_position(*rows, prices=priced)
    assume(held.liabilities > 100)
    found = propose_repayment(held, SPEC, target, NOW)
    if isinstance(found, NoProposal):
        return
    assert isinstance(found.order, Repay)
    row = next(r for r in rows if r.asset == found.order.asset)
    assert ZERO < found.order.amount <= min(row.free, row.owed)
    value = found.order.amount * priced[row.asset]
    assets = sum((r.held * priced[r.asset] for r in rows), ZERO) - value
    owed = sum((r.owed * priced[r.asset] for r in rows), ZERO) - value
    if owed == 0:
        return
    level = assets / owed
    assert level == found.level_after
    if level < target:
        # All that was free is used, but for the crumbs that must not be left of the debt.
        assert found.order.amount in (row.free, row.owed) or row.owed - row.free < 2 / priced[row.asset]
    else:
        smallest_step = D("1e-8") * priced[row.asset] / owed * (level + 1)
        assert level <= target * D("1.001") + smallest_step or found.order.amount == row.owed


ONE_USDT = D(1)
EIGHTHS = st.integers(1, 400).map(lambda n: D(n) / 8)


@given(owed=EIGHTHS, free=EIGHTHS, allowed=EIGHTHS, wanted=EIGHTHS, least=EIGHTHS)
def test_every_repayment_respects_the_minimum_and_the_remainder(
    owed: Decimal, free: Decimal, allowed: Decimal, wanted: Decimal, least: Decimal
) -> None:
    held = position_with_min_repay(str(free), str(owed), str(least))
    found = propose_repayment(held, repay_spec(target=None, amount=wanted), None, NOW, Allowance(amount=allowed))
    can = min(free, allowed)
    if isinstance(found, NoProposal):
        # Neither the whole, nor any part.
        assert can < owed
        assert can < least or owed - least < max(least, ONE_USDT)
        return
    amount = found.order.amount
    assert amount <= can
    assert amount == owed or (amount >= least and owed - amount >= max(least, ONE_USDT))

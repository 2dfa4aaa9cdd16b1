"""Remedies reach the odds asked for, and nothing smaller does."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.margin.odds_question import OddsPosition, OddsQuestion
from monitor.core.model.odds import OddsRemedy, WindowOdds
from monitor.core.model.price_history import HOUR
from monitor.core.numbers.amounts import ZERO
from monitor.odds.calculation import measure_odds
from monitor.odds.past import HourlyPast
from tests.odds.odds_examples import NO_MINIMUM, Bar, past_of, position, question

STEP = Decimal("0.00000002")
FALLS: list[Bar | None] = [
    ("100", "100", "100"),
    ("90", "100", "100"),
    ("80", "100", "100"),
    ("70", "100", "100"),
    ("60", "100", "100"),
]
LONG = question(position("BTC", "100", held="1"), position("USDT", "1", borrowed="60"))
"""A level of 5/3, liquidated at 1.25: after falls of 10, 20, 30 and 40 % the level is 1.5, 1.33, 1.17 and 1."""


def answer(asked: OddsQuestion, past: HourlyPast, *targets: str) -> WindowOdds:
    (found,) = measure_odds(asked, past, [HOUR], tuple(map(Decimal, targets)), NO_MINIMUM)
    assert isinstance(found, WindowOdds)
    return found


def changed(asked: OddsQuestion, asset: str, *, held: Decimal = ZERO, repaid: Decimal = ZERO) -> OddsQuestion:
    """The account after a transfer in or a repayment from outside, at the exchange's level in the same proportion."""
    scale = asked.level / asked.totals.level
    rows = {row.asset: row for row in asked.positions}
    row = rows.get(asset) or OddsPosition(asset, ZERO, ZERO, ZERO, Decimal(1))
    rows[asset] = replace(row, held=row.held + held, borrowed=row.borrowed - repaid)
    after = OddsQuestion(tuple(rows.values()), Decimal(1), asked.liquidation_level)
    return replace(after, level=after.totals.level * scale)


def test_amounts_to_survive_all_of_the_past() -> None:
    """By hand: after the fall of 40 % the debt of 60 needs 75, so 15 are lacking; or a debt of 48, so 12."""
    found = answer(LONG, past_of(BTC=FALLS), "0", "0.25", "0.5")
    assert found.liquidated == 2
    assert found.remedies == (
        OddsRemedy(Decimal(0), Decimal("15.00000001"), "USDT", Decimal("12.00000001")),
        OddsRemedy(Decimal("0.25"), Decimal("5.00000001"), "USDT", Decimal("4.00000001")),
        OddsRemedy(Decimal("0.5"), ZERO, "USDT", ZERO),
    )


def test_debt_that_rises_is_repaid_in_its_own_asset() -> None:
    """By hand: the debt of 0.5 BTC is worth 75 after a rise of 50 %, and may be 80 / 1.25 = 64: 11 at 150 each."""
    short = question(position("USDT", "1", held="80"), position("BTC", "100", borrowed="0.5"))
    rises: list[Bar | None] = [("100", "100", "100"), ("100", "150", "120")]
    (remedy,) = answer(short, past_of(BTC=rises), "0").remedies
    assert remedy.repay_asset == "BTC"
    assert remedy.repay == Decimal("0.07333334") + Decimal("0.00000001")
    assert remedy.bring_in_usdt == Decimal("13.75000001")


def test_debt_too_small_to_help_is_no_remedy() -> None:
    two_debts = question(
        position("BTC", "100", held="1"),
        position("USDT", "1", borrowed="40"),
        position("USDC", "1", borrowed="39"),
    )
    bars: list[Bar | None] = [("100", "100", "100"), ("40", "100", "100")]
    steady: list[Bar | None] = [("1", "1", "1")] * 2
    (remedy,) = answer(two_debts, past_of(BTC=bars, USDC=steady), "0").remedies
    assert (remedy.repay_asset, remedy.repay) == ("USDT", None)
    assert remedy.bring_in_usdt == Decimal("58.75000001")


@pytest.mark.parametrize("target", ["-0.01", "1.01"])
def test_impossible_target_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        answer(LONG, past_of(BTC=FALLS), target)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_remedy_reaches_the_target_and_no_smaller_amount_does(data: st.DataObject) -> None:
    cents = st.integers(2_000, 20_000).map(lambda cents: Decimal(cents) / 100)
    columns: dict[str, list[Bar | None]] = {}
    for asset in ("BTC", "ETH"):
        column: list[Bar | None] = []
        for low, close, high in data.draw(
            st.lists(st.tuples(cents, cents, cents).map(sorted), min_size=12, max_size=12)
        ):
            column.append((str(low), str(high), str(close)))
        columns[asset] = column
    asked = question(
        position("BTC", "100", held="1"),
        position("ETH", "50", borrowed=data.draw(st.sampled_from(("0.4", "0.9", "1.4")))),
        liquidation="1.1",
    )
    past = past_of(**columns)
    target = data.draw(st.sampled_from((Decimal(0), Decimal("0.1"), Decimal("0.5"))))
    (remedy,) = answer(asked, past, str(target)).remedies

    assert answer(changed(asked, "USDT", held=remedy.bring_in_usdt), past).odds <= target
    if remedy.bring_in_usdt > STEP:
        assert answer(changed(asked, "USDT", held=remedy.bring_in_usdt - STEP), past).odds > target
    if remedy.repay is not None and remedy.repay < Decimal("0.4"):
        assert answer(changed(asked, "ETH", repaid=remedy.repay), past).odds <= target
    if remedy.repay is not None and STEP < remedy.repay < Decimal("0.4"):
        assert answer(changed(asked, "ETH", repaid=remedy.repay - STEP), past).odds > target

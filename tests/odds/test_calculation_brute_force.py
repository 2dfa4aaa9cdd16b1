"""Odds against a loop over every window, hour and asset in Decimal, on random accounts and prices."""

from decimal import Decimal

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.core.margin.odds_question import OddsPosition
from monitor.core.model.odds import OddsUnavailable, WindowOdds
from monitor.core.model.price_history import HOUR
from monitor.odds.calculation import measure_odds
from tests.odds.odds_examples import NO_MINIMUM, Bar, brute_force, past_of, question

HOURS = 14
TINY = Decimal("1E-12")

amounts = st.decimals("0", "1000", places=2)
prices = st.decimals("0.01", "100", places=4)


@st.composite
def bars(draw: st.DrawFn) -> list[Bar | None]:
    rows: list[Bar | None] = []
    for _ in range(HOURS):
        low, close, high = sorted(draw(st.tuples(prices, prices, prices)))
        rows.append(None if draw(st.integers(0, 30)) == 0 else (str(low), str(high), str(close)))
    return rows


@st.composite
def rows(draw: st.DrawFn, asset: str) -> OddsPosition:
    held, borrowed = draw(st.tuples(amounts, amounts))
    kept = draw(st.sampled_from(("held", "owed", "both")))
    return OddsPosition(
        asset,
        held if kept != "owed" else Decimal(0),
        borrowed if kept != "held" else Decimal(0),
        draw(st.sampled_from((Decimal(0), Decimal("0.5")))) if kept != "held" else Decimal(0),
        Decimal(1) if asset == "USDT" else draw(prices),
        draw(st.sampled_from((Decimal(0), Decimal("0.0001"), Decimal("0.01")))),
    )


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_odds_equal_a_loop_over_every_window(data: st.DataObject) -> None:
    assets = ("BTC", "ETH", "SOL")
    positions = tuple(data.draw(rows(asset)) for asset in (*assets, "USDT"))
    held = sum((row.held * row.price for row in positions), Decimal(0))
    owed = sum((row.owed * row.price for row in positions), Decimal(0))
    assume(held > 0 and owed > 0)
    factor = data.draw(st.sampled_from((Decimal(1), Decimal("1.01"))))
    asked = question(*positions, level=str(held / owed * factor), liquidation="1.1")
    # Prices of assets of one per cent and less may stand still, which the loop does not know.
    assume(
        all(max(row.held * row.price / held, row.owed * row.price / owed) > Decimal("0.01") for row in positions[:3])
    )
    columns = {asset: data.draw(bars()) for asset in assets}
    window = data.draw(st.integers(1, HOURS))
    expected = brute_force(asked, columns, HOURS, window)
    assume(all(abs(level - asked.liquidation_level) > TINY for level in expected.levels))

    (found,) = measure_odds(asked, past_of(**columns), [HOUR * window], min_history=NO_MINIMUM)

    if not expected.levels:
        assert isinstance(found, OddsUnavailable)
        return
    assert isinstance(found, WindowOdds)
    ordered = sorted(expected.levels)
    assert found.windows == len(ordered)
    assert found.liquidated == sum(level <= asked.liquidation_level for level in ordered)
    assert abs(found.worst_level - ordered[0]) <= TINY * ordered[0]
    for percent, level in found.level_percentiles.items():
        rank = -(-len(ordered) * percent // 100)
        assert abs(level - ordered[rank - 1]) <= TINY * ordered[rank - 1]

"""What status names: assets without a pair of their own, halted pairs, gaps in prices, and why a level is not live."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.metrics.cross import cross_figures, isolated_figures
from monitor.core.metrics.data_quality import QUIET, Gap, gaps
from monitor.core.model.account import CROSS, Balance, Price, Scope
from monitor.core.model.events import CrossRead, PricesRead
from monitor.core.model.reads import MarketsRead
from monitor.core.model.symbols import Market
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    cross,
    long_pair,
    prices,
    sample_balances,
    told,
    watched,
    watched_pair,
)


def named(state: AccountState, seconds: float = 0) -> list[tuple[str, str]]:
    return [(gap.kind, gap.name) for gap in found(state, seconds)]


def found(state: AccountState, seconds: float = 0) -> tuple[Gap, ...]:
    now = after(seconds)
    return gaps(state, SETTINGS, CROSS, cross_figures(state, SETTINGS, now), now)


def holding(asset: str, **known: str) -> AccountState:
    """The worked example with some of another asset, and these prices besides."""
    state = watched()
    state = replace(state, prices={**state.prices, **prices(NOW, **known)})
    return told(state, CrossRead(cross(balances=sample_balances() | {asset: Balance(asset, free=Decimal(1))})))


def test_nothing_lacks_where_every_asset_has_its_price() -> None:
    assert named(watched()) == []


def test_an_asset_without_any_price_is_named() -> None:
    (gap,) = found(holding("XYZ"))
    assert (gap.kind, gap.name) == ("no_price", "XYZ")
    assert gap.text == "XYZ has no price that leads to USDT: it counts as the exchange counted it at the last read"


def test_an_asset_without_a_pair_with_usdt_is_valued_through_bitcoin_and_named() -> None:
    state = holding("XYZ", XYZBTC="0.01")
    (gap,) = found(state)
    assert gap.text == "XYZ has no pair with USDT: it is valued through XYZBTC"
    held = {row.balance.asset: row.price for row in cross_figures(state, SETTINGS, NOW).holdings}
    assert held["XYZ"] == 600


def test_an_asset_whose_only_pair_is_with_what_it_tracks_is_valued_through_that() -> None:
    state = holding("WBETH", WBETHETH="0.2")
    (gap,) = found(state)
    assert gap.text == "WBETH has no pair with USDT: it is valued through WBETHETH"
    held = {row.balance.asset: row.price for row in cross_figures(state, SETTINGS, NOW).holdings}
    # An ETH is 3,000 USDT.
    assert held["WBETH"] == 600


def test_a_price_that_stopped_while_others_go_on_is_named() -> None:
    stopped = (QUIET + timedelta(minutes=5)).total_seconds()
    state = watched()
    state = replace(state, prices={**state.prices, "BTCUSDT": Price(Decimal(60_000), after(stopped))}, priced_at=None)
    state = told(state, CrossRead(cross(after(stopped))))
    (gap,) = found(state, stopped)
    assert (gap.kind, gap.text) == ("old_price", "no price of ETHUSDT for 25 min: it counts at the last one")


def test_a_gap_in_all_prices_says_why_the_level_is_not_live() -> None:
    state = told(watched(), CrossRead(cross(after(30))))
    assert [gap.text for gap in found(state, 40)] == ["no price came for 40 s: the level is the one last read"]
    fallen = told(watched(), PricesRead({"BTCUSDT": Price(Decimal(54_000), after(5))}), at=after(5))
    assert [gap.text for gap in found(fallen, 40)] == [
        "no price came for 35 s: the level is the one of the last prices"
    ]


def test_a_valuation_that_is_off_says_so() -> None:
    state = told(watched(), CrossRead(cross(after(1), level=Decimal("1.7"))))
    assert named(state, 1) == [("drift", "")]


def test_a_halted_pair_is_named() -> None:
    state = watched_pair(replace(long_pair(), trade_enabled=False))
    figures = isolated_figures(state, SETTINGS, "BTCUSDT", NOW)
    (gap,) = gaps(state, SETTINGS, Scope("BTCUSDT"), figures, NOW)
    assert (gap.kind, gap.name) == ("halted", "BTCUSDT")


@pytest.mark.parametrize("status", ["HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY"])
def test_a_symbol_that_is_not_traded_is_named_where_it_values_something(status: str) -> None:
    markets = {
        name: Market(name, name[:3], "USDT", Decimal("0.01"), Decimal("0.001"), status=word)
        for name, word in {"BTCUSDT": status, "ETHUSDT": "TRADING", "SOLUSDT": status}.items()
    }
    state = told(watched(), MarketsRead(markets, frozenset({"BTC", "ETH", "USDT"}), NOW))
    (gap,) = found(state)
    assert (gap.kind, gap.text) == ("halted", f"BTCUSDT is halted ({status}): its price may stand still")


def test_an_account_in_which_nothing_may_be_traded_is_named() -> None:
    assert named(told(watched(), CrossRead(replace(cross(), trade_enabled=False)))) == [("halted", "")]

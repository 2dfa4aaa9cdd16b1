"""Value of balances in USDT: updates by single prices are equal to a full computation."""

import random
from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal

import pytest

from monitor.core.margin.levels import Exposure, Totals
from monitor.core.margin.usdt_prices import pricing_symbol, usdt_price
from monitor.core.model.account import Balance, Price
from monitor.core.state.scope_value import revalue, value_scope
from tests.support.examples.accounts import NOW, SETTINGS, prices, sample_balances, sample_prices

STABLES = SETTINGS.stable_assets


@pytest.mark.parametrize(
    ("asset", "known", "expected"),
    [
        ("USDT", {}, 1),
        ("BTC", {"BTCUSDT": 60_000}, 60_000),
        ("ABC", {"ABCBTC": "0.001", "BTCUSDT": 60_000}, 60),
        ("ABC", {"ABCUSDT": 61, "ABCBTC": "0.001", "BTCUSDT": 60_000}, 61),
        ("ABC", {"ABCBTC": "0.001"}, None),
        ("WBETH", {"WBETHETH": "1.05", "ETHUSDT": 3_000}, 3150),
        ("WBETH", {"WBETHETH": "1.05"}, None),
        ("ABC", {"ABCUSDC": "2", "USDCUSDT": "0.99"}, "1.98"),
        ("ABC", {"ABCFDUSD": "2", "FDUSDUSDT": "0.99"}, "1.98"),
        ("ABC", {"ABCEUR": "2", "EURUSDT": "1.1"}, "2.2"),
        ("ABC", {"ABCEUR": "2"}, None),
        ("TRY", {"USDTTRY": 40}, "0.025"),
        ("TRY", {"USDTTRY": 3}, "0.33333333333333"),
        ("ABC", {}, None),
    ],
)
def test_price_comes_from_the_usdt_pair_or_through_btc(
    asset: str, known: dict[str, str | int], expected: int | str | None
) -> None:
    assert usdt_price(asset, prices(NOW, **known)) == (None if expected is None else Decimal(expected))


def test_a_debt_in_a_currency_that_usdt_is_quoted_in_moves_with_that_pair() -> None:
    book = value_scope({"TRY": Balance("TRY", borrowed=Decimal(4000))}, prices(USDTTRY=40, BTCUSDT=60_000))
    assert (book.liabilities, set(book.symbols)) == (Decimal(100), {"USDTTRY"})
    assert revalue(book, prices(USDTTRY=50, BTCUSDT=60_000), ("USDTTRY",)).liabilities == 80
    assert value_scope(book.balances, book.prices, bases={"USDTTRY": Decimal("0.5")}).liabilities == 200


def test_sample_portfolio_is_worth_110_000_against_60_000() -> None:
    found = value_scope(sample_balances(), sample_prices())
    assert found.totals == Totals(Decimal(110_000), Decimal(60_000))
    assert found.exposure(STABLES) == Exposure(Decimal(20_000), Decimal(30_000), Decimal(90_000), Decimal(30_000))
    assert not found.unpriced


def test_interest_owed_is_a_liability() -> None:
    balance = Balance("USDT", borrowed=Decimal(100), interest=Decimal("0.5"))
    assert value_scope({"USDT": balance}, {}).liabilities == Decimal("100.5")


def test_unpriced_assets_are_named_unless_excluded() -> None:
    rows = {**sample_balances(), "ABC": Balance("ABC", free=Decimal(1)), "XYZ": Balance("XYZ", borrowed=Decimal(1))}
    assert value_scope(rows, sample_prices()).unpriced == {"ABC", "XYZ"}
    assert value_scope(rows, sample_prices(), frozenset({"ABC"})).unpriced == {"XYZ"}


def test_updated_value_handles_new_and_missing_prices() -> None:
    rows = {**sample_balances(), "ABC": Balance("ABC", free=Decimal(10))}
    lacking = value_scope(rows, sample_prices())
    known = {**sample_prices(), **prices(ABCUSDT=7)}
    assert revalue(lacking, known, ("ABCUSDT",)).assets == 110_070
    assert revalue(value_scope(rows, known), sample_prices(), ()).unpriced == {"ABC"}


def test_price_through_btc_moves_with_both_of_its_pairs() -> None:
    known = prices(BTCUSDT=60_000, ABCBTC="0.001")
    book = value_scope({"ABC": Balance("ABC", free=Decimal(10), borrowed=Decimal(1))}, known)
    assert book.totals == Totals(Decimal(600), Decimal(60))
    book = revalue(book, prices(BTCUSDT=50_000, ABCBTC="0.001"), ("BTCUSDT",))
    assert book.totals == Totals(Decimal(500), Decimal(50))
    book = revalue(book, prices(BTCUSDT=40_000, ABCBTC="0.002"), ("BTCUSDT", "ABCBTC"))
    assert book.totals == Totals(Decimal(800), Decimal(80))


def test_exchange_value_uses_the_index_of_every_bridge_pair() -> None:
    known = prices(BTCUSDT=60_000, ABCBTC="0.001")
    balances = {"ABC": Balance("ABC", free=Decimal(10), borrowed=Decimal(1))}
    # 60 USDT by spot; times 1.02 by the index of ABC in BTC, and times 0.99 by the index of BTC.
    both = value_scope(balances, known, bases={"ABCBTC": Decimal("1.02"), "BTCUSDT": Decimal("0.99")})
    assert both.totals == Totals(Decimal("605.88"), Decimal("60.588"))
    assert value_scope(balances, known, bases={"BTCUSDT": Decimal("0.99")}).totals == Totals(
        Decimal(594), Decimal("59.4")
    )
    assert both.exposure(("ABC",)).stable_assets == Decimal("605.88")
    moved = revalue(both, prices(BTCUSDT=50_000, ABCBTC="0.001"), ("BTCUSDT",))
    assert moved.totals == Totals(Decimal("504.9"), Decimal("50.49"))


def test_the_pair_that_prices_an_asset_is_the_one_with_usdt_where_there_is_one() -> None:
    known = prices(BTCUSDT=60_000, ETHUSDT=3_000, ABCBTC="0.001", WBETHETH="1.05")
    assert [pricing_symbol(name, known) for name in ("ETH", "ABC", "WBETH", "XYZ")] == [
        "ETHUSDT",
        "ABCBTC",
        "WBETHETH",
        "XYZUSDT",
    ]


def test_updated_value_equals_a_full_recompute() -> None:
    assert_incremental_value_is_exact(20_000)


@pytest.mark.slow
def test_updated_value_equals_a_full_recompute_after_a_million_prices() -> None:
    assert_incremental_value_is_exact(1_000_000)


def assert_incremental_value_is_exact(ticks: int) -> None:
    """Compare single price updates with a full computation.

    49 assets of all sizes, three of them priced through BTC or ETH, random prices one after the other.
    """
    dice = random.Random(20251010)
    names = ["BTC", "ETH", *(f"A{number:02}" for number in range(44))]
    balances = {
        name: Balance(name, _amount(dice), _amount(dice), _amount(dice), _amount(dice))
        for name in (*names, "USDT", "VIA1", "VIA2", "VIA3")
    }
    symbols = [*(f"{name}USDT" for name in names), "VIA1BTC", "VIA2BTC", "VIA3ETH"]
    known = {symbol: Price(_price(dice), NOW) for symbol in symbols}
    based = (*symbols[::3], "ETHUSDT", "VIA1BTC", "VIA3ETH")
    bases = {symbol: 1 + Decimal(dice.randrange(-(10**6), 10**6)) / 10**8 for symbol in based}
    book = value_scope(balances, known, bases=bases)
    for tick in range(1, ticks + 1):
        symbol = dice.choice(symbols)
        known = dict(known)
        known[symbol] = Price(_price(dice), NOW)
        book = revalue(book, known, (symbol,))
        if tick % (ticks // 10) == 0:
            full = totals(balances, known, bases)
            assert (book.assets, book.liabilities) == full
            assert str(book.level) == str(value_scope(balances, known, bases=bases).level)


def totals(
    balances: Mapping[str, Balance], known: Mapping[str, Price], bases: Mapping[str, Decimal]
) -> tuple[Decimal, Decimal]:
    """Return the values held and owed, computed independently."""

    def worth(*symbols: str) -> Decimal:
        value = basis = Decimal(1)
        for symbol in symbols:
            value, basis = value * known[symbol].value, basis * bases.get(symbol, Decimal(1))
        return value * basis.quantize(Decimal("1E-8"), ROUND_FLOOR)

    ways = {"USDT": (), "VIA1": ("VIA1BTC", "BTCUSDT"), "VIA2": ("VIA2BTC", "BTCUSDT"), "VIA3": ("VIA3ETH", "ETHUSDT")}
    value = {asset: worth(*ways.get(asset, (f"{asset}USDT",))) for asset in balances}
    held = sum(((b.free + b.locked) * value[asset] for asset, b in balances.items()), Decimal(0))
    owed = sum(((b.borrowed + b.interest) * value[asset] for asset, b in balances.items()), Decimal(0))
    return held, owed


def _amount(dice: random.Random) -> Decimal:
    return Decimal(dice.randrange(10 ** dice.randrange(1, 19))).scaleb(-8)


def _price(dice: random.Random) -> Decimal:
    return Decimal(1 + dice.randrange(10 ** dice.randrange(1, 14))).scaleb(-8)

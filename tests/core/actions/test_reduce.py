"""Selling for a debt and buying back a short: the worked example, lots and filters, and any portfolio."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core.account import CROSS, ZERO, Balance, Scope
from monitor.core.actions.proposal import Allowance, Nothing, Proposal
from monitor.core.actions.reduce import propose
from monitor.core.actions.spec import ActionSpec
from monitor.core.intents import Reduce
from monitor.core.markets import Market, Markets
from monitor.core.standing import Standing
from tests.core.actions.samples import NOW, PRICES, D, balance, reduce_spec, standing

SPEC = reduce_spec()
FEE = D("0.001")
ONE_USDT = D(1)
BTCUSDT = Market("BTCUSDT", "BTC", "USDT", D("0.01"), D("0.00001"), min_notional=D(5))
ETHUSDT = Market("ETHUSDT", "ETH", "USDT", D("0.01"), D("0.0001"), min_notional=D(5))
ETHBTC = Market("ETHBTC", "ETH", "BTC", D("0.00001"), D("0.0001"), min_notional=D("0.0001"))


def ground(
    *balances: Balance, markets: tuple[Market, ...] = (BTCUSDT, ETHUSDT), prices: Mapping[str, Decimal] = PRICES
) -> Standing:
    """A cross standing that may trade these symbols; without balances 1.5 BTC held for 60,000 USDT, a level of 1.5."""
    rows = balances or (balance("BTC", "1.5"), balance("USDT", borrowed="60000"))
    known = Markets({market.symbol: market for market in markets}, frozenset(prices))
    return replace(standing(*rows, prices=prices), markets=known)


def order_of(found: Proposal | Nothing) -> Reduce:
    assert isinstance(found, Proposal), found
    assert isinstance(found.order, Reduce)
    return found.order


def test_a_long_sells_what_reaches_the_target_in_whole_lots() -> None:
    # (2·60,000 − 90,000) ÷ (2·0.999 − 1) = 30,060.1202… USDT of BTC at 60,000: 0.50101 lots, rounded up.
    found = propose(ground(), SPEC, D(2), NOW)
    assert order_of(found) == Reduce(CROSS, "USDT", D("30060.6"), "BTCUSDT", "SELL", D("0.50101"), D(59_400), "BTC")
    assert isinstance(found, Proposal)
    # (90,000 − 30,060.6) ÷ (60,000 − 30,060.6·0.999)
    assert D(2) < found.level_after < D("2.0001")
    assert (found.kind, found.amount_usdt) == ("reduce", D("30060.6"))


def test_a_short_buys_what_reaches_the_target() -> None:
    held = ground(balance("USDT", "45000"), balance("ETH", borrowed="10"))
    # (2·30,000 − 45,000) ÷ (2·0.999 − 1) = 15,030.0601… USDT, 5.01002 ETH at 3,000.
    order = order_of(propose(held, SPEC, D(2), NOW))
    assert order == Reduce(CROSS, "ETH", D("5.0101"), "ETHUSDT", "BUY", D("5.0101"), D(3030), "USDT")


def test_a_debt_is_bought_back_with_what_is_not_dollars_too() -> None:
    held = ground(balance("BTC", "1"), balance("ETH", borrowed="14"), markets=(ETHBTC,))
    order = order_of(propose(held, SPEC, D(2), NOW))
    assert (order.symbol, order.side, order.sells, order.asset) == ("ETHBTC", "BUY", "BTC", "ETH")
    assert order.price == D("0.0505")


def test_no_more_is_bought_than_is_owed_and_no_more_sold_than_is_free() -> None:
    all_of_it = reduce_spec(target=None, amount=D(1_000_000))
    held = ground(balance("USDT", "45000"), balance("ETH", borrowed="9.99999"))
    assert order_of(propose(held, all_of_it, None, NOW)).quantity == D("9.9999")
    held = ground(balance("BTC", "0.123456", locked="1.4"), balance("USDT", borrowed="60000"))
    assert order_of(propose(held, all_of_it, None, NOW)).quantity == D("0.12345")


def test_a_whole_debt_is_covered_with_the_fee() -> None:
    held = ground(balance("BTC", "1.5"), balance("USDT", borrowed="6000"), balance("ETH", borrowed="15"))
    order = order_of(propose(held, reduce_spec(asset="USDT", target=None, amount=D(1_000_000)), None, NOW))
    # 6,000 ÷ (60,000·0.999), rounded up to the lot.
    assert order.quantity == D("0.10011")


def test_crumbs_of_a_debt_are_not_left_behind() -> None:
    held = ground(balance("BTC", "1.5"), balance("USDT", borrowed="6000"), balance("ETH", borrowed="15"))
    order = order_of(propose(held, reduce_spec(asset="USDT", target=None, amount=D(6005)), None, NOW))
    assert order.quantity == D("0.10011")


def test_the_largest_free_collateral_is_sold_by_default_and_what_is_named_else() -> None:
    held = ground(balance("BTC", "1"), balance("ETH", "10"), balance("USDT", borrowed="60000"))
    assert order_of(propose(held, SPEC, D(2), NOW)).sells == "BTC"
    assert order_of(propose(held, reduce_spec(sell=("ETH",)), D("1.8"), NOW)).sells == "ETH"


def test_the_caps_leave_room_for_a_price_that_moves_for_us() -> None:
    order = order_of(propose(ground(), SPEC, D(2), NOW, Allowance(usdt=D(1010))))
    # 1,000 USDT at 60,000, so that one per cent more is 1,010.
    assert (order.quantity, order.amount) == (D("0.01666"), D("999.6"))


@pytest.mark.parametrize(
    ("held", "spec", "target", "words"),
    [
        (ground(), SPEC, "1.5", "the target is reached"),
        (ground(balance("BTC", "1.5")), SPEC, "2", "nothing is owed"),
        (ground(), reduce_spec(asset="ETH"), "2", "ETH is not owed"),
        (ground(), reduce_spec(sell=("SOL",)), "2", "nothing held"),
        (ground(markets=()), SPEC, "2", "nothing held in cross trades for USDT"),
        (ground(markets=(replace(BTCUSDT, is_open=False),)), SPEC, "2", "nothing held"),
        (ground(markets=(replace(BTCUSDT, sells=False),)), SPEC, "2", "nothing held"),
        (ground(balance("BTC", locked="1.5"), balance("USDT", borrowed="60000")), SPEC, "2", "locked in orders"),
        (ground(), reduce_spec(max_slippage=D("0.4")), "2", "lowers a level below"),
        (ground(balance("BTC", "1.01"), balance("USDT", borrowed="60000")), SPEC, "2", "lowers a level below 1.0112"),
        (ground(balance("BTC", "0.00005"), balance("USDT", borrowed="2")), SPEC, "2", "least order on BTCUSDT"),
    ],
)
def test_why_nothing_is_traded(held: Standing, spec: ActionSpec, target: str, words: str) -> None:
    found = propose(held, spec, D(target), NOW)
    assert isinstance(found, Nothing)
    assert words in found.reason


def test_symbols_that_were_never_read_are_asked_for() -> None:
    found = propose(replace(ground(), markets=Markets()), SPEC, D(2), NOW)
    assert isinstance(found, Nothing)
    assert found.wants == {"markets"}


def test_a_pair_trades_its_own_two_assets_alone() -> None:
    held = replace(ground(), scope=Scope("BTCUSDT"))
    assert order_of(propose(held, SPEC, D(2), NOW)).symbol == "BTCUSDT"
    lacking = replace(held, markets=Markets({"ETHUSDT": ETHUSDT}))
    assert isinstance(propose(lacking, SPEC, D(2), NOW), Nothing)


def test_a_debt_with_an_order_of_unknown_outcome_waits() -> None:
    found = propose(ground(), SPEC, D(2), NOW, busy=frozenset({"USDT"}))
    assert isinstance(found, Nothing)
    assert found.blocked


def test_what_lies_between_index_and_last_price_is_cost() -> None:
    cheap = replace(ground(), traded={"BTCUSDT": D(59_700)})
    order = order_of(propose(cheap, SPEC, D(2), NOW))
    # kept = 0.999·59,700÷60,000; 30,000 ÷ (2·kept − 1) of BTC at the index.
    kept = D("0.999") * 59_700 / 60_000
    assert order.quantity - D("0.00001") < 30_000 / (2 * kept - 1) / 60_000 <= order.quantity
    assert order.price == D("59103")


money = st.decimals(min_value=0, max_value=200_000, places=2, allow_nan=False)
rates = st.decimals(min_value=D("0.5"), max_value=100_000, places=2, allow_nan=False)


@given(st.data())
def test_the_level_after_is_the_target_unless_something_limits(data: st.DataObject) -> None:
    """Held against a sale worked out by hand: what is given, what comes in net of the fee, what is left."""
    price = data.draw(rates)
    base = Balance("AAA", data.draw(money) / price // D("1e-8") * D("1e-8"), ZERO, ZERO, ZERO)
    quote = Balance("USDT", ZERO, ZERO, data.draw(money), ZERO)
    if data.draw(st.booleans()):
        owed = quote.borrowed / price // D("1e-8") * D("1e-8")
        base, quote = Balance("AAA", ZERO, ZERO, owed, ZERO), Balance("USDT", base.free * price, ZERO, ZERO, ZERO)
    step = data.draw(st.sampled_from([D("0.00001"), D("0.01"), D(1)]))
    target = data.draw(st.decimals(min_value=D("1.02"), max_value=5, places=3))
    market = Market("AAAUSDT", "AAA", "USDT", D("0.01"), step, min_notional=D(5))
    held = ground(base, quote, markets=(market,), prices={"AAA": price, "USDT": D(1)})
    assume(held.liabilities > 100)
    found = propose(held, SPEC, target, NOW)
    if isinstance(found, Nothing):
        return
    order = order_of(found)
    assert order.quantity % step == 0
    assert order.quantity * order.price >= 5
    sells = order.side == "SELL"
    given_up = order.quantity if sells else order.quantity * price
    brought = (order.quantity * price if sells else order.quantity) * (1 - FEE)
    owing = quote.borrowed if sells else base.borrowed
    assert given_up <= (base.free if sells else quote.free)
    assert sells or order.quantity <= owing
    repaid = min(brought, owing)
    worth = ONE_USDT if sells else price
    assets = held.assets - given_up * (price if sells else ONE_USDT) + (brought - repaid) * worth
    liabilities = held.liabilities - repaid * worth
    if liabilities <= 0:
        return
    level = assets / liabilities
    assert abs(level - found.level_after) <= D("1e-6") * level
    lot = step * price / liabilities * (level + 1)
    if level >= target:
        assert level <= target * D("1.0001") + lot or owing - brought < 2
    else:
        at_most = base.free if sells else min(quote.free / order.price, owing)
        assert order.quantity + step > at_most

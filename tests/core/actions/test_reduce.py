"""Action kind `reduce`: sales for a debt and buybacks of a short, by the worked example, and for any portfolio."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core.actions.limit_usage import LimitUsage, remaining_allowance
from monitor.core.actions.limits import Allowed, check_limits
from monitor.core.actions.proposal import Allowance, NoProposal, Proposal
from monitor.core.actions.reduce import propose_reduction
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.model.order import Reduce
from monitor.core.model.symbols import SymbolRulebook, TradingRules
from monitor.core.numbers.amounts import ZERO
from tests.support.examples.actions import NOW, PRICES, D, balance, reduce_spec, scope_position

SPEC = reduce_spec()
FEE = D("0.001")
ONE_USDT = D(1)
BTCUSDT = TradingRules("BTCUSDT", "BTC", "USDT", D("0.01"), D("0.00001"), min_notional=D(5))
ETHUSDT = TradingRules("ETHUSDT", "ETH", "USDT", D("0.01"), D("0.0001"), min_notional=D(5))
ETHBTC = TradingRules("ETHBTC", "ETH", "BTC", D("0.00001"), D("0.0001"), min_notional=D("0.0001"))


def position_with_rules(
    *balances: Balance, markets: tuple[TradingRules, ...] = (BTCUSDT, ETHUSDT), prices: Mapping[str, Decimal] = PRICES
) -> ScopePosition:
    """Cross position that may trade these symbols; by default 1.5 BTC held for 60,000 USDT, a level of 1.5."""
    rows = balances or (balance("BTC", "1.5"), balance("USDT", borrowed="60000"))
    known = SymbolRulebook({market.symbol: market for market in markets}, frozenset(prices))
    return replace(scope_position(*rows, prices=prices), symbol_rules=known)


def order_of(found: Proposal | NoProposal) -> Reduce:
    assert isinstance(found, Proposal), found
    assert isinstance(found.order, Reduce)
    return found.order


def test_long_sells_whole_lots_to_reach_the_target() -> None:
    # (2·60,000 − 90,000) ÷ (2·0.999 − 1) = 30,060.1202… USDT of BTC at 60,000: 0.50101 lots, rounded up.
    found = propose_reduction(position_with_rules(), SPEC, D(2), NOW)
    assert order_of(found) == Reduce(CROSS, "USDT", D("30060.6"), "BTCUSDT", "SELL", D("0.50101"), D(59_400), "BTC")
    assert isinstance(found, Proposal)
    # (90,000 − 30,060.6) ÷ (60,000 − 30,060.6·0.999)
    assert D(2) < found.level_after < D("2.0001")
    assert (found.kind, found.amount_usdt) == ("reduce", D("30060.6"))


def test_short_buys_back_to_reach_the_target() -> None:
    held = position_with_rules(balance("USDT", "45000"), balance("ETH", borrowed="10"))
    # (2·30,000 − 45,000) ÷ (2·0.999 − 1) = 15,030.0601… USDT, 5.01002 ETH at 3,000.
    order = order_of(propose_reduction(held, SPEC, D(2), NOW))
    assert order == Reduce(CROSS, "ETH", D("5.0101"), "ETHUSDT", "BUY", D("5.0101"), D(3030), "USDT")


def test_short_is_bought_back_with_another_asset_than_usdt() -> None:
    held = position_with_rules(balance("BTC", "1"), balance("ETH", borrowed="14"), markets=(ETHBTC,))
    order = order_of(propose_reduction(held, SPEC, D(2), NOW))
    assert (order.symbol, order.side, order.sell_asset, order.asset) == ("ETHBTC", "BUY", "BTC", "ETH")
    assert order.price == D("0.0505")


def test_order_never_exceeds_the_debt_or_the_free_balance() -> None:
    all_of_it = reduce_spec(target=None, amount=D(1_000_000))
    held = position_with_rules(balance("USDT", "45000"), balance("ETH", borrowed="9.99999"))
    assert order_of(propose_reduction(held, all_of_it, None, NOW)).quantity == D("9.9999")
    held = position_with_rules(balance("BTC", "0.123456", locked="1.4"), balance("USDT", borrowed="60000"))
    assert order_of(propose_reduction(held, all_of_it, None, NOW)).quantity == D("0.12345")


def test_proceeds_never_exceed_the_debt_at_a_better_price() -> None:
    held = position_with_rules(balance("BTC", "1.5"), balance("USDT", borrowed="6000"), balance("ETH", borrowed="15"))
    order = order_of(propose_reduction(held, reduce_spec(asset="USDT", target=None, amount=D(1_000_000)), None, NOW))
    # 6,000 ÷ 60,000 ÷ 1.01, rounded down to the lot: 60,600 for a bitcoin would bring 5,999.4 without a fee.
    assert order.quantity == D("0.099")


def test_remaining_debt_stays_repayable() -> None:
    held = position_with_rules(balance("BTC", "1.5"), balance("USDT", borrowed="50"), balance("ETH", borrowed="15"))
    order = order_of(propose_reduction(held, reduce_spec(asset="USDT", target=None, amount=D(6005)), None, NOW))
    # 49 ÷ 60,000; 50 ÷ 1.01 would leave half a dollar.
    assert order.quantity == D("0.00081")


@pytest.mark.parametrize(
    ("rows", "spec", "quantity"),
    [
        ((balance("BTC", "0.25", borrowed="0.081"), balance("USDT", borrowed="20000")), {"sell": ("BTC",)}, "0.169"),
        ((balance("BTC", "1", borrowed="0.9"), balance("USDT", borrowed="10000")), {"sell": ("BTC",)}, "0.1"),
        ((balance("BTC", "0.8", borrowed="1"), balance("USDT", "50000")), {"asset": "BTC"}, "0.2"),
        ((balance("ETH", "1", borrowed="10"), balance("USDT", "70000", borrowed="60000")), {"asset": "ETH"}, "3.3003"),
    ],
)
def test_only_the_net_of_an_asset_is_traded(rows: tuple[Balance, ...], spec: dict[str, object], quantity: str) -> None:
    # 0.25 − 0.081; 1 − 0.9; 1 − 0.8; 10,000 at 3,030 a piece.
    wish = reduce_spec(target=None, amount=D(1_000_000), **spec)
    order = order_of(
        propose_reduction(
            position_with_rules(balance("SOL", "900"), *rows, prices={**PRICES, "SOL": D(150)}), wish, None, NOW
        )
    )
    assert order.quantity == D(quantity)


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ((balance("BTC", "1", borrowed="1"), balance("USDT", borrowed="9000")), "BTC"),
        ((balance("BTC", "1"), balance("USDT", "9000", borrowed="9000")), "USDT"),
    ],
)
def test_asset_owed_as_much_as_held_is_not_sold(rows: tuple[Balance, ...], names: str) -> None:
    held = position_with_rules(balance("SOL", "900"), *rows, markets=(BTCUSDT,), prices={**PRICES, "SOL": D(150)})
    found = propose_reduction(held, reduce_spec(sell=("BTC",), asset="USDT", target=None, amount=D(5000)), None, NOW)
    assert isinstance(found, NoProposal)
    assert (found.is_blocked, found.requested_reads, found.missing_reads) == (True, frozenset(), frozenset())
    assert names in found.reason
    assert "repay" in found.reason


def test_amount_of_an_order_with_unknown_outcome_is_not_sold_again() -> None:
    found = propose_reduction(position_with_rules(), SPEC, D(2), NOW, unsettled=frozenset({"ETH", "BTC"}))
    assert isinstance(found, NoProposal)


def test_largest_free_collateral_is_sold_unless_an_asset_is_configured() -> None:
    held = position_with_rules(balance("BTC", "1"), balance("ETH", "10"), balance("USDT", borrowed="60000"))
    assert order_of(propose_reduction(held, SPEC, D(2), NOW)).sell_asset == "BTC"
    assert order_of(propose_reduction(held, reduce_spec(sell=("ETH",)), D("1.8"), NOW)).sell_asset == "ETH"


def test_caps_allow_for_a_better_price() -> None:
    order = order_of(propose_reduction(position_with_rules(), SPEC, D(2), NOW, Allowance(usdt=D(1010))))
    # 1,000 USDT at 60,000, so that one per cent more is 1,010.
    assert (order.quantity, order.amount) == (D("0.01666"), D("999.6"))


@pytest.mark.parametrize(
    ("held", "spec", "target", "words"),
    [
        (position_with_rules(), SPEC, "1.5", "the target is reached"),
        (position_with_rules(balance("BTC", "1.5")), SPEC, "2", "nothing is owed"),
        (position_with_rules(), reduce_spec(asset="ETH"), "2", "ETH is not owed"),
        (position_with_rules(), reduce_spec(sell=("SOL",)), "2", "nothing held"),
        (position_with_rules(markets=()), SPEC, "2", "nothing held in cross trades for USDT"),
        (position_with_rules(markets=(replace(BTCUSDT, is_open=False),)), SPEC, "2", "nothing held"),
        (position_with_rules(markets=(replace(BTCUSDT, can_sell=False),)), SPEC, "2", "nothing held"),
        (
            position_with_rules(balance("BTC", locked="1.5"), balance("USDT", borrowed="60000")),
            SPEC,
            "2",
            "locked in orders",
        ),
        (position_with_rules(), reduce_spec(max_slippage=D("0.4")), "2", "lowers a level below"),
        (
            position_with_rules(balance("BTC", "1.01"), balance("USDT", borrowed="60000")),
            SPEC,
            "2",
            "lowers a level below 1.0112",
        ),
        (
            position_with_rules(balance("BTC", "0.00005"), balance("USDT", borrowed="2")),
            SPEC,
            "2",
            "least order on BTCUSDT",
        ),
    ],
)
def test_reason_when_nothing_is_traded(held: ScopePosition, spec: ActionSpec, target: str, words: str) -> None:
    found = propose_reduction(held, spec, D(target), NOW)
    assert isinstance(found, NoProposal)
    assert words in found.reason


def test_unread_symbols_are_requested() -> None:
    found = propose_reduction(replace(position_with_rules(), symbol_rules=SymbolRulebook()), SPEC, D(2), NOW)
    assert isinstance(found, NoProposal)
    assert found.requested_reads == {"markets"}


def test_isolated_pair_trades_only_its_two_assets() -> None:
    held = replace(position_with_rules(), scope=Scope("BTCUSDT"))
    assert order_of(propose_reduction(held, SPEC, D(2), NOW)).symbol == "BTCUSDT"
    lacking = replace(held, symbol_rules=SymbolRulebook({"ETHUSDT": ETHUSDT}))
    assert isinstance(propose_reduction(lacking, SPEC, D(2), NOW), NoProposal)


def test_debt_with_an_unknown_order_outcome_waits() -> None:
    found = propose_reduction(position_with_rules(), SPEC, D(2), NOW, unsettled=frozenset({"USDT"}))
    assert isinstance(found, NoProposal)
    assert found.is_blocked


def test_spread_between_index_and_last_price_counts_as_cost() -> None:
    cheap = replace(position_with_rules(), last_prices={"BTCUSDT": D(59_700)})
    order = order_of(propose_reduction(cheap, SPEC, D(2), NOW))
    # kept = 0.999·59,700÷60,000; 30,000 ÷ (2·kept − 1) of BTC at the index.
    kept = D("0.999") * 59_700 / 60_000
    assert order.quantity - D("0.00001") < 30_000 / (2 * kept - 1) / 60_000 <= order.quantity
    assert order.price == D("59103")


money = st.decimals(min_value=0, max_value=200_000, places=2, allow_nan=False)
rates = st.decimals(min_value=D("0.5"), max_value=100_000, places=2, allow_nan=False)


@given(st.data())
def test_the_level_after_is_the_target_unless_something_limits(data: st.DataObject) -> None:
    """A trade worked out by hand: the amount sold, the proceeds net of the fee, and the remainder."""
    price = data.draw(rates)
    base = Balance("AAA", data.draw(money) / price // D("1e-8") * D("1e-8"), ZERO, ZERO, ZERO)
    quote = Balance("USDT", ZERO, ZERO, data.draw(money), ZERO)
    if data.draw(st.booleans()):
        owed = quote.borrowed / price // D("1e-8") * D("1e-8")
        base, quote = Balance("AAA", ZERO, ZERO, owed, ZERO), Balance("USDT", base.free * price, ZERO, ZERO, ZERO)
    step = data.draw(st.sampled_from([D("0.00001"), D("0.01"), D(1)]))
    target = data.draw(st.decimals(min_value=D("1.02"), max_value=5, places=3))
    market = TradingRules("AAAUSDT", "AAA", "USDT", D("0.01"), step, min_notional=D(5))
    held = position_with_rules(base, quote, markets=(market,), prices={"AAA": price, "USDT": D(1)})
    assume(held.liabilities > 100)
    found = propose_reduction(held, SPEC, target, NOW)
    if isinstance(found, NoProposal):
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
        # Even if the price moves in our favour by the slippage, no more comes in than is owed.
        not_more_than_owed = owing / (1 + SPEC.max_slippage) / price
        at_most = min(base.free, not_more_than_owed) if sells else min(quote.free / order.price, owing)
        assert order.quantity + step > at_most


amounts = st.decimals(min_value=0, max_value=100, places=8, allow_nan=False)
either = st.one_of(st.just(ZERO), amounts)


@given(st.data())
def test_no_order_flips_the_net_position_of_an_asset(data: st.DataObject) -> None:
    """Filled whole at any price within the bound or as much better, at any fee: no sign changes."""
    scope = data.draw(st.sampled_from([CROSS, Scope("AAAUSDT")]))
    prices = {"AAA": data.draw(rates), "BBB": data.draw(rates), "USDT": D(1)}
    names = ["AAA", "USDT"] if scope.symbol else ["AAA", "BBB", "USDT"]
    worth = {name: prices["AAA"] / prices[name] for name in names}
    balances = [
        Balance(name, *(data.draw(either) * worth[name] // D("1e-8") * D("1e-8") for _ in range(4))) for name in names
    ]
    step = data.draw(st.sampled_from([D("0.00001"), D("0.01"), D(1)]))
    quotes = (("AAA", "USDT"), ("BBB", "USDT"), ("AAA", "BBB"))
    markets = tuple(TradingRules(f"{b}{q}", b, q, D("0.00001"), step, min_notional=D("0.1")) for b, q in quotes)
    held = replace(position_with_rules(*balances, markets=markets, prices=prices), scope=scope)
    assume(held.liabilities > 0)
    target = data.draw(st.one_of(st.none(), st.decimals(min_value=D("1.05"), max_value=20, places=3)))
    spec = SPEC if target is not None else reduce_spec(target=None, amount=data.draw(amounts) + 1)
    found = propose_reduction(held, spec, target, NOW, remaining_allowance(spec, LimitUsage()))
    if isinstance(found, NoProposal):
        return
    order = order_of(found)
    assert isinstance(check_limits(found, held, spec, LimitUsage(), NOW), Allowed)
    before = {balance.asset: balance.net for balance in balances}
    last = held.last_price(order.symbol)
    assert last is not None
    farthest = order.price if order.side == "BUY" else last * (1 + spec.max_slippage)
    for price in (order.price, last, farthest):
        for fee in (ZERO, FEE):
            gets = order.quantity * (price if order.side == "SELL" else 1) * (1 - fee)
            gives = order.quantity * (1 if order.side == "SELL" else price)
            assert before[order.sell_asset] >= gives
            assert before[order.asset] + gets <= 0


def test_sale_at_the_worst_price_still_brings_a_repayable_amount() -> None:
    held = position_with_rules()
    rows = {asset: replace(row, min_repay=D(1000)) for asset, row in held.by_asset.items()}
    held, little = replace(held, by_asset=rows), reduce_spec(target=None, amount=D(50))
    # 1,000 ÷ 0.999 ÷ 59,400 is 0.016852… BTC.
    assert order_of(propose_reduction(held, little, None, NOW)).quantity == D("0.01686")
    found = propose_reduction(held, little, None, NOW, Allowance(usdt=D(500)))
    assert isinstance(found, NoProposal)
    assert found.is_blocked
    assert "no less than 1000" in found.reason

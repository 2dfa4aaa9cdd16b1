"""The exchange judges by its index: what one unit of spot price is worth to it enters the level between polls."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.metrics.snapshot import figures_of
from monitor.core.model.account import Balance, Price
from monitor.core.model.events import CrossRead, IsolatedRead, PricesRead
from monitor.core.model.reads import IndexRead
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    cross,
    isolated,
    long_pair,
    prices,
    sample_balances,
    sample_prices,
    started,
    told,
)

D = Decimal
# 1.5 BTC at an index of 60,600 where spot is 60,000, and 20,000 USDT, against 60,000 USDT.
POLLED = D(110_900) / D(60_000)


def read_with_an_index(index: str = "60600", seconds: float = 0) -> AccountState:
    told_index = IndexRead("BTCUSDT", Price(D(index), after(seconds)))
    # The spot price of a second later is the same: it was in force when the index was.
    confirmed = PricesRead(sample_prices(after(1)))
    return told(started(), PricesRead(sample_prices()), told_index, confirmed, CrossRead(cross(level=POLLED)))


def level(state: AccountState, at: float) -> Decimal:
    found = figures_of(state, SETTINGS, ("cross", ""), after(at)).read("margin_level")
    assert isinstance(found, Decimal)
    return found


def test_a_basis_explains_what_spot_prices_alone_are_off() -> None:
    spot_alone = told(started(), PricesRead(sample_prices()), CrossRead(cross(level=POLLED)))
    drifts = [figures_of(s, SETTINGS, ("cross", ""), NOW).drift for s in (spot_alone, read_with_an_index())]
    assert drifts[0] is not None
    assert round(drifts[0], 5) == D("0.00812")
    assert drifts[1] == 0


def test_a_level_between_polls_is_that_of_the_index() -> None:
    # Spot falls by a tenth, and the index with it, to 54,540: (81,810 + 20,000) / 60,000.
    state = told(read_with_an_index(), PricesRead(prices(after(5), BTCUSDT=54_000)))
    assert abs(level(state, 5) - D(101_810) / D(60_000)) < D("1E-40")


def test_the_level_is_the_polled_one_until_something_moves() -> None:
    assert level(read_with_an_index(), 5) == POLLED


def test_a_new_basis_holds_from_the_next_read_on() -> None:
    state = told(read_with_an_index(), IndexRead("BTCUSDT", Price(D(59_000), after(1))))
    assert level(state, 5) == POLLED
    assert state.cross_bases == {"BTCUSDT": D("1.01")}
    assert told(state, CrossRead(cross(after(60), POLLED))).cross_bases == {"BTCUSDT": D("0.98333333")}


def test_an_index_that_is_dated_far_from_the_spot_price_gives_no_basis() -> None:
    state = read_with_an_index(seconds=60)
    assert state.followed.indexes.keys() == {"BTCUSDT"}
    assert not state.cross_bases


def test_an_asset_without_a_pair_with_usdt_has_the_basis_of_its_way() -> None:
    # 1,000 ABC at 0.0011 BTC by the index where spot is 0.001, and 1.5 BTC, all at 60,600 for 60,000; 20,000 USDT.
    polled = (D("66660") + 90_900 + 20_000) / D(60_000)
    known = {**sample_prices(), **prices(NOW, ABCBTC="0.001")}
    indexes = [IndexRead("BTCUSDT", Price(D(60_600), NOW)), IndexRead("ABCBTC", Price(D("0.0011"), NOW))]
    balances = sample_balances() | {"ABC": Balance("ABC", free=D(1000))}
    state = told(started(), PricesRead(known), *indexes, CrossRead(cross(balances=balances, level=polled)))
    assert figures_of(state, SETTINGS, ("cross", ""), NOW).drift == 0


def test_a_price_from_before_a_read_that_comes_after_it_is_no_second_fall() -> None:
    # Read at 15 s with a fall at 14 s in it, of which the stream tells at 16 s.
    fallen = D(101_810) / D(60_000)
    state = told(read_with_an_index(), CrossRead(cross(after(15), fallen)), at=after(15))
    late = told(state, PricesRead(prices(after(14), BTCUSDT=54_000)), at=after(16))
    assert level(late, 16) == fallen
    newer = told(late, PricesRead(prices(after(16), BTCUSDT=48_600)), at=after(16))
    assert abs(level(newer, 16) - D(93_629) / D(60_000)) < D("1E-40")


def test_a_price_of_an_asset_that_comes_after_the_read_counts_as_of_then() -> None:
    state = told(started(), CrossRead(cross(after(15), POLLED)), at=after(15))
    late = told(state, PricesRead(sample_prices(after(14))), at=after(16))
    assert level(late, 16) == POLLED


def read_for_two_seconds(polled: Decimal) -> AccountState:
    """Asked at 15 s, answered at 17 s."""
    snapshot = replace(cross(after(15), polled), answered_at=after(17))
    return told(read_with_an_index(), CrossRead(snapshot), at=after(17))


def test_a_fall_while_the_exchange_answered_counts_once_whether_or_not_the_answer_has_it() -> None:
    fallen, late = D(101_810) / D(60_000), PricesRead(prices(after(16), BTCUSDT=54_000))
    within = told(read_for_two_seconds(fallen), late, at=after(18))
    assert level(within, 18) == fallen
    told_after = told(read_for_two_seconds(fallen), PricesRead(prices(after(18), BTCUSDT=54_000)), at=after(18))
    assert level(told_after, 18) == fallen
    without = told(read_for_two_seconds(POLLED), late, at=after(18))
    assert abs(level(without, 18) - fallen) < D("1E-40")


def test_of_a_pair_the_answers_own_index_tells_whether_a_fall_is_in_it() -> None:
    # The sample pair is told at an index of its own price; a fall to nine tenths comes while the exchange answers.
    pair = long_pair()
    start = told(started(), PricesRead({pair.symbol: Price(pair.index_price, after(10))}), at=after(10))
    late = PricesRead({pair.symbol: Price(pair.index_price * D("0.9"), after(16))})
    for index in (pair.index_price, pair.index_price * D("0.9")):
        snapshot = replace(isolated(replace(pair, index_price=index), at=after(15)), answered_at=after(17))
        state = told(start, IsolatedRead(snapshot), late, at=after(18))
        assert state.isolated_prices[pair.symbol].value == index


def test_an_index_that_fell_before_its_price_was_told_makes_no_basis() -> None:
    # The index of 15 s has the fall in it already, and so has the level; the stream tells of it at 16 s.
    fallen = (D(81_000) + D(20_000)) / D(60_000)
    start = told(started(), PricesRead(sample_prices(after(14))), at=after(14))
    read = told(
        start, IndexRead("BTCUSDT", Price(D(54_000), after(15))), CrossRead(cross(after(15), fallen)), at=after(15)
    )
    state = told(read, PricesRead(prices(after(16), BTCUSDT=54_000)), at=after(16))
    assert state.cross_bases == state.followed.bases == {}
    assert level(state, 16) == fallen

"""The index basis in the level between polls, because the exchange judges by its index."""

from dataclasses import replace
from decimal import Decimal

from monitor.core.metrics.snapshot import measure_subject
from monitor.core.model.account import Balance, Price
from monitor.core.model.events import CrossRead, IsolatedRead, PricesRead
from monitor.core.model.reads import IndexPriceRead
from monitor.core.state.account_state import AccountState
from tests.support.examples.accounts import (
    NOW,
    SETTINGS,
    after,
    apply_events,
    cross_snapshot,
    isolated_snapshot,
    long_pair,
    new_account_state,
    prices,
    sample_balances,
    sample_prices,
)

D = Decimal
# 1.5 BTC at an index of 60,600 where spot is 60,000, and 20,000 USDT, against 60,000 USDT.
POLLED = D(110_900) / D(60_000)


def read_with_index(index: str = "60600", seconds: float = 0) -> AccountState:
    told_index = IndexPriceRead("BTCUSDT", Price(D(index), after(seconds)))
    # The spot price of a second later is the same: it was in force when the index was.
    confirmed = PricesRead(sample_prices(after(1)))
    return apply_events(
        new_account_state(), PricesRead(sample_prices()), told_index, confirmed, CrossRead(cross_snapshot(level=POLLED))
    )


def level(state: AccountState, at: float) -> Decimal:
    found = measure_subject(state, SETTINGS, ("cross", ""), after(at)).read("margin_level")
    assert isinstance(found, Decimal)
    return found


def test_index_basis_explains_the_gap_to_spot_prices() -> None:
    spot_alone = apply_events(new_account_state(), PricesRead(sample_prices()), CrossRead(cross_snapshot(level=POLLED)))
    drifts = [measure_subject(s, SETTINGS, ("cross", ""), NOW).drift for s in (spot_alone, read_with_index())]
    assert drifts[0] is not None
    assert round(drifts[0], 5) == D("0.00812")
    assert drifts[1] == 0


def test_level_between_polls_follows_the_index() -> None:
    # Spot falls by a tenth, and the index with it, to 54,540: (81,810 + 20,000) / 60,000.
    state = apply_events(read_with_index(), PricesRead(prices(after(5), BTCUSDT=54_000)))
    assert abs(level(state, 5) - D(101_810) / D(60_000)) < D("1E-40")


def test_level_stays_the_polled_one_until_a_price_moves() -> None:
    assert level(read_with_index(), 5) == POLLED


def test_a_new_basis_holds_from_the_next_read_on() -> None:
    state = apply_events(read_with_index(), IndexPriceRead("BTCUSDT", Price(D(59_000), after(1))))
    assert level(state, 5) == POLLED
    assert state.prices.at_cross.bases == {"BTCUSDT": D("1.01")}
    assert apply_events(state, CrossRead(cross_snapshot(after(60), POLLED))).prices.at_cross.bases == {
        "BTCUSDT": D("0.98333333")
    }


def test_index_far_in_time_from_the_spot_price_gives_no_basis() -> None:
    state = read_with_index(seconds=60)
    assert state.prices.index_readings.keys() == {"BTCUSDT"}
    assert not state.prices.at_cross.bases


def test_bridged_asset_has_the_basis_of_its_bridge() -> None:
    # 1,000 ABC at 0.0011 BTC by the index where spot is 0.001, and 1.5 BTC, all at 60,600 for 60,000; 20,000 USDT.
    polled = (D("66660") + 90_900 + 20_000) / D(60_000)
    known = {**sample_prices(), **prices(NOW, ABCBTC="0.001")}
    indexes = [IndexPriceRead("BTCUSDT", Price(D(60_600), NOW)), IndexPriceRead("ABCBTC", Price(D("0.0011"), NOW))]
    balances = sample_balances() | {"ABC": Balance("ABC", free=D(1000))}
    state = apply_events(
        new_account_state(), PricesRead(known), *indexes, CrossRead(cross_snapshot(balances=balances, level=polled))
    )
    assert measure_subject(state, SETTINGS, ("cross", ""), NOW).drift == 0


def test_late_price_from_before_a_read_does_not_count_twice() -> None:
    # Read at 15 s with a fall at 14 s in it, which the stream reports at 16 s.
    fallen = D(101_810) / D(60_000)
    state = apply_events(read_with_index(), CrossRead(cross_snapshot(after(15), fallen)), at=after(15))
    late = apply_events(state, PricesRead(prices(after(14), BTCUSDT=54_000)), at=after(16))
    assert level(late, 16) == fallen
    newer = apply_events(late, PricesRead(prices(after(16), BTCUSDT=48_600)), at=after(16))
    assert abs(level(newer, 16) - D(93_629) / D(60_000)) < D("1E-40")


def test_first_price_after_the_read_counts_as_of_the_read() -> None:
    state = apply_events(new_account_state(), CrossRead(cross_snapshot(after(15), POLLED)), at=after(15))
    late = apply_events(state, PricesRead(sample_prices(after(14))), at=after(16))
    assert level(late, 16) == POLLED


def read_for_two_seconds(polled: Decimal) -> AccountState:
    """Return the state after a read requested at 15 s and answered at 17 s."""
    snapshot = replace(cross_snapshot(after(15), polled), answered_at=after(17))
    return apply_events(read_with_index(), CrossRead(snapshot), at=after(17))


def test_price_fall_during_a_read_counts_once() -> None:
    fallen, late = D(101_810) / D(60_000), PricesRead(prices(after(16), BTCUSDT=54_000))
    within = apply_events(read_for_two_seconds(fallen), late, at=after(18))
    assert level(within, 18) == fallen
    told_after = apply_events(read_for_two_seconds(fallen), PricesRead(prices(after(18), BTCUSDT=54_000)), at=after(18))
    assert level(told_after, 18) == fallen
    without = apply_events(read_for_two_seconds(POLLED), late, at=after(18))
    assert abs(level(without, 18) - fallen) < D("1E-40")


def test_index_in_the_pair_answer_decides_whether_a_fall_is_included() -> None:
    # The sample pair is read with an index at its own price; a fall to nine tenths comes while the exchange answers.
    pair = long_pair()
    start = apply_events(
        new_account_state(), PricesRead({pair.symbol: Price(pair.index_price, after(10))}), at=after(10)
    )
    late = PricesRead({pair.symbol: Price(pair.index_price * D("0.9"), after(16))})
    for index in (pair.index_price, pair.index_price * D("0.9")):
        snapshot = replace(isolated_snapshot(replace(pair, index_price=index), at=after(15)), answered_at=after(17))
        state = apply_events(start, IsolatedRead(snapshot), late, at=after(18))
        assert state.prices.at_isolated.prices[pair.symbol].value == index


def test_index_that_moved_before_its_spot_price_gives_no_basis() -> None:
    # The index of 15 s has the fall in it already, and so has the level; the stream reports it at 16 s.
    fallen = (D(81_000) + D(20_000)) / D(60_000)
    start = apply_events(new_account_state(), PricesRead(sample_prices(after(14))), at=after(14))
    read = apply_events(
        start,
        IndexPriceRead("BTCUSDT", Price(D(54_000), after(15))),
        CrossRead(cross_snapshot(after(15), fallen)),
        at=after(15),
    )
    state = apply_events(read, PricesRead(prices(after(16), BTCUSDT=54_000)), at=after(16))
    assert state.prices.at_cross.bases == state.prices.index_basis == {}
    assert level(state, 16) == fallen


def read_after_a_fall(polled: Decimal, *falls: int) -> AccountState:
    """Return the state after a read requested at 15 s, whose answer is taken after the stream reported the falls."""
    start = read_with_index()
    told = [PricesRead(prices(after(16 + step), BTCUSDT=price)) for step, price in enumerate(falls)]
    answer = CrossRead(replace(cross_snapshot(after(15), polled), answered_at=after(20)), start.prices.newest)
    return apply_events(start, *told, answer, at=after(20))


def test_fall_that_is_reported_before_an_older_answer_comes_moves_the_level() -> None:
    # The answer is of before the fall, at it, and halfway; the level is that of the newest price each time.
    for index in (60_600, 54_540, 57_570):
        state = read_after_a_fall((D("1.5") * index + 20_000) / D(60_000), 54_000)
        assert abs(level(state, 20) - D(101_810) / D(60_000)) < D("1E-8")
        assert measure_subject(state, SETTINGS, ("cross", ""), after(20)).drift == 0


def test_answer_between_two_falls_moves_by_the_second_alone() -> None:
    state = read_after_a_fall(D(101_810) / D(60_000), 54_000, 48_600)
    assert abs(level(state, 20) - D(93_629) / D(60_000)) < D("1E-8")


def test_answer_that_agrees_with_the_newest_price_is_the_level() -> None:
    fallen = D(101_810) / D(60_000)
    assert level(read_after_a_fall(fallen, 54_000), 20) == fallen


def pair_level(state: AccountState, at: float) -> Decimal:
    found = measure_subject(state, SETTINGS, ("isolated", long_pair().symbol), after(at)).read("margin_level")
    assert isinstance(found, Decimal)
    return found


def test_fall_that_is_reported_before_an_older_pair_answer_comes_moves_the_level() -> None:
    pair = long_pair()
    price = pair.index_price
    start = apply_events(
        new_account_state(),
        PricesRead({pair.symbol: Price(price, after(0))}),
        IsolatedRead(isolated_snapshot(pair, at=after(0))),
        PricesRead({pair.symbol: Price(price, after(14))}),
        at=after(14),
    )
    fallen = PricesRead({pair.symbol: Price(price * D("0.9"), after(16))})
    told_after = apply_events(start, fallen, at=after(17))
    assert pair_level(told_after, 17) < pair.margin_level
    old = IsolatedRead(replace(isolated_snapshot(pair, at=after(15)), answered_at=after(17)), start.prices.newest)
    assert pair_level(apply_events(start, fallen, old, at=after(17)), 17) == pair_level(told_after, 17)


def test_rejected_row_moves_by_prices_since_its_own_read() -> None:
    pair = long_pair()
    start = apply_events(
        new_account_state(),
        PricesRead({pair.symbol: Price(pair.index_price, after(0))}),
        IsolatedRead(isolated_snapshot(pair, at=after(0))),
        PricesRead({pair.symbol: Price(pair.index_price * D("0.9"), after(10))}),
        at=after(10),
    )
    without = replace(isolated_snapshot(at=after(15)), rejected=frozenset({pair.symbol}))
    assert pair_level(apply_events(start, IsolatedRead(without), at=after(16)), 16) == pair_level(start, 16)

"""Interest charges: each once, summed to the last digit, and the time in which none is missing."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from monitor.core.model.account import CROSS, InterestCharge, Scope
from monitor.core.model.journal import JournalEntry, Sample
from monitor.core.numbers.intervals import Interval
from monitor.store.readers.interest import read_charges, read_interest, read_interest_paid, read_recorded_spans
from monitor.store.startup import load_state
from monitor.store.store import Store
from monitor.store.writes.interest import record_charges
from tests.support.examples.store_rows import NOW, at, charge

PAIR = Scope("BTCUSDT")
DAY_S = 86_400


async def store_charges(
    store: Store, charges: tuple[InterestCharge, ...], span: Interval | None = None, scope: Scope = CROSS
) -> int:
    return await store.execute(record_charges, "main", scope, charges, span)


async def spans_of(store: Store, scope: Scope = CROSS) -> tuple[Interval, ...]:
    return (await store.read(read_recorded_spans, "main")).get(("main", scope.symbol), ())


async def test_interest_is_recorded_once_and_summed_exactly(store: Store) -> None:
    charges = (
        charge(1, amount="0.1"),
        charge(1, amount="0.2", hours=1),
        charge(1, scope=PAIR, amount="0.4"),
        charge(2, asset="BTC", amount="0.00000001", hours=4),
    )
    assert (await store_charges(store, charges), await store_charges(store, charges)) == (4, 0)
    by_asset = await store.read(read_interest, by="asset")
    assert [(s.asset, s.symbol, s.interest, s.charges) for s in by_asset] == [
        ("BTC", "", Decimal("1E-8"), 1),
        ("USDT", "", Decimal("0.3"), 2),
        ("USDT", "BTCUSDT", Decimal("0.4"), 1),
    ]
    by_day = await store.read(read_interest, by="day", until=at(3600 * 2))
    assert [(str(s.day), s.symbol, s.interest) for s in by_day] == [
        ("2025-10-10", "", Decimal("0.3")),
        ("2025-10-10", "BTCUSDT", Decimal("0.4")),
    ]


async def test_sum_beyond_float_precision_is_exact(store: Store) -> None:
    amounts = ["123456789.00000001", "0.00000002", "987654321.12345678"] * 100
    await store_charges(store, tuple(charge(n, amount=amount) for n, amount in enumerate(amounts)))
    (total,) = await store.read(read_interest, by="asset")
    # 300 charges; a float would be off by more than 0.00000001 from the second on.
    assert (total.interest, total.charges) == (Decimal("111111111012.34568100"), 300)


async def test_interest_paid_in_bnb_is_listed_by_debt_and_summed_in_bnb(store: Store) -> None:
    in_bnb = replace(charge(7, amount="0.002", hours=1), asset="BNB", kind="PERIODIC_CONVERTED")
    await store_charges(store, (charge(6, amount="1.5"), in_bnb))
    paid = await store.read(read_interest_paid, "main", at(3600 * 2))
    assert paid[CROSS, "USDT"].last_24h == {"USDT": Decimal("1.5"), "BNB": Decimal("0.002")}
    assert paid[CROSS, "USDT"].last == in_bnb
    assert [s.asset for s in await store.read(read_interest, by="asset")] == ["BNB", "USDT"]


async def test_spans_that_meet_become_one_and_others_stay_apart(store: Store) -> None:
    await store_charges(store, (), (at(10), at(20)))
    await store_charges(store, (), (at(40), at(50)))
    assert await spans_of(store) == ((at(10), at(20)), (at(40), at(50)))
    await store_charges(store, (), (at(20), at(30)))
    assert await spans_of(store) == ((at(10), at(30)), (at(40), at(50)))
    await store_charges(store, (), (at(25), at(45)))
    assert await spans_of(store) == ((at(10), at(50)),)
    await store_charges(store, (), (at(12), at(13)))
    assert await spans_of(store) == ((at(10), at(50)),)


async def test_spans_of_one_scope_are_not_those_of_another(store: Store) -> None:
    await store_charges(store, (), (at(10), at(20)))
    await store_charges(store, (), (at(20), at(30)), PAIR)
    await store.execute(record_charges, "other", CROSS, (), (at(0), at(60)))
    assert await spans_of(store) == ((at(10), at(20)),)
    assert await spans_of(store, PAIR) == ((at(20), at(30)),)


async def test_charges_without_a_span_make_no_time_complete(store: Store) -> None:
    await store_charges(store, (charge(1),), None)
    await store_charges(store, (charge(2),), (at(20), at(20)))
    assert await spans_of(store) == ()
    assert len(tuple(await store.read(lambda c: tuple(read_charges(c))))) == 2


async def test_account_loads_a_month_of_charges(store: Store) -> None:
    old = charge(1, amount="9")
    await store_charges(store, (old, charge(2, amount="1", hours=24 * 30), charge(3, amount="2", hours=24 * 30 + 1)))
    loaded = await store.read(load_state, "main", at((24 * 30 + 1) * 3600))
    assert loaded.interest[CROSS, "USDT"].last_30d == {"USDT": Decimal(3)}
    assert loaded.interest[CROSS, "USDT"].last_24h == {"USDT": Decimal(3)}


async def test_an_account_loads_the_price_ratios_of_a_week(store: Store) -> None:
    points = [(0, "1.07"), (8 * DAY_S, "1.08"), (8 * DAY_S + 300, "1.081"), (8 * DAY_S + 3000, "1.09")]
    samples = tuple(Sample("asset", "WBETH", "peg_ratio", at(second), Decimal(ratio)) for second, ratio in points)
    await store.commit(JournalEntry("main", NOW, samples=samples))
    (known,) = (await store.read(load_state, "main", at(8 * DAY_S + 3600))).pegs.values()
    # The last of each ten minutes, and each holds until the next one.
    assert [str(ratio) for _, ratio in known.points] == ["1.081"] * 5 + ["1.09"]
    assert known.points[1][0] - known.points[0][0] == timedelta(minutes=10)
    assert known.reference_ratio == Decimal("1.081")

"""G13: a price in, the exact level out. Against a full recompute, and against the minimal update."""

import itertools
import random
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal

from benchmarks.account import BALANCES, NOW, PRICES, policy, watched_state
from benchmarks.report import Finding, Target, finding, main, ratios
from monitor.core.engine.step import IdSource, step
from monitor.core.model.account import Price
from monitor.core.model.events import PricesRead
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.scope_value import revalue, value_scope

_EVERY = timedelta(milliseconds=1)


def measure(quick: bool) -> list[Finding]:
    """The cost of one price for one account, in rounds that take turns; and whether a million of them stay exact."""
    ticks, rounds = (500, 3) if quick else (10_000, 7)
    takes: dict[str, Callable[[Sequence[PricesRead]], None]] = {
        "revalued": _revaluation(),
        "book": _book(),
        "least": _minimal_update(),
        "full": _full_recompute(),
        "step": _step(),
    }
    spent: dict[str, list[float]] = {name: [] for name in takes}
    started = itertools.count()
    for _ in range(rounds):
        for name, take in takes.items():
            events = _events(ticks if name != "full" else max(ticks // 10, 100), next(started))
            began = time.process_time()
            take(events)
            spent[name].append((time.process_time() - began) / len(events) * 1e6)
    exact = _stays_exact(20_000 if quick else 1_000_000)
    return [
        finding(Target("G13", 5, 2), "price into the state, exact level out", "µs", spent["revalued"]),
        finding(Target("G13"), "of which the sums alone", "µs", spent["book"]),
        finding(Target("G13"), "÷ delta and division, nothing else", "×", ratios(spent["revalued"], spent["least"])),
        finding(Target("G13"), "÷ a full recompute of 47 rows", "×", ratios(spent["revalued"], spent["full"])),
        finding(Target("G13"), "whole step: figures and the shipped rules too", "µs", spent["step"]),
        finding(Target("G13", 0), f"difference from a full recompute after {exact[0]:,} prices", "", [float(exact[1])]),
    ]


def _events(ticks: int, start: int) -> list[PricesRead]:
    """One price after the other, of all assets in turn, a millisecond apart."""
    symbols = list(PRICES)
    events = []
    for number in range(ticks):
        symbol = symbols[number % len(symbols)]
        value = PRICES[symbol] * (1 + Decimal(number % 7 - 3) / 100_000)
        events.append(PricesRead({symbol: Price(value, NOW + _EVERY * (start * ticks + number + 1))}))
    return events


def _at(event: PricesRead) -> Price:
    return next(iter(event.prices.values()))


def _revaluation() -> Callable[[Sequence[PricesRead]], None]:
    state = watched_state()

    def take(events: Sequence[PricesRead]) -> None:
        nonlocal state
        now = _at(events[-1]).at
        for event in events:
            state = apply_account_event(state, event, now)
            assert state.prices.cross_value is not None and state.prices.cross_value.level

    return take


def _book() -> Callable[[Sequence[PricesRead]], None]:
    book = value_scope(BALANCES, {symbol: Price(value, NOW) for symbol, value in PRICES.items()})

    def take(events: Sequence[PricesRead]) -> None:
        nonlocal book
        for event in events:
            book = revalue(book, {**book.prices, **event.prices}, event.prices)

    return take


def _minimal_update() -> Callable[[Sequence[PricesRead]], None]:
    """The bare prototype: the sums, a difference, a division, in place."""
    prices = dict(PRICES)
    rows = {f"{asset}USDT": (row.held, row.owed) for asset, row in BALANCES.items()}
    assets = sum((row.held * prices.get(f"{asset}USDT", Decimal(1)) for asset, row in BALANCES.items()), Decimal(0))
    owed = sum((row.owed * prices.get(f"{asset}USDT", Decimal(1)) for asset, row in BALANCES.items()), Decimal(0))

    def take(events: Sequence[PricesRead]) -> None:
        nonlocal assets, owed
        for event in events:
            for symbol, price in event.prices.items():
                delta = price.value - prices[symbol]
                prices[symbol] = price.value
                assets += rows[symbol][0] * delta
                owed += rows[symbol][1] * delta
                assert assets / owed

    return take


def _full_recompute() -> Callable[[Sequence[PricesRead]], None]:
    known = {symbol: Price(value, NOW) for symbol, value in PRICES.items()}

    def take(events: Sequence[PricesRead]) -> None:
        nonlocal known
        for event in events:
            known = {**known, **event.prices}
            assert value_scope(BALANCES, known).level

    return take


def _step() -> Callable[[Sequence[PricesRead]], None]:
    state, ordered = watched_state(), policy()
    ids = IdSource(itertools.count(1).__next__, itertools.count(1).__next__)

    def take(events: Sequence[PricesRead]) -> None:
        nonlocal state
        for event in events:
            state = step(state, event, ordered, _at(event).at, ids).state

    return take


def _stays_exact(ticks: int) -> tuple[int, Decimal]:
    """The number of random prices, and the difference of the updated sums from a full recompute after them."""
    dice = random.Random(47)
    known = {symbol: Price(value, NOW) for symbol, value in PRICES.items()}
    book = value_scope(BALANCES, known)
    symbols = list(known)
    for _ in range(ticks):
        symbol = dice.choice(symbols)
        known = dict(known)
        known[symbol] = Price(Decimal(dice.randrange(1, 10**13)).scaleb(-8), NOW)
        book = revalue(book, known, (symbol,))
    full = value_scope(BALANCES, known)
    return ticks, abs(book.assets - full.assets) + abs(book.liabilities - full.liabilities)


if __name__ == "__main__":
    main(measure, __doc__ or "")

"""What the balances of a scope are worth, moved on by what each price changed: exact, a few operations a price."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from monitor.core.margin.levels import Exposure, Totals, margin_level
from monitor.core.margin.usdt_prices import AT_SPOT, basis_of, price_of, way_of
from monitor.core.model.account import Balance, CrossSnapshot, Price
from monitor.core.numbers.amounts import ONE, ZERO

NOTHING: frozenset[str] = frozenset()


_WHOLE = Decimal("0.95")
"""The part of the exchange's total that our own valuation reaches where no row is missing."""


class Book(NamedTuple):
    """The value of everything held and owed at `prices` times `bases`, without `leaving_out` and what has no price.

    Equal to a full recompute to the last digit, however many prices it was moved on by: nothing is ever rounded.
    """

    balances: Mapping[str, Balance]
    prices: Mapping[str, Price]
    leaving_out: frozenset[str]
    unpriced: frozenset[str]
    rows: Mapping[str, tuple[Decimal, Decimal]]
    """What is held and owed of the assets that have a pair of their own, by its symbol; times their basis."""
    through: tuple[tuple[str, Decimal, Decimal], ...]
    """The assets that have a price through another alone, with what is held and owed of each, times its basis."""
    touched_by: frozenset[str]
    """The symbols on which the value depends."""
    assets: Decimal
    liabilities: Decimal
    bases: Mapping[str, Decimal] = AT_SPOT
    """By symbol what one unit of its spot price is worth to the exchange, where that is known to be another."""

    @property
    def totals(self) -> Totals:
        return Totals(self.assets, self.liabilities)

    @property
    def level(self) -> Decimal:
        return margin_level(self.assets, self.liabilities)

    def exposure(self, stables: Iterable[str]) -> Exposure:
        """The value, split by whether the asset is one of `stables`."""
        assets = liabilities = ZERO
        balances = self.balances
        for asset in stables:
            if asset not in balances or asset in self.leaving_out:
                continue
            balance, price = balances[asset], price_of(asset, self.prices)
            if price is not None:
                price *= basis_of(asset, self.prices, self.bases)
                assets += balance.held * price
                liabilities += balance.owed * price
        return Exposure(assets, liabilities, self.assets - assets, self.liabilities - liabilities)

    def is_of(
        self,
        balances: Mapping[str, Balance],
        prices: Mapping[str, Price],
        leaving_out: frozenset[str],
        bases: Mapping[str, Decimal] = AT_SPOT,
    ) -> bool:
        """Whether it was made of exactly these."""
        return (
            self.balances is balances
            and self.prices is prices
            and self.bases is bases
            and self.leaving_out == leaving_out
        )


@dataclass(frozen=True, slots=True)
class PricesThen:
    """All prices as they were at one moment."""

    at: datetime
    prices: Mapping[str, Price]
    _books: list[Book] = field(default_factory=list, init=False, repr=False, compare=False)
    """The last book that was asked for: a pure function of what never changes, asked for at every price."""

    def book(
        self, balances: Mapping[str, Balance], leaving_out: frozenset[str], bases: Mapping[str, Decimal] = AT_SPOT
    ) -> Book:
        """What the balances were worth at that moment's prices."""
        if not self._books or not self._books[0].is_of(balances, self.prices, leaving_out, bases):
            self._books[:] = [book_of(balances, self.prices, leaving_out, bases)]
        return self._books[0]


def book_of(
    balances: Mapping[str, Balance],
    prices: Mapping[str, Price],
    leaving_out: frozenset[str] = NOTHING,
    bases: Mapping[str, Decimal] = AT_SPOT,
) -> Book:
    """The book of these balances, computed in full."""
    assets = liabilities = ZERO
    rows: dict[str, tuple[Decimal, Decimal]] = {}
    through: list[tuple[str, Decimal, Decimal]] = []
    unpriced: list[str] = []
    touched = set()
    for asset, balance in balances.items():
        if asset in leaving_out:
            continue
        price = price_of(asset, prices)
        if price is None:
            unpriced.append(asset)
            continue
        held, owed = balance.held, balance.owed
        symbol = f"{asset}USDT"
        if bases and (basis := basis_of(asset, prices, bases)) is not ONE:
            held, owed = held * basis, owed * basis
        assets += held * price
        liabilities += owed * price
        if symbol in prices:
            rows[symbol] = (held, owed)
            touched.add(symbol)
        elif asset != "USDT":
            through.append((asset, held, owed))
            way = way_of(asset, prices)
            assert way is not None
            touched |= {way.own, way.rest or way.own}
    return Book(
        balances,
        prices,
        leaving_out,
        frozenset(unpriced),
        rows,
        tuple(through),
        frozenset(touched),
        assets,
        liabilities,
        bases,
    )


def lacks_value(snapshot: CrossSnapshot, book: Book) -> bool:
    """Whether more is held or owed by the exchange's totals than `book` of the snapshot has, or that can't be told.

    Asked of a snapshot of which rows were left out: what they had may be the very debt that matters.
    """
    bitcoin = price_of("BTC", book.prices)
    if bitcoin is None:
        return True
    assets, liabilities = snapshot.assets_btc * bitcoin, snapshot.liabilities_btc * bitcoin
    return book.assets < assets * _WHOLE or book.liabilities < liabilities * _WHOLE


def repriced(book: Book, prices: Mapping[str, Price], changed: Iterable[str]) -> Book:
    """The book at `prices`, which differ from its own in no more than the symbols `changed`."""
    before, rows = book.prices, book.rows
    if len(prices) != len(before):
        return book_of(book.balances, prices, book.leaving_out, book.bases)
    assets, liabilities = book.assets, book.liabilities
    for symbol in changed:
        was = before.get(symbol)
        if was is None:
            # A price that was not known: what it prices may have had another one, or none.
            return book_of(book.balances, prices, book.leaving_out, book.bases)
        row = rows.get(symbol)
        if row is not None:
            held, owed = row
            delta = prices[symbol].value - was.value
            if held:
                assets += held * delta
            if owed:
                liabilities += owed * delta
    for asset, held, owed in book.through:
        old, new = price_of(asset, before), price_of(asset, prices)
        if old is None or new is None:
            return book_of(book.balances, prices, book.leaving_out, book.bases)
        if new != old:
            assets += held * (new - old)
            liabilities += owed * (new - old)
    return Book(
        book.balances,
        prices,
        book.leaving_out,
        book.unpriced,
        rows,
        book.through,
        book.touched_by,
        assets,
        liabilities,
        book.bases,
    )

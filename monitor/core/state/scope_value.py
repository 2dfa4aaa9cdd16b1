"""What the balances of a scope are worth, moved on by what each price changed: exact, a few operations a price."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from monitor.core.margin.levels import Exposure, Totals, margin_level
from monitor.core.margin.usdt_prices import NO_BASIS, asset_basis, find_route, usdt_price
from monitor.core.model.account import Balance, CrossSnapshot, Price
from monitor.core.numbers.amounts import ONE, ZERO

NO_ASSETS: frozenset[str] = frozenset()


_MIN_VALUED_SHARE = Decimal("0.95")
"""The part of the exchange's total that our own valuation reaches where no row is missing."""


class ScopeValue(NamedTuple):
    """The value of everything held and owed at `prices` times `bases`, without `leaving_out` and what has no price.

    Equal to a full recompute to the last digit, however many prices it was moved on by: nothing is ever rounded.
    """

    balances: Mapping[str, Balance]
    prices: Mapping[str, Price]
    excluded: frozenset[str]
    unpriced: frozenset[str]
    direct: Mapping[str, tuple[Decimal, Decimal]]
    """What is held and owed of the assets that have a pair of their own, by its symbol; times their basis."""
    bridged: tuple[tuple[str, Decimal, Decimal], ...]
    """The assets that have a price through another alone, with what is held and owed of each, times its basis."""
    symbols: frozenset[str]
    """The symbols on which the value depends."""
    assets: Decimal
    liabilities: Decimal
    bases: Mapping[str, Decimal] = NO_BASIS
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
            if asset not in balances or asset in self.excluded:
                continue
            balance, price = balances[asset], usdt_price(asset, self.prices)
            if price is not None:
                price *= asset_basis(asset, self.prices, self.bases)
                assets += balance.held * price
                liabilities += balance.owed * price
        return Exposure(assets, liabilities, self.assets - assets, self.liabilities - liabilities)

    def was_computed_from(
        self,
        balances: Mapping[str, Balance],
        prices: Mapping[str, Price],
        excluded: frozenset[str],
        bases: Mapping[str, Decimal] = NO_BASIS,
    ) -> bool:
        """Whether it was made of exactly these."""
        return self.balances is balances and self.prices is prices and self.bases is bases and self.excluded == excluded


@dataclass(frozen=True, slots=True)
class PriceSnapshot:
    """All prices as they were at one moment."""

    at: datetime
    prices: Mapping[str, Price]
    _cached_value: list[ScopeValue] = field(default_factory=list, init=False, repr=False, compare=False)
    """The last book that was asked for: a pure function of what never changes, asked for at every price."""

    def value_balances(
        self, balances: Mapping[str, Balance], excluded: frozenset[str], bases: Mapping[str, Decimal] = NO_BASIS
    ) -> ScopeValue:
        """What the balances were worth at that moment's prices."""
        if not self._cached_value or not self._cached_value[0].was_computed_from(
            balances, self.prices, excluded, bases
        ):
            self._cached_value[:] = [value_scope(balances, self.prices, excluded, bases)]
        return self._cached_value[0]


def value_scope(
    balances: Mapping[str, Balance],
    prices: Mapping[str, Price],
    excluded: frozenset[str] = NO_ASSETS,
    bases: Mapping[str, Decimal] = NO_BASIS,
) -> ScopeValue:
    """The book of these balances, computed in full."""
    assets = liabilities = ZERO
    direct: dict[str, tuple[Decimal, Decimal]] = {}
    bridged: list[tuple[str, Decimal, Decimal]] = []
    unpriced: list[str] = []
    symbols = set()
    for asset, balance in balances.items():
        if asset in excluded:
            continue
        price = usdt_price(asset, prices)
        if price is None:
            unpriced.append(asset)
            continue
        held, owed = balance.held, balance.owed
        symbol = f"{asset}USDT"
        if bases and (basis := asset_basis(asset, prices, bases)) is not ONE:
            held, owed = held * basis, owed * basis
        assets += held * price
        liabilities += owed * price
        if symbol in prices:
            direct[symbol] = (held, owed)
            symbols.add(symbol)
        elif asset != "USDT":
            bridged.append((asset, held, owed))
            route = find_route(asset, prices)
            assert route is not None
            symbols |= {route.pair, route.bridge_pair or route.pair}
    return ScopeValue(
        balances,
        prices,
        excluded,
        frozenset(unpriced),
        direct,
        tuple(bridged),
        frozenset(symbols),
        assets,
        liabilities,
        bases,
    )


def is_undervalued(snapshot: CrossSnapshot, value: ScopeValue) -> bool:
    """Whether more is held or owed by the exchange's totals than `book` of the snapshot has, or that can't be told.

    Asked of a snapshot of which rows were left out: what they had may be the very debt that matters.
    """
    bitcoin = usdt_price("BTC", value.prices)
    if bitcoin is None:
        return True
    assets, liabilities = snapshot.assets_btc * bitcoin, snapshot.liabilities_btc * bitcoin
    return value.assets < assets * _MIN_VALUED_SHARE or value.liabilities < liabilities * _MIN_VALUED_SHARE


def revalue(value: ScopeValue, prices: Mapping[str, Price], changed: Iterable[str]) -> ScopeValue:
    """The book at `prices`, which differ from its own in no more than the symbols `changed`."""
    before, direct = value.prices, value.direct
    if len(prices) != len(before):
        return value_scope(value.balances, prices, value.excluded, value.bases)
    assets, liabilities = value.assets, value.liabilities
    for symbol in changed:
        was = before.get(symbol)
        if was is None:
            # A price that was not known: what it prices may have had another one, or none.
            return value_scope(value.balances, prices, value.excluded, value.bases)
        row = direct.get(symbol)
        if row is not None:
            held, owed = row
            delta = prices[symbol].value - was.value
            if held:
                assets += held * delta
            if owed:
                liabilities += owed * delta
    for asset, held, owed in value.bridged:
        old, new = usdt_price(asset, before), usdt_price(asset, prices)
        if old is None or new is None:
            return value_scope(value.balances, prices, value.excluded, value.bases)
        if new != old:
            assets += held * (new - old)
            liabilities += owed * (new - old)
    return ScopeValue(
        value.balances,
        prices,
        value.excluded,
        value.unpriced,
        direct,
        value.bridged,
        value.symbols,
        assets,
        liabilities,
        value.bases,
    )

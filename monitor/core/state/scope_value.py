"""The exact value of a scope's balances, updated by each price that changes in a few operations.

Also the prices at the moment of an answer, which may be older than the newest price when it comes.
"""

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


MATCH_TOLERANCE = Decimal("0.01")
"""Maximum difference between our own valuation and the exchange's at which the two count as equal."""

_MIN_VALUED_SHARE = Decimal("0.95")
"""Minimum share of the exchange's total that our own valuation reaches when no row is missing."""


class ScopeValue(NamedTuple):
    """The value of everything held and owed at `prices` times `bases`, without `excluded` and unpriced assets.

    Equal to a full recompute to the last digit, however many prices have updated it: nothing is ever rounded.
    """

    balances: Mapping[str, Balance]
    prices: Mapping[str, Price]
    excluded: frozenset[str]
    unpriced: frozenset[str]
    direct: Mapping[str, tuple[Decimal, Decimal]]
    """Held and owed amounts of the assets with a pair of their own, by its symbol; times their basis."""
    bridged: tuple[tuple[str, Decimal, Decimal], ...]
    """Assets with a price through a bridge asset alone, with the held and owed amounts of each, times its basis."""
    symbols: frozenset[str]
    """Symbols on which the value depends."""
    assets: Decimal
    liabilities: Decimal
    bases: Mapping[str, Decimal] = NO_BASIS
    """Value of one unit of a symbol's spot price at the exchange, where it is known to differ."""

    @property
    def totals(self) -> Totals:
        return Totals(self.assets, self.liabilities)

    @property
    def level(self) -> Decimal:
        return margin_level(self.assets, self.liabilities)

    def exposure(self, stables: Iterable[str]) -> Exposure:
        """Return the value, split by whether the asset is one of `stables`."""
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
        """Return whether the value was computed from exactly these arguments."""
        return self.balances is balances and self.prices is prices and self.bases is bases and self.excluded == excluded


@dataclass(frozen=True, slots=True)
class PriceSnapshot:
    """All prices at one moment."""

    at: datetime
    prices: Mapping[str, Price]
    _cached_value: list[ScopeValue] = field(default_factory=list, init=False, repr=False, compare=False)
    """The last computed value: a pure function of immutable arguments, needed again at every price."""

    def value_balances(
        self, balances: Mapping[str, Balance], excluded: frozenset[str], bases: Mapping[str, Decimal] = NO_BASIS
    ) -> ScopeValue:
        """Return the value of the balances at that moment's prices."""
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
    """Return the value of these balances, computed in full."""
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
    """Return whether the exchange's totals show more held or owed than `value`, or that is unknown.

    Used for a snapshot with rejected rows: they may have the very debt that matters.
    """
    bitcoin = usdt_price("BTC", value.prices)
    if bitcoin is None:
        return True
    assets, liabilities = snapshot.assets_btc * bitcoin, snapshot.liabilities_btc * bitcoin
    return value.assets < assets * _MIN_VALUED_SHARE or value.liabilities < liabilities * _MIN_VALUED_SHARE


def revalue(value: ScopeValue, prices: Mapping[str, Price], changed: Iterable[str]) -> ScopeValue:
    """Return the value at `prices`, which differ from its own prices only in the symbols `changed`."""
    before, direct = value.prices, value.direct
    if len(prices) != len(before):
        return value_scope(value.balances, prices, value.excluded, value.bases)
    assets, liabilities = value.assets, value.liabilities
    for symbol in changed:
        was = before.get(symbol)
        if was is None:
            # A price that was unknown: an asset that it prices may have had another route, or none.
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


def cross_prices_at_answer(
    snapshot: CrossSnapshot, value: ScopeValue, before: Mapping[str, Price], bases: Mapping[str, Decimal]
) -> Mapping[str, Price] | None:
    """Return the prices at the moment of the answer; None if they are those of `value`, the newest.

    The level in the answer tells how far prices had come from those before the request to the newest.
    """
    newest = value.prices
    moved = prices_moved_since(snapshot.as_of, before, newest)
    if not moved or not is_off(snapshot.margin_level, value.level):
        return None
    then = value_scope(snapshot.balances, {**newest, **{s: earlier for s, (earlier, _) in moved.items()}}, bases=bases)
    if not then.level.is_finite() or then.level == value.level:
        return None
    share = min(ONE, max(ZERO, (snapshot.margin_level - value.level) / (then.level - value.level)))
    return {
        **newest,
        **{
            s: Price(newer.value + (earlier.value - newer.value) * share, newer.at)
            for s, (earlier, newer) in moved.items()
        },
    }


def prices_moved_since(
    as_of: datetime, before: Mapping[str, Price], newest: Mapping[str, Price]
) -> dict[str, tuple[Price, Price]]:
    """Return by symbol the price before the request and the newest, where that came after the request and differs."""
    if before is newest:
        return {}
    return {
        symbol: (earlier, newer)
        for symbol, newer in newest.items()
        if newer.at > as_of and (earlier := before.get(symbol)) is not None and earlier.value != newer.value
    }


def is_off(reported: Decimal, value: Decimal) -> bool:
    """Return whether `value` is too far from the reported one to match it; False where either is no number."""
    if not (reported.is_finite() and value.is_finite()):
        return False
    return abs(value - reported) > MATCH_TOLERANCE * abs(reported)

"""Current spot and index prices of every symbol: price paths, and bars converted into paths.

A bar becomes a path open → nearer extreme → farther extreme → close, at 0, 1/3, 2/3 and 59/60 of its length: the
extreme nearer to the open first (the low, when both are equally near). Between points a price is interpolated at whole
virtual seconds, so that no price depends on when it is read.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from monitor.sandbox.amounts import EIGHT_PLACES, ONE, ZERO
from monitor.sandbox.scenario.price_path import SimPricePath


class CurrentPrices:
    """The present price of every symbol: its spot price, and the index price that levels use.

    Symbols follow their path, or keep their fixed price; a symbol without either is priced through USDT. An asset
    without a USDT pair is priced through its only pair, in either direction.
    """

    def __init__(
        self,
        paths: Mapping[str, SimPricePath],
        fixed: Mapping[str, Decimal],
        pairs: Mapping[str, tuple[str, str]],
        basis: Mapping[str, Decimal],
        note: Callable[[str, int, Decimal], None] = lambda symbol, second, price: None,
    ) -> None:
        """`note` is called with symbol, virtual second and price whenever a path or `set_price` changes a price."""
        self._paths = dict(paths)
        self._spot = dict(fixed)
        self._pairs = pairs
        self._basis = dict(basis)
        self._usdt_routes = _find_usdt_routes(pairs)
        self._fixed_symbols: set[str] = set()
        self._is_frozen = False
        self._usdt_prices: dict[str, Decimal] = {}
        self._note = note
        self._second = 0
        self.version = 0

    def move_to(self, second: int) -> bool:
        """Follow every path to the virtual `second`. True when some price changed."""
        self._second = second
        if self._is_frozen:
            return False
        changed = False
        for symbol, path in self._paths.items():
            if symbol in self._fixed_symbols:
                continue
            price = path.at(second)
            if price != self._spot.get(symbol):
                self._spot[symbol] = price
                self._note(symbol, second, price)
                changed = True
        if changed:
            self._invalidate()
        return changed

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Set a symbol's spot price; it stays until `release`."""
        self._spot[symbol] = price
        self._note(symbol, self._second, price)
        self._fixed_symbols.add(symbol)
        self._invalidate()

    def set_basis(self, symbol: str, basis: Decimal) -> None:
        """Set the index price of a symbol to spot × (1 + basis)."""
        self._basis[symbol] = basis
        self._invalidate()

    def freeze(self) -> None:
        """Keep every price constant while time goes on."""
        self._is_frozen = True

    def release(self) -> None:
        """Let every symbol follow its path again."""
        self._is_frozen = False
        self._fixed_symbols.clear()

    def spot(self, symbol: str) -> Decimal | None:
        """The last price of a symbol, None when it has no price."""
        known = self._spot.get(symbol)
        if known is not None:
            return known
        legs = self._pairs.get(symbol)
        if legs is None:
            return None
        base, quote = (self._spot_in_usdt(leg) for leg in legs)
        return (base / quote).quantize(EIGHT_PLACES) if base and quote else None

    def index(self, symbol: str) -> Decimal | None:
        """The margin index price of a symbol: spot × (1 + its basis), to eight places."""
        spot = self.spot(symbol)
        basis = self._basis.get(symbol)
        return spot if spot is None or not basis else (spot * (ONE + basis)).quantize(EIGHT_PLACES)

    def usdt_price(self, asset: str) -> Decimal:
        """The index value of one unit of `asset` in USDT; 0 when it has no price."""
        value = self._usdt_prices.get(asset)
        if value is None:
            value = self._usdt_prices[asset] = self._compute_usdt_price(asset)
        return value

    def _compute_usdt_price(self, asset: str) -> Decimal:
        if asset == "USDT":
            return ONE
        symbol, other, is_base = self._usdt_routes.get(asset, (f"{asset}USDT", "USDT", True))
        price = self.index(symbol)
        if not price:
            return ZERO
        return (price if is_base else ONE / price) * self.usdt_price(other)

    def symbols(self) -> list[str]:
        """Every symbol that has a price."""
        return [symbol for symbol in {**self._pairs, **self._spot} if self.spot(symbol) is not None]

    def _spot_in_usdt(self, asset: str) -> Decimal:
        return ONE if asset == "USDT" else self._spot.get(f"{asset}USDT", ZERO)

    def _invalidate(self) -> None:
        self._usdt_prices.clear()
        self.version += 1


def _find_usdt_routes(pairs: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str, bool]]:
    """Routes of assets without a USDT-quoted pair: the first pair, the other asset, whether the asset is the base."""
    ways: dict[str, tuple[str, str, bool]] = {}
    for symbol, (base, quote) in pairs.items():
        for asset, other, is_base in ((base, quote, True), (quote, base, False)):
            if asset != "USDT" and f"{asset}USDT" not in pairs:
                ways.setdefault(asset, (symbol, other, is_base))
    return ways

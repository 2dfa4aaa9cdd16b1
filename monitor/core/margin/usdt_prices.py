"""The USDT price of an asset: by its own pair, an inverted pair, or a bridge asset."""

from collections.abc import Container, Mapping
from decimal import Decimal
from types import MappingProxyType

from monitor.core.model.account import Price
from monitor.core.model.price_history import PriceRoute
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, floor_to

NO_BASIS: Mapping[str, Decimal] = MappingProxyType({})
"""No index basis: everything is worth its spot price."""
BRIDGE_ASSETS = ("BTC", "ETH", "BNB", "SOL", "USDC", "FDUSD", "EUR")
"""Bridge assets in order of preference: an asset without a USDT pair is priced by its first pair with one of them."""
_INVERTED_PRICE_STEP = Decimal("1E-14")
"""Step of an inverted price: fine enough to lose nothing, coarse enough that sums of such products stay exact."""


def usdt_price(asset: str, prices: Mapping[str, Price]) -> Decimal | None:
    """Return the USDT price of an asset: by its own pair, an inverted pair, or a bridge asset; None if unknown."""
    if asset == "USDT":
        return ONE
    direct = prices.get(f"{asset}USDT")
    if direct is not None:
        return direct.value
    route = find_route(asset, prices)
    if route is None:
        return None
    own = prices[route.pair].value
    return invert_price(own) if route.is_inverted else own * prices[route.bridge_pair].value


def find_route(asset: str, symbols: Container[str]) -> PriceRoute | None:
    """Return the price route of an asset without a USDT pair over the symbols that exist; None if there is none."""
    if f"USDT{asset}" in symbols:
        return PriceRoute(f"USDT{asset}", is_inverted=True)
    for other in BRIDGE_ASSETS:
        if f"{asset}{other}" in symbols and f"{other}USDT" in symbols:
            return PriceRoute(f"{asset}{other}", bridge_pair=f"{other}USDT")
    return None


def candidate_symbols(asset: str, prices: Mapping[str, Price]) -> frozenset[str]:
    """Return the symbols that may price an asset without a USDT pair; the exchange may list none of them.

    If it lists one, the USDT pair of that symbol's other asset is among them.
    """
    others = [other for other in BRIDGE_ASSETS if other != asset]
    rests = (f"{other}USDT" for other in others if f"{asset}{other}" in prices)
    return frozenset({f"USDT{asset}", *(f"{asset}{other}" for other in others), *rests})


def invert_price(price: Decimal) -> Decimal:
    """Return the price of one unit of the quote asset in the base asset, to fourteen decimals."""
    return floor_to(ONE / price, _INVERTED_PRICE_STEP)


def pricing_symbol(asset: str, prices: Mapping[str, Price]) -> str:
    """Return the symbol of the asset's own price: its USDT pair, unless only another pair exists."""
    symbol = f"{asset}USDT"
    route = None if symbol in prices else find_route(asset, prices)
    return symbol if route is None else route.pair


def asset_basis(asset: str, prices: Mapping[str, Price], bases: Mapping[str, Decimal]) -> Decimal:
    """Return the index basis of an asset: the product of the bases of each pair on its price route, where known.

    Eight decimals, like that of a pair, so that all further arithmetic stays exact.
    """
    if not bases:
        return ONE
    symbol = f"{asset}USDT"
    if symbol in prices:
        return bases.get(symbol, ONE)
    route = find_route(asset, prices)
    if route is None:
        return ONE
    own = bases.get(route.pair, ONE)
    return floor_to(ONE / own if route.is_inverted else own * bases.get(route.bridge_pair, ONE), EIGHT_DECIMALS)

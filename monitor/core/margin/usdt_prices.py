"""The USDT price of an asset: by its own pair, an inverted pair, or a bridge asset."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from monitor.core.model.account import Price
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, floor_to

NO_BASIS: Mapping[str, Decimal] = MappingProxyType({})
"""No bases: everything is worth its spot price."""
BRIDGE_ASSETS = ("BTC", "ETH", "BNB", "SOL", "USDC", "FDUSD", "EUR")
"""What an asset without a pair with USDT is priced through, the first that it has a pair with."""
_INVERTED_PRICE_STEP = Decimal("1E-14")
"""The step of a price turned round: so fine that nothing is lost, so coarse that sums of such products stay exact."""


class PriceRoute(NamedTuple):
    """How an asset without a price in USDT of its own comes by one: by its pair, times what the other side is worth.

    `is_inverted`: the pair is USDT in the asset, such as USDTTRY. `rest` is the pair of the other side with USDT,
    empty where that is USDT itself.
    """

    pair: str
    is_inverted: bool
    bridge_pair: str


def usdt_price(asset: str, prices: Mapping[str, Price]) -> Decimal | None:
    """The USDT price of an asset: its own pair, that turned round, or through another asset; None: none is known."""
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


def find_route(asset: str, prices: Mapping[str, Price]) -> PriceRoute | None:
    """The way of an asset without a price in USDT of its own; None: there is none."""
    if f"USDT{asset}" in prices:
        return PriceRoute(f"USDT{asset}", True, "")
    for other in BRIDGE_ASSETS:
        if f"{asset}{other}" in prices and f"{other}USDT" in prices:
            return PriceRoute(f"{asset}{other}", False, f"{other}USDT")
    return None


def candidate_symbols(asset: str, prices: Mapping[str, Price]) -> frozenset[str]:
    """The symbols that may price an asset without a pair with USDT; the exchange may know none of them.

    Where it knows one, the pair of its other side with USDT is among them.
    """
    others = [other for other in BRIDGE_ASSETS if other != asset]
    rests = (f"{other}USDT" for other in others if f"{asset}{other}" in prices)
    return frozenset({f"USDT{asset}", *(f"{asset}{other}" for other in others), *rests})


def invert_price(price: Decimal) -> Decimal:
    """What one unit of the quote asset costs in the base asset, to fourteen decimals."""
    return floor_to(ONE / price, _INVERTED_PRICE_STEP)


def pricing_symbol(asset: str, prices: Mapping[str, Price]) -> str:
    """The pair of its own that an asset is priced by: with USDT, unless it has only another."""
    symbol = f"{asset}USDT"
    route = None if symbol in prices else find_route(asset, prices)
    return symbol if route is None else route.pair


def asset_basis(asset: str, prices: Mapping[str, Price], bases: Mapping[str, Decimal]) -> Decimal:
    """What one unit of the asset's price is worth to the exchange: that of each pair on the way, where it is known.

    Eight decimals, like that of a pair, so that all that is worked out with it stays exact.
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

"""Balances priced in USDT, and the one factor that makes our own level equal the exchange's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.account import ZERO, Balance, Price
from monitor.core.margin import Position, Totals, totals

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Valued:
    """The positions that have a price, and the assets that have none."""

    positions: tuple[Position, ...]
    unpriced: tuple[str, ...]

    @property
    def totals(self) -> Totals:
        return totals(self.positions)


def price_of(asset: str, prices: Mapping[str, Price]) -> Decimal | None:
    """The USDT price of an asset: its own pair, or through BTC; None when neither is known."""
    if asset == "USDT":
        return ONE
    direct = prices.get(f"{asset}USDT")
    if direct is not None:
        return direct.value
    through, btc = prices.get(f"{asset}BTC"), prices.get("BTCUSDT")
    return through.value * btc.value if through is not None and btc is not None else None


def valued(balances: Iterable[Balance], prices: Mapping[str, Price]) -> Valued:
    """Every balance that has a price, as a position."""
    positions: list[Position] = []
    unpriced: list[str] = []
    for balance in balances:
        price = price_of(balance.asset, prices)
        if price is None:
            unpriced.append(balance.asset)
        else:
            positions.append(Position(balance.asset, balance.held, balance.owed, price))
    return Valued(tuple(positions), tuple(unpriced))


def calibration(polled: Decimal, own: Totals) -> Decimal | None:
    """Polled level ÷ own level, by which the own level is multiplied; None when the two cannot be compared."""
    if own.liabilities <= ZERO or own.assets <= ZERO or not polled.is_finite() or polled <= ZERO:
        return None
    return polled / own.level


def drift(factor: Decimal) -> Decimal:
    """How far the own level is off the exchange's, as a fraction of the exchange's."""
    return abs(ONE - ONE / factor)


def newest(prices: Mapping[str, Price]) -> datetime | None:
    """When the newest of the prices was true."""
    return max((price.at for price in prices.values()), default=None)


def is_fresh(at: datetime | None, now: datetime, bound: timedelta) -> bool:
    return at is not None and now - at <= bound

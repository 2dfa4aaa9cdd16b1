"""Balances priced in USDT, and how our own valuation compares with the exchange's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.account import ZERO, Balance, Price
from monitor.core.amounts import ONE
from monitor.core.margin import Exposure, Position, Totals
from monitor.core.state import PRICE_HISTORY, AccountState, PricesThen, Settings

NOTHING: frozenset[str] = frozenset()
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Worth:
    """The value of all balances that have a price, and the assets that have none."""

    parts: Exposure
    unpriced: frozenset[str] = NOTHING

    @property
    def level(self) -> Decimal:
        return self.parts.totals.level


@dataclass(frozen=True, slots=True)
class Market:
    """The prices as they may be believed at one moment.

    `is_fresh`: the figures may be revalued at them. `before`: as they were five minutes ago, None when that is not
    known. `cross_then`, `isolated_then`: whether prices were fresh when that snapshot came, so that the two compare.
    """

    prices: Mapping[str, Price]
    is_fresh: bool
    before: Mapping[str, Price] | None
    cross_then: bool
    isolated_then: bool


def market_at(state: AccountState, settings: Settings, now: datetime) -> Market:
    """The prices as they may be believed `now`."""
    bound = settings.prices_stale_after
    cross, isolated = state.cross, state.isolated
    return Market(
        prices=state.prices,
        is_fresh=is_fresh(newest(state.prices), now, bound),
        before=_before(state, bound, now),
        cross_then=cross is not None and is_fresh(newest(state.cross_prices), cross.received_at, bound),
        isolated_then=isolated is not None and is_fresh(newest(state.isolated_prices), isolated.received_at, bound),
    )


def price_of(asset: str, prices: Mapping[str, Price]) -> Decimal | None:
    """The USDT price of an asset: its own pair, or through BTC; None when neither is known."""
    if asset == "USDT":
        return ONE
    direct = prices.get(f"{asset}USDT")
    if direct is not None:
        return direct.value
    through, btc = prices.get(f"{asset}BTC"), prices.get("BTCUSDT")
    return through.value * btc.value if through is not None and btc is not None else None


def worth(
    balances: Iterable[Balance],
    prices: Mapping[str, Price],
    stables: frozenset[str],
    leaving_out: frozenset[str] = NOTHING,
) -> Worth:
    """What the balances are worth, apart from the assets to be left out."""
    stable_assets = stable_liabilities = volatile_assets = volatile_liabilities = ZERO
    unpriced: list[str] = []
    for balance in balances:
        asset = balance.asset
        if asset in leaving_out:
            continue
        direct = prices.get(f"{asset}USDT")
        price = direct.value if direct is not None else price_of(asset, prices)
        if price is None:
            unpriced.append(asset)
            continue
        # Most rows have nothing locked and owe nothing; this runs for every row at every price.
        held = (balance.free + balance.locked if balance.locked else balance.free) * price
        owed = (balance.borrowed + balance.interest) * price if balance.borrowed or balance.interest else ZERO
        if asset in stables:
            stable_assets += held
            stable_liabilities += owed
        else:
            volatile_assets += held
            volatile_liabilities += owed
    parts = Exposure(stable_assets, stable_liabilities, volatile_assets, volatile_liabilities)
    return Worth(parts, frozenset(unpriced))


def positions(balances: Iterable[Balance], prices: Mapping[str, Price]) -> dict[str, Position]:
    """Every balance that has a price, by asset."""
    found: dict[str, Position] = {}
    for balance in balances:
        price = price_of(balance.asset, prices)
        if price is not None:
            found[balance.asset] = Position(balance.asset, balance.held, balance.owed, price)
    return found


def drift(polled: Decimal, own: Totals) -> Decimal | None:
    """How far our own level is off the exchange's, as a fraction of the exchange's; None: they do not compare."""
    if own.liabilities <= ZERO or own.assets <= ZERO or not polled.is_finite() or polled <= ZERO:
        return None
    return abs(own.level / polled - ONE)


def newest(prices: Mapping[str, Price]) -> datetime | None:
    """When the newest of the prices was true."""
    return max([price.at for price in prices.values()], default=None)


def is_fresh(at: datetime | None, now: datetime, bound: timedelta) -> bool:
    """Whether `at` is at most `bound` before `now`."""
    return at is not None and now - at <= bound


def _before(state: AccountState, bound: timedelta, now: datetime) -> Mapping[str, Price] | None:
    """The prices five minutes ago, unless none came for too long then: what they were is not known."""
    start = now - PRICE_HISTORY
    last = max((then for then in state.price_history if then.at <= start), key=lambda then: then.at, default=None)
    if last is None or last.at < start - bound:
        return None
    following = min((then for then in state.price_history if then.at > start), key=lambda then: then.at, default=None)
    if last.at == start or following is None or following.at - last.at > bound:
        return last.prices
    return _between(last, following, start)


def _between(last: PricesThen, following: PricesThen, moment: datetime) -> Mapping[str, Price]:
    """The prices at a moment between two notes of them, on the straight line.

    Without it the five minutes would be up to a note longer, and what is measured over them a saw of that size.
    """
    part = Decimal((moment - last.at) // _MICROSECOND) / ((following.at - last.at) // _MICROSECOND)
    return {
        symbol: Price(price.value + (later.value - price.value) * part, moment)
        if (later := following.prices.get(symbol)) is not None
        else price
        for symbol, price in last.prices.items()
    }

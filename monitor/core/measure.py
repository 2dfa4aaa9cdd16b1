"""Every metric of a cross account, computed from its state. Formulas live in margin.py and interest.py.

The level is the exchange's own at the last poll, times what prices have done to our own valuation since: equal to the
polled one, to the last digit, for as long as no price has moved.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from monitor.core.account import INFINITE, ZERO, Balance, CrossSnapshot, Price
from monitor.core.amounts import ONE
from monitor.core.figures import Figures, Holding
from monitor.core.levels import UNAVAILABLE, Level, cross_bars, distances, is_stale, measured, never_read, values_usdt
from monitor.core.margin import Exposure, Totals, liquidation_price
from monitor.core.metrics import Value
from monitor.core.pairs import isolated_figures
from monitor.core.rates import hourly_rate, seconds_to_liquidation
from monitor.core.state import AccountState, Settings
from monitor.core.valuation import Market, Worth, drift, market_at, positions, price_of, worth

LEVEL_ROUNDING = Decimal("0.00000002")
"""The exchange tells its level to eight decimals; moved on with prices, that much of it may be rounding."""

__all__ = ["cross_figures", "isolated_figures"]


def cross_figures(state: AccountState, settings: Settings, now: datetime, market: Market | None = None) -> Figures:
    """The cross account's metrics and its non-zero balances. `market` saves working it out again."""
    snapshot, bars = state.cross, cross_bars(state.bars)
    if snapshot is None:
        return never_read("cross", "", bars)
    market = market or market_at(state, settings, now)
    then = worth(snapshot.balances.values(), state.cross_prices, settings.stable_assets)
    present = worth(snapshot.balances.values(), market.prices, settings.stable_assets, then.unpriced)
    level = _level(snapshot, settings, now, market, then, present)
    parts = _parts(state, settings, snapshot, then, present)
    shown: dict[str, Value] = {
        "margin_level": level.value,
        "polled_margin_level": snapshot.margin_level,
        "collateral_margin_level": snapshot.collateral_margin_level,
        "margin_level_change_5m": level.change_5m,
        **bars,
        **values_usdt(parts, ONE),
        "interest_usdt": _interest_usdt(snapshot, market.prices),
        **distances(level.value, parts, bars),
        "time_to_liquidation_by_interest": _time_by_interest(state, snapshot, market, level.value, bars, now),
    }

    def holdings() -> tuple[Holding, ...]:
        return _holdings(state, snapshot, level.value, bars["liquidation_level"])

    return measured("cross", "", snapshot.as_of, now, settings, level, shown, holdings)


def _level(
    snapshot: CrossSnapshot, settings: Settings, now: datetime, market: Market, then: Worth, present: Worth
) -> Level:
    """The polled level, moved as our own valuation moved since, if that may be believed.

    It may not while prices are stale, were stale or unknown when the snapshot came, or when our own valuation was
    off by more than the bound: assets without a price show there.
    """
    polled = snapshot.margin_level
    off = drift(polled, then.parts.totals) if market.cross_then else None
    if not polled.is_finite():
        return Level(polled, False, ZERO, ZERO)
    if (
        off is None
        or off > settings.drift_bound
        or not market.is_fresh
        or present.unpriced
        or is_stale(snapshot.as_of, settings, now)
    ):
        return Level(polled, False, UNAVAILABLE, off)
    value = polled * (present.level / then.level)
    change: Value = UNAVAILABLE
    if market.before is not None:
        before = worth(snapshot.balances.values(), market.before, settings.stable_assets, then.unpriced)
        change = UNAVAILABLE if before.unpriced else value - polled * (before.level / then.level)
    return Level(value, True, change, off)


def _parts(
    state: AccountState, settings: Settings, snapshot: CrossSnapshot, then: Worth, present: Worth
) -> Exposure | None:
    """What is held and owed at the newest prices.

    Assets without a price are worth what the exchange's totals had beyond all others, and count as volatile. None
    when that can't be told either.
    """
    if not (then.unpriced or present.unpriced):
        return present.parts
    btc = price_of("BTC", state.cross_prices)
    if btc is None or present.unpriced:
        everything = worth(snapshot.balances.values(), state.prices, settings.stable_assets)
        return None if everything.unpriced else everything.parts
    seen, parts = then.parts.totals, present.parts
    return Exposure(
        parts.stable_assets,
        parts.stable_liabilities,
        parts.volatile_assets + max(ZERO, snapshot.assets_btc * btc - seen.assets),
        parts.volatile_liabilities + max(ZERO, snapshot.liabilities_btc * btc - seen.liabilities),
    )


def _interest_usdt(snapshot: CrossSnapshot, prices: Mapping[str, Price]) -> Value:
    total = ZERO
    for balance in snapshot.balances.values():
        if balance.interest:
            price = price_of(balance.asset, prices)
            if price is None:
                return UNAVAILABLE
            total += balance.interest * price
    return total


def _time_by_interest(
    state: AccountState,
    snapshot: CrossSnapshot,
    market: Market,
    level: Decimal,
    bars: Mapping[str, Value],
    now: datetime,
) -> Value:
    if not level.is_finite():
        return INFINITE
    owing = [balance for balance in snapshot.balances.values() if balance.owed]
    prices = {asset: p.price for asset, p in positions(owing, market.prices).items()}
    return seconds_to_liquidation(state, "", owing, prices, level, bars["liquidation_level"], now)


def _holdings(state: AccountState, snapshot: CrossSnapshot, level: Decimal, liquidation: Value) -> tuple[Holding, ...]:
    """Every row with its price, and the price at which it alone would liquidate when all rows have one."""
    known = positions(snapshot.balances.values(), state.prices)
    own = Totals(
        sum((p.held * p.price for p in known.values()), ZERO), sum((p.owed * p.price for p in known.values()), ZERO)
    )
    bar: Decimal | None = None
    if len(known) == len(snapshot.balances) and level.is_finite() and level > ZERO and own.liabilities > ZERO:
        # The exchange acts on its own level: where that meets the bar, ours reads this much.
        # What it rounds away of its level is no difference.
        scale = ONE if abs(own.level - level) <= LEVEL_ROUNDING else own.level / level
        bar = liquidation * scale if isinstance(liquidation, Decimal) else None

    def row(balance: Balance) -> Holding:
        rate = hourly_rate(state, balance.asset)
        position = known.get(balance.asset)
        if position is None:
            return Holding(balance, hourly_rate=rate)
        if bar is None or balance.asset == "USDT":
            return Holding(balance, position.price, rate)
        end = liquidation_price(position, own, bar)
        if end is None:
            return Holding(balance, position.price, rate)
        return Holding(balance, position.price, rate, end.price, end.danger)

    return tuple(row(balance) for _, balance in sorted(snapshot.balances.items()))

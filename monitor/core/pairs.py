"""Every metric of an isolated pair, computed in its quote asset and told in USDT where that has a price."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from monitor.core.account import INFINITE, ZERO, IsolatedPair
from monitor.core.amounts import ONE
from monitor.core.figures import Danger, Figures, Holding
from monitor.core.levels import UNAVAILABLE, Level, distances, is_stale, measured, never_read, pair_bars, values_usdt
from monitor.core.margin import Exposure, danger_direction, isolated_level
from monitor.core.metrics import Value
from monitor.core.rates import hourly_rate, seconds_to_liquidation
from monitor.core.state import AccountState, Settings
from monitor.core.valuation import Market, drift, market_at, price_of


def isolated_figures(
    state: AccountState, settings: Settings, symbol: str, now: datetime, market: Market | None = None
) -> Figures:
    """One isolated pair's metrics. `market` saves working it out again."""
    snapshot = state.isolated
    pair = snapshot.pairs.get(symbol) if snapshot is not None else None
    if snapshot is None or pair is None:
        return never_read("isolated", symbol, {})
    if not pair.created:
        return Figures("isolated", symbol, "not_created", snapshot.as_of, "poll", {}, {})
    market = market or market_at(state, settings, now)
    if is_stale(snapshot.as_of, settings, now):
        market = replace(market, is_fresh=False)
    bars = pair_bars(pair, state.tiers.get(symbol, ()), settings)
    index = _index(state, pair, market)
    level = _level(state, settings, pair, market, index)
    shown_index = pair.index_price if index is None else index
    parts = _parts(pair, shown_index, settings)
    quote_price = price_of(pair.quote.asset, market.prices)
    shown: dict[str, Value] = {
        "margin_level": level.value,
        "polled_margin_level": pair.margin_level,
        "margin_level_change_5m": level.change_5m,
        "status": Decimal(int(pair.status)) if pair.status is not None else UNAVAILABLE,
        "index_price": shown_index,
        "liquidation_price": pair.liquidation_price if pair.liquidation_price is not None else INFINITE,
        "base_borrowed": pair.base.borrowed,
        "quote_borrowed": pair.quote.borrowed,
        "interest_usdt": UNAVAILABLE
        if quote_price is None
        else (pair.base.interest * shown_index + pair.quote.interest) * quote_price,
        **bars,
        **values_usdt(parts, quote_price),
        **distances(level.value, parts, bars),
        "distance_to_liquidation": _distance(pair, shown_index, level.value, bars["liquidation_level"]),
        "time_to_liquidation_by_interest": seconds_to_liquidation(
            state,
            symbol,
            (pair.base, pair.quote),
            {pair.base.asset: shown_index, pair.quote.asset: ONE},
            level.value,
            bars["liquidation_level"],
            now,
        ),
    }

    def holdings() -> tuple[Holding, ...]:
        return _holdings(state, pair)

    return measured("isolated", symbol, snapshot.as_of, now, settings, level, shown, holdings)


def _index(state: AccountState, pair: IsolatedPair, market: Market) -> Decimal | None:
    """The margin index as it should be now: as it was read, moved as the spot price did; None when not known."""
    spot, then = market.prices.get(pair.symbol), state.isolated_prices.get(pair.symbol)
    if spot is None or then is None or not (market.is_fresh and market.isolated_then):
        return None
    return pair.index_price * (spot.value / then.value)


def _level(state: AccountState, settings: Settings, pair: IsolatedPair, market: Market, index: Decimal | None) -> Level:
    """The polled level, moved as our own moved with the index, if that may be believed."""
    polled = pair.margin_level
    if not polled.is_finite():
        return Level(polled, False, ZERO, None)
    own = _parts(pair, pair.index_price, settings).totals
    off = drift(polled, own)
    if index is None or off is None or off > settings.drift_bound:
        return Level(polled, False, UNAVAILABLE, off)
    value = polled * (_own_level(pair, index) / own.level)
    before = market.before.get(pair.symbol) if market.before is not None else None
    change: Value = UNAVAILABLE
    if before is not None:
        index_before = pair.index_price * (before.value / state.isolated_prices[pair.symbol].value)
        change = value - polled * (_own_level(pair, index_before) / own.level)
    return Level(value, True, change, off)


def _own_level(pair: IsolatedPair, index: Decimal) -> Decimal:
    base, quote = pair.base, pair.quote
    return isolated_level(
        base_held=base.held, base_owed=base.owed, quote_held=quote.held, quote_owed=quote.owed, price=index
    )


def _parts(pair: IsolatedPair, index: Decimal, settings: Settings) -> Exposure:
    """Both sides in the quote asset. What is stable is so in USDT: in a pair of two other assets nothing is."""
    base, quote = pair.base, pair.quote
    stable_assets = stable_liabilities = volatile_assets = volatile_liabilities = ZERO
    for side, price in ((base, index), (quote, ONE)):
        if side.asset in settings.stable_assets:
            stable_assets += side.held * price
            stable_liabilities += side.owed * price
        else:
            volatile_assets += side.held * price
            volatile_liabilities += side.owed * price
    return Exposure(stable_assets, stable_liabilities, volatile_assets, volatile_liabilities)


def _distance(pair: IsolatedPair, index: Decimal, level: Decimal, liquidation: Value) -> Decimal:
    """From the index to the exchange's own liquidation price; zero once it is reached."""
    if not level.is_finite():
        return INFINITE
    if isinstance(liquidation, Decimal) and level <= liquidation:
        return ZERO
    price = pair.liquidation_price
    if price is None or index <= ZERO:
        return INFINITE
    room = price - index if _danger(pair, price) == "above" else index - price
    return max(ZERO, room) / index


def _danger(pair: IsolatedPair, liquidation: Decimal) -> Danger | None:
    """On which side of the liquidation price the pair is lost."""
    level = _own_level(pair, liquidation)
    return danger_direction(pair.base.held, pair.base.owed, level) if level.is_finite() else None


def _holdings(state: AccountState, pair: IsolatedPair) -> tuple[Holding, ...]:
    base, quote = (
        Holding(b, price_of(b.asset, state.prices), hourly_rate(state, b.asset, pair.symbol))
        for b in (pair.base, pair.quote)
    )
    end = pair.liquidation_price
    danger = _danger(pair, end) if end is not None else None
    return (replace(base, liquidation_price=end, danger=danger), quote)

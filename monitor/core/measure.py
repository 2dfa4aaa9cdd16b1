"""Every metric of an account's scopes, computed from its state. Formulas live in margin.py and interest.py."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.account import INFINITE, ZERO, Bars, CrossSnapshot, IsolatedPair, Price, Tier
from monitor.core.figures import Danger, Figures, FigureState, Holding
from monitor.core.margin import (
    Exposure,
    Position,
    drop_to_level,
    exposure,
    liquidation_price,
    rise_to_level,
    totals,
)
from monitor.core.metrics import Missing, Value
from monitor.core.rates import hourly_rate, seconds_to_liquidation
from monitor.core.state import PRICE_HISTORY, AccountState, Settings
from monitor.core.valuation import ONE, Valued, calibration, drift, is_fresh, newest, price_of, valued

UNAVAILABLE = Missing.UNAVAILABLE


def cross_figures(state: AccountState, settings: Settings, now: datetime) -> Figures:
    """The cross account's metrics and its non-zero balances."""
    snapshot = state.cross
    if snapshot is None:
        return _nothing_known("cross", "", _bar_values(state.bars))
    own = valued(snapshot.balances.values(), state.prices)
    then = valued(snapshot.balances.values(), state.cross_prices)
    factor = calibration(snapshot.margin_level, then.totals)
    is_live = _is_live(state, settings, now, factor)
    shown: dict[str, Value] = {
        "polled_margin_level": snapshot.margin_level,
        "collateral_margin_level": snapshot.collateral_margin_level,
        **_bar_values(state.bars),
        **_worth(snapshot, own, state.prices),
    }
    shown |= _levels(state, settings, now, own, factor if is_live else None, snapshot.margin_level, state.bars)
    shown["time_to_liquidation_by_interest"] = (
        seconds_to_liquidation(state, own, state.bars.liquidation, now) if state.bars is not None else UNAVAILABLE
    )
    return _figures(
        "cross", "", snapshot.as_of, now, settings, is_live, snapshot.margin_level, shown, _holdings(state, own, factor)
    )


def isolated_figures(state: AccountState, settings: Settings, symbol: str, now: datetime) -> Figures:
    """One isolated pair's metrics. USDT figures need a USDT price of the quote asset."""
    pair = state.isolated.pairs.get(symbol) if state.isolated is not None else None
    if pair is None or state.isolated is None:
        return _nothing_known("isolated", symbol, {})
    if not pair.created:
        return Figures("isolated", symbol, "not_created", state.isolated.as_of, "poll", {}, {})
    bars = pair_bars(pair, state.tiers.get(symbol, ()), settings)
    index, is_live = _index_now(state, settings, pair, now)
    own = _pair_valued(pair, index)
    factor = calibration(pair.margin_level, _pair_valued(pair, pair.index_price).totals) or ONE
    if drift(factor) > settings.drift_bound:
        is_live = False
    quote_price = price_of(pair.quote.asset, state.prices)
    shown: dict[str, Value] = {
        "polled_margin_level": pair.margin_level,
        "status": Decimal(int(pair.status)) if pair.status is not None else UNAVAILABLE,
        "index_price": index,
        "liquidation_price": pair.liquidation_price if pair.liquidation_price is not None else INFINITE,
        "base_borrowed": pair.base.borrowed,
        "quote_borrowed": pair.quote.borrowed,
        "interest_usdt": (pair.base.interest * index + pair.quote.interest) * quote_price
        if quote_price is not None
        else UNAVAILABLE,
        **_bar_values(bars),
        **_usdt(own, quote_price),
    }
    stables = settings.stable_assets if pair.quote.asset in settings.stable_assets else frozenset[str]()
    shown |= _levels(state, settings, now, own, factor if is_live else None, pair.margin_level, bars, stables)
    shown["distance_to_liquidation"] = _pair_distance(pair, index)
    return _figures(
        "isolated",
        symbol,
        state.isolated.as_of,
        now,
        settings,
        is_live,
        pair.margin_level,
        shown,
        _pair_holdings(state, pair),
    )


def pair_bars(pair: IsolatedPair, tiers: tuple[Tier, ...], settings: Settings) -> Bars | None:
    """The bars of an isolated pair: of the higher tier that its two debts need; None without tiers.

    The margin-call ratio is in no answer of the exchange: it comes from the table in the settings.
    """
    if not tiers:
        return None
    ordered = sorted(tiers, key=lambda tier: tier.number)
    fitting = (
        tier
        for tier in ordered
        if pair.base.borrowed <= tier.base_max_borrowable and pair.quote.borrowed <= tier.quote_max_borrowable
    )
    tier = next(fitting, ordered[-1])
    call = settings.isolated_margin_call.get(tier.liquidation.normalize())
    return Bars(tier.initial, call, tier.liquidation) if call is not None else None


def _levels(
    state: AccountState,
    settings: Settings,
    now: datetime,
    own: Valued,
    factor: Decimal | None,
    polled: Decimal,
    bars: Bars | None,
    stables: frozenset[str] | None = None,
) -> dict[str, Value]:
    """The level and every distance. `factor` None: prices cannot be trusted now, the polled level stands."""
    now_totals = own.totals
    if not polled.is_finite() or now_totals.liabilities <= ZERO:
        safe: dict[str, Value] = dict.fromkeys(_DISTANCES, INFINITE)
        return safe | {"margin_level": polled, "margin_level_change_5m": ZERO}
    level: Decimal = now_totals.level * factor if factor is not None else polled
    values: dict[str, Value] = {"margin_level": level, "margin_level_change_5m": UNAVAILABLE}
    before = _level_5m_ago(state, now, own, factor)
    if before is not None:
        values["margin_level_change_5m"] = level - before
    if bars is None or (own.unpriced and factor is None):
        return values | dict.fromkeys(
            ("drop_to_liquidation", "rise_to_liquidation", "drop_to_margin_call", "distance_to_liquidation"),
            UNAVAILABLE,
        )
    # The exchange's bar, seen from our own valuation: it acts when factor · own level meets the bar.
    scale = level / now_totals.level
    parts: Exposure = exposure(own.positions, settings.stable_assets if stables is None else stables)
    drop = drop_to_level(parts, bars.liquidation / scale)
    rise = rise_to_level(parts, bars.liquidation / scale)
    return values | {
        "drop_to_liquidation": drop,
        "rise_to_liquidation": rise,
        "distance_to_liquidation": min(drop, rise),
        "drop_to_margin_call": drop_to_level(parts, bars.margin_call / scale),
    }


def _level_5m_ago(state: AccountState, now: datetime, own: Valued, factor: Decimal | None) -> Decimal | None:
    """The level of the present balances and debts at the prices of five minutes ago."""
    if factor is None or not state.price_history or state.price_history[0].at > now - PRICE_HISTORY:
        return None
    then = max((p for p in state.price_history if p.at <= now - PRICE_HISTORY), key=lambda p: p.at)
    if own.positions and len(own.positions) == 2 and own.positions[1].price == ONE:
        moved = _pair_at(own.positions, then.prices, state.prices)
    else:
        moved = [Position(p.asset, p.held, p.owed, price_of(p.asset, then.prices) or p.price) for p in own.positions]
    return totals(moved).level * factor


def _pair_at(
    positions: tuple[Position, ...], then: Mapping[str, Price], present: Mapping[str, Price]
) -> list[Position]:
    """A pair's positions with the base moved as its spot price did."""
    base, quote = positions
    symbol = f"{base.asset}{quote.asset}"
    if symbol not in then or symbol not in present:
        return list(positions)
    moved = base.price * then[symbol].value / present[symbol].value
    return [Position(base.asset, base.held, base.owed, moved), quote]


def _is_live(state: AccountState, settings: Settings, now: datetime, factor: Decimal | None) -> bool:
    fresh = is_fresh(newest(state.prices), now, settings.prices_stale_after)
    return fresh and factor is not None and drift(factor) <= settings.drift_bound


def _index_now(state: AccountState, settings: Settings, pair: IsolatedPair, now: datetime) -> tuple[Decimal, bool]:
    """The margin index as it should be now: spot times the basis seen at the last read; else as it was read."""
    spot, then = state.prices.get(pair.symbol), state.isolated_prices.get(pair.symbol)
    fresh = is_fresh(newest(state.prices), now, settings.prices_stale_after)
    if spot is None or then is None or not fresh or pair.index_price <= ZERO:
        return pair.index_price, False
    return spot.value * (pair.index_price / then.value), True


def _pair_valued(pair: IsolatedPair, index: Decimal) -> Valued:
    """Both sides of a pair, valued in its quote asset."""
    return Valued(
        (
            Position(pair.base.asset, pair.base.held, pair.base.owed, index),
            Position(pair.quote.asset, pair.quote.held, pair.quote.owed, ONE),
        ),
        (),
    )


def _bar_values(bars: Bars | None) -> dict[str, Value]:
    if bars is None:
        return dict.fromkeys(("initial_level", "margin_call_level", "liquidation_level"), UNAVAILABLE)
    return {
        "initial_level": bars.initial,
        "margin_call_level": bars.margin_call,
        "liquidation_level": bars.liquidation,
    }


def _worth(snapshot: CrossSnapshot, own: Valued, prices: Mapping[str, Price]) -> dict[str, Value]:
    """Totals in USDT: our own sum when every asset has a price, else the exchange's BTC totals at the BTC price."""
    interest = sum(
        (b.interest * (price_of(b.asset, prices) or ZERO) for b in snapshot.balances.values() if b.interest), ZERO
    )
    if not own.unpriced:
        return _usdt(own, ONE) | {"interest_usdt": interest}
    btc = prices.get("BTCUSDT")
    if btc is None:
        return dict.fromkeys(("assets_usdt", "liabilities_usdt", "equity_usdt", "interest_usdt"), UNAVAILABLE)
    assets, liabilities = snapshot.assets_btc * btc.value, snapshot.liabilities_btc * btc.value
    return {
        "assets_usdt": assets,
        "liabilities_usdt": liabilities,
        "equity_usdt": assets - liabilities,
        "interest_usdt": interest,
    }


def _usdt(own: Valued, price: Decimal | None) -> dict[str, Value]:
    if price is None:
        return dict.fromkeys(("assets_usdt", "liabilities_usdt", "equity_usdt"), UNAVAILABLE)
    sums = own.totals
    return {
        "assets_usdt": sums.assets * price,
        "liabilities_usdt": sums.liabilities * price,
        "equity_usdt": (sums.assets - sums.liabilities) * price,
    }


def _pair_distance(pair: IsolatedPair, index: Decimal) -> Decimal:
    if not pair.margin_level.is_finite() or pair.liquidation_price is None or index <= ZERO:
        return INFINITE
    return abs(index - pair.liquidation_price) / index


def _holdings(state: AccountState, own: Valued, factor: Decimal | None) -> tuple[Holding, ...]:
    if state.cross is None:
        return ()
    everything = own.totals
    by_asset = {p.asset: p for p in own.positions}
    rows: list[Holding] = []
    for asset, balance in sorted(state.cross.balances.items()):
        position = by_asset.get(asset)
        holding = Holding(balance, None if position is None else position.price, hourly_rate(state, asset, ""))
        if position is not None and state.bars is not None and factor is not None and not own.unpriced:
            end = liquidation_price(position, everything, state.bars.liquidation / factor)
            if end is not None and asset != "USDT":
                holding = Holding(balance, position.price, holding.hourly_rate, end.price, end.danger)
        rows.append(holding)
    return tuple(rows)


def _pair_holdings(state: AccountState, pair: IsolatedPair) -> tuple[Holding, ...]:
    danger: Danger | None = None
    if pair.liquidation_price is not None:
        danger = "below" if pair.liquidation_price < pair.index_price else "above"
    base, quote = (
        Holding(b, price_of(b.asset, state.prices), hourly_rate(state, b.asset, pair.symbol))
        for b in (pair.base, pair.quote)
    )
    return (replace(base, liquidation_price=pair.liquidation_price, danger=danger), quote)


def _figures(
    kind: Literal["cross", "isolated"],
    subject: str,
    as_of: datetime,
    now: datetime,
    settings: Settings,
    is_live: bool,
    polled: Decimal,
    shown: dict[str, Value],
    holdings: tuple[Holding, ...],
) -> Figures:
    stale = now - as_of > settings.stale_after
    state: FigureState = "stale" if stale else "ok" if polled.is_finite() else "no_debt"
    values = dict.fromkeys(shown, UNAVAILABLE) if stale else shown
    return Figures(kind, subject, state, as_of, "live" if is_live else "poll", values, shown, holdings)


def _nothing_known(kind: Literal["cross", "isolated"], subject: str, bars: dict[str, Value]) -> Figures:
    names = _LEVEL_METRICS if kind == "cross" else (*_LEVEL_METRICS, *_PAIR_METRICS)
    values: dict[str, Value] = {**dict.fromkeys(names, UNAVAILABLE), **bars}
    return Figures(kind, subject, "unavailable", None, "poll", values, values)


_DISTANCES = ("drop_to_liquidation", "rise_to_liquidation", "drop_to_margin_call", "distance_to_liquidation")
_LEVEL_METRICS = (
    "margin_level",
    "polled_margin_level",
    "collateral_margin_level",
    "initial_level",
    "margin_call_level",
    "liquidation_level",
    "assets_usdt",
    "liabilities_usdt",
    "equity_usdt",
    "interest_usdt",
    "distance_to_liquidation",
    "drop_to_liquidation",
    "rise_to_liquidation",
    "drop_to_margin_call",
    "time_to_liquidation_by_interest",
    "margin_level_change_5m",
)
_PAIR_METRICS = ("status", "index_price", "liquidation_price", "base_borrowed", "quote_borrowed")

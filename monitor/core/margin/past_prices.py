"""Past prices of one asset from the bars of the symbols on its route: composition, gaps, halts, changed units.

Nothing is filled in: an hour without a bar stays unknown. A jump of fifty times or more between two bars is no move of
a market. Where price and volume jump by the same power of ten in opposite ways, the asset has a new unit: bars before
it are put into the new one. Otherwise bars before the jump are left out.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from monitor.core.margin.usdt_prices import find_route, invert_price
from monitor.core.model.price_history import (
    HOUR,
    HourSpan,
    PriceBar,
    PriceHistory,
    PriceRoute,
    Redenomination,
    SymbolBars,
)
from monitor.core.numbers.amounts import ONE, ZERO

MIN_JUMP = Decimal(50)
"""Ratio of two neighbouring prices that no market makes in an hour."""

UNIT_TOLERANCE = Decimal(2)
"""Factor by which a price may move beside the change of its unit, which is a power of ten."""

VOLUME_BARS = 24
"""Bars with trades on each side of a jump whose mean volumes are compared."""

MIN_END = timedelta(hours=6)
"""Time without a bar, up to the last that was read, from which on a symbol's bars count as ended."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor_hour(at: datetime) -> datetime:
    """Return the whole hour (UTC) at or before `at`."""
    return at - (at - _EPOCH) % HOUR


def ceil_hour(at: datetime) -> datetime:
    """Return the whole hour (UTC) at or after `at`."""
    floor = floor_hour(at)
    return floor if floor == at else floor + HOUR


def find_history_route(
    asset: str, symbols: Container[str], stables: Container[str], pegs: Mapping[str, str]
) -> PriceRoute | None:
    """Return the route of an asset's past prices over these symbols; None if nothing leads to USDT.

    It is the route of the present price: the USDT pair, an inverted pair, or a bridge. Without one, an asset takes the
    moves of the asset that it is pegged to, and a stable one is 1.
    """
    if asset == "USDT":
        return PriceRoute("")
    if f"{asset}USDT" in symbols:
        return PriceRoute(f"{asset}USDT")
    route = find_route(asset, symbols)
    if route is not None:
        return route
    if asset in stables:
        return PriceRoute("", peg="USDT")
    peg = pegs.get(asset)
    followed = None if peg is None else find_history_route(peg, symbols, stables, {})
    return None if followed is None or peg is None else followed._replace(peg=peg)


def build_price_history(
    asset: str, route: PriceRoute | None, series: Mapping[str, SymbolBars], since: datetime, until: datetime
) -> PriceHistory:
    """Return the history of `asset` from the bars of the symbols on `route`; None: no pair leads to USDT."""
    since, until = ceil_hour(since), floor_hour(until)
    empty = PriceHistory(asset, since, until, route=route)
    if route is None:
        return _without(empty, f"no pair leads from {asset} to USDT")
    if not route.symbols:
        return PriceHistory(asset, since, until, _flat_bars(since, until), route, since, until)
    unread = [series.get(symbol, SymbolBars(symbol)) for symbol in route.symbols]
    refused = next((one for one in unread if one.refusal and not one.bars), None)
    if refused is not None:
        return _without(empty, f"the exchange refuses {refused.symbol}: {refused.refusal}")
    legs = [_in_new_units(one) for one in unread]
    bars = _compose(route, legs)
    broken_at = max((leg.broken_at for leg in legs if leg.broken_at is not None), default=None)
    if not bars:
        return _without(empty, _why_no_bars(route, unread, broken_at))
    known_from = max(since, *(_first_known(one, since) for one in unread))
    known_until = min(until, *(one.read_until or until for one in unread))
    listed = max((one.listed_at for one in unread if one.listed_at is not None), default=None)
    is_over = known_until - bars[-1].opens_at - HOUR >= MIN_END
    return PriceHistory(
        asset=asset,
        since=since,
        until=until,
        bars=bars,
        route=route,
        known_from=known_from,
        known_until=known_until,
        holes=_find_holes(
            bars,
            known_from if listed is None and broken_at is None else bars[0].opens_at,
            bars[-1].opens_at + HOUR if is_over else known_until,
        ),
        halts=find_halts(bars),
        listed_at=listed if listed is not None and listed >= since else None,
        ended_at=bars[-1].opens_at + HOUR if is_over else None,
        redenominations=tuple(jump for leg in legs for jump in leg.redenominations),
        broken_at=broken_at,
    )


@dataclass(frozen=True, slots=True)
class _Leg:
    """Bars of one symbol in units of today. `broken_at`: bars before that moment are left out."""

    bars: Sequence[PriceBar]
    redenominations: tuple[Redenomination, ...] = ()
    broken_at: datetime | None = None


def _in_new_units(series: SymbolBars) -> _Leg:
    """Return the bars in the unit of the newest, without those before a jump that nothing explains."""
    bars = list(series.bars)
    found: list[Redenomination] = []
    for index in range(len(bars) - 1, -1, -1):
        bar = bars[index]
        if _is_jump(bar.open, bar.close):
            # Two units in one bar, or a collapse: its extremes can't be told apart.
            return _Leg(bars[index + 1 :], tuple(reversed(found)), bar.opens_at + HOUR)
        if not index or not _is_jump(bars[index - 1].close, bar.open):
            continue
        factor = _new_unit(bars[:index], bars[index:])
        if factor is None:
            return _Leg(bars[index:], tuple(reversed(found)), bar.opens_at)
        found.append(Redenomination(series.symbol, bar.opens_at, factor))
        bars[:index] = [_scaled(earlier, factor) for earlier in bars[:index]]
    return _Leg(bars, tuple(reversed(found)))


def _is_jump(before: Decimal, after: Decimal) -> bool:
    return after >= before * MIN_JUMP or before >= after * MIN_JUMP


def _new_unit(before: Sequence[PriceBar], after: Sequence[PriceBar]) -> Decimal | None:
    """Return the power of ten by which the price was multiplied, if the volume was divided by about as much."""
    ratio = after[0].open / before[-1].close
    power = Decimal(1).scaleb(ratio.adjusted())
    factor = next((one for one in (power, power * 10) if one / UNIT_TOLERANCE <= ratio <= one * UNIT_TOLERANCE), None)
    earlier, later = _mean_volume(reversed(before)), _mean_volume(after)
    if factor is None or not earlier or not later:
        return None
    # What is left of the change is the turnover, which moves, too; it must be nearer to none than to the whole jump.
    turnover, jump = later * factor / earlier, max(factor, ONE / factor)
    return factor if max(turnover, ONE / turnover) ** 2 < jump else None


def _mean_volume(bars: Iterable[PriceBar]) -> Decimal:
    """Return the mean volume of the first bars with trades; zero without any."""
    volumes: list[Decimal] = []
    for bar in bars:
        if bar.volume:
            volumes.append(bar.volume)
            if len(volumes) == VOLUME_BARS:
                break
    return sum(volumes, ZERO) / len(volumes) if volumes else ZERO


def _scaled(bar: PriceBar, factor: Decimal) -> PriceBar:
    volume = None if bar.volume is None else bar.volume / factor
    return PriceBar(bar.opens_at, bar.open * factor, bar.high * factor, bar.low * factor, bar.close * factor, volume)


def _compose(route: PriceRoute, legs: Sequence[_Leg]) -> tuple[PriceBar, ...]:
    """Return the bars of the route, in the hours in which each leg has one."""
    own = [invert_bar(bar) for bar in legs[0].bars] if route.is_inverted else legs[0].bars
    if len(legs) == 1:
        return tuple(own)
    bridge = {bar.opens_at: bar for bar in legs[1].bars}
    return tuple(multiply_bars(bar, bridge[bar.opens_at]) for bar in own if bar.opens_at in bridge)


def multiply_bars(pair: PriceBar, bridge: PriceBar) -> PriceBar:
    """Return the bar of a price that is the product of two, on the safe side.

    The two need not have reached their extremes at the same moment. The product of the lows is at or below the lowest
    price that there was, the product of the highs at or above the highest. Without trades in either bar nothing of the
    product was traded.
    """
    volume = ZERO if bridge.volume == ZERO else pair.volume
    return PriceBar(
        pair.opens_at,
        pair.open * bridge.open,
        pair.high * bridge.high,
        pair.low * bridge.low,
        pair.close * bridge.close,
        volume,
    )


def invert_bar(bar: PriceBar) -> PriceBar:
    """Return the bar of the inverse price: its low is the inverse of the high."""
    opened, high, low, close = (invert_price(price) for price in (bar.open, bar.low, bar.high, bar.close))
    return PriceBar(bar.opens_at, opened, high, low, close, bar.volume)


def _find_holes(bars: Sequence[PriceBar], since: datetime, until: datetime) -> tuple[HourSpan, ...]:
    """Return the hours without a bar from `since` to `until`."""
    ends = (since, *(bar.opens_at + HOUR for bar in bars))
    starts = (*(bar.opens_at for bar in bars), until)
    return tuple(HourSpan(end, start) for end, start in zip(ends, starts, strict=True) if start > end)


def find_halts(bars: Iterable[PriceBar]) -> tuple[HourSpan, ...]:
    """Return the hours with a bar in which nothing was traded, neighbours together."""
    found: list[HourSpan] = []
    for bar in bars:
        if bar.volume != ZERO:
            continue
        if found and found[-1].until == bar.opens_at:
            found[-1] = HourSpan(found[-1].since, bar.opens_at + HOUR)
        else:
            found.append(HourSpan(bar.opens_at, bar.opens_at + HOUR))
    return tuple(found)


def _flat_bars(since: datetime, until: datetime) -> tuple[PriceBar, ...]:
    """Return bars at 1 for every hour."""
    return tuple(PriceBar(since + HOUR * hour, ONE, ONE, ONE, ONE) for hour in range(max(0, (until - since) // HOUR)))


def _first_known(series: SymbolBars, since: datetime) -> datetime:
    """Return the hour from which on everything is known of a symbol: what lies before its listing is known, too."""
    read_from = series.read_from or since
    return since if series.listed_at is not None and series.listed_at >= read_from else read_from


def _why_no_bars(route: PriceRoute, series: Iterable[SymbolBars], broken_at: datetime | None) -> str:
    names = " × ".join(route.symbols)
    if any(one.read_until is None for one in series):
        return f"{names} is not read yet"
    if broken_at is not None:
        return f"{names} jumped before {broken_at:%Y-%m-%d %H:%M} UTC, which nothing explains, and has no bars since"
    return f"{names} has no bars in that time"


def _without(history: PriceHistory, why: str) -> PriceHistory:
    return PriceHistory(history.asset, history.since, history.until, route=history.route, missing=why)

"""The bars in force of a scope: read in this run, remembered from an earlier one, or the documented ones.

Without bars no rule of the ladder can say anything. So what was ever read holds on, and what was never read is taken
from the exchange's own documents; each is marked, for people to know what a message rests on.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from monitor.core.margin.levels import isolated_level
from monitor.core.model.account import CROSS, Bars, BarsInForce, BarsOrigin, IsolatedPair, Scope, Tier
from monitor.core.numbers.amounts import ZERO

if TYPE_CHECKING:
    from monitor.core.state.account_settings import Settings
    from monitor.core.state.account_state import AccountState


CROSS_BARS: Mapping[int, Bars] = MappingProxyType(
    {
        3: Bars(Decimal("1.5"), Decimal("1.3"), Decimal("1.1")),
        5: Bars(Decimal("1.25"), Decimal("1.16"), Decimal("1.1")),
    }
)
"""The documented bars of cross accounts by leverage (2026-11-22)."""

PAIR_BARS: Mapping[int, Bars] = MappingProxyType(
    {
        10: Bars(Decimal("1.111"), Decimal("1.1"), Decimal("1.05")),
        5: Bars(Decimal("1.25"), Decimal("1.19"), Decimal("1.15")),
        3: Bars(Decimal("1.5"), Decimal("1.22"), Decimal("1.18")),
    }
)
"""The documented bars of the first tier of isolated pairs by leverage (2026-11-22)."""

CAUTIOUS = 3
"""The leverage that is supposed where none is known: its bars are the highest, so that warnings come early."""

MARGIN_CALLS: Mapping[str, str] = MappingProxyType(
    {format(bars.liquidation, "f"): format(bars.margin_call, "f") for bars in PAIR_BARS.values()}
)
"""The documented margin calls of isolated pairs by liquidation ratio; they are in no answer of the exchange."""

CALL_GAP = Decimal("0.05")
"""How far above a liquidation ratio that is in no table its margin call is supposed: the widest documented gap."""

ALIKE = Decimal("0.01")
"""A liquidation price tells its ratio no further off than this: the documented ones are 0.03 apart and more."""

FIRST_READ = timedelta(seconds=10)
"""So long after the start the documented bars are not used yet, unless the read fails: the real ones are on the way."""

RESTING_ON_BARS = frozenset(
    {
        "initial_level",
        "margin_call_level",
        "liquidation_level",
        "distance_to_liquidation",
        "drop_to_liquidation",
        "rise_to_liquidation",
        "drop_to_margin_call",
        "time_to_liquidation_by_interest",
    }
)
"""The metrics that are no better than the bars."""


def cross_in_force(state: "AccountState", now: datetime) -> BarsInForce | None:
    """The bars of the cross account; None while their first read may still come."""
    if state.bars is not None:
        return BarsInForce(state.bars, *_origin(state, CROSS))
    if not _are_due(state, now):
        return None
    return BarsInForce(CROSS_BARS[CAUTIOUS], "documented", _supposed("the account's own", "cross", CAUTIOUS))


def pair_in_force(state: "AccountState", settings: "Settings", pair: IsolatedPair, now: datetime) -> BarsInForce | None:
    """The bars of an isolated pair: those of the higher tier that its two debts need."""
    tiers = state.tiers.get(pair.symbol, ())
    if tiers:
        tier = _tier_of(pair, tiers)
        call = settings.isolated_margin_call.get(tier.liquidation)
        origin, note = _origin(state, Scope(pair.symbol))
        if call is None:
            call = supposed_call(tier.initial, tier.liquidation)
            ratio = format(tier.liquidation.normalize(), "f")
            told = f"the margin call of liquidation ratio {ratio} is in no table and supposed"
            note = f"{note}; {told}" if note else told
        return BarsInForce(Bars(tier.initial, call, tier.liquidation), origin, note)
    if not _are_due(state, now):
        return None
    told_by_price = _leverage_of(pair)
    leverage = told_by_price or CAUTIOUS
    bars = PAIR_BARS[leverage]
    call = settings.isolated_margin_call.get(bars.liquidation, bars.margin_call)
    note = _supposed("its own tiers", "pairs", leverage)
    if told_by_price is not None:
        note = f"{note}, which its liquidation price fits"
    return BarsInForce(Bars(bars.initial, call, bars.liquidation), "documented", note)


def supposed_call(initial: Decimal, liquidation: Decimal) -> Decimal:
    """The margin call of a liquidation ratio that is in no table.

    The widest documented gap above it; halfway to the initial bar where that is nearer.
    """
    call = liquidation + CALL_GAP
    return call if call < initial or initial <= liquidation else (initial + liquidation) / 2


def calls_by_ratio(own: Iterable[tuple[str, Decimal]]) -> Mapping[Decimal, Decimal]:
    """The user's margin calls by liquidation ratio, laid over the documented ones."""
    shipped = {Decimal(ratio).normalize(): Decimal(call) for ratio, call in MARGIN_CALLS.items()}
    return {**shipped, **{Decimal(ratio).normalize(): call for ratio, call in own}}


def _tier_of(pair: IsolatedPair, tiers: Iterable[Tier]) -> Tier:
    ordered = sorted(tiers, key=lambda tier: tier.number)
    fitting = (
        tier
        for tier in ordered
        if pair.base.borrowed <= tier.base_max_borrowable and pair.quote.borrowed <= tier.quote_max_borrowable
    )
    return next(fitting, ordered[-1])


def _origin(state: "AccountState", scope: Scope) -> tuple[BarsOrigin, str]:
    if scope not in state.remembered:
        return "read", ""
    return "remembered", "as read in an earlier run, not since the start"


def _are_due(state: "AccountState", now: datetime) -> bool:
    return "reference_data" in state.failed_at or now - state.started_at > FIRST_READ


def _supposed(what: str, of: str, leverage: int) -> str:
    return f"supposed: {what} were never read, these are documented for {of} of {leverage}x"


def _leverage_of(pair: IsolatedPair) -> int | None:
    """The documented leverage whose liquidation ratio is the pair's level at its liquidation price."""
    price, base, quote = pair.liquidation_price, pair.base, pair.quote
    if price is None or price <= ZERO:
        return None
    ratio = isolated_level(
        base_held=base.held, base_owed=base.owed, quote_held=quote.held, quote_owed=quote.owed, price=price
    )
    if not ratio.is_finite():
        return None
    near = (leverage for leverage, bars in PAIR_BARS.items() if abs(bars.liquidation - ratio) <= ALIKE)
    return next(near, None)

"""Effective margin thresholds of a scope: read, remembered from an earlier run, or documented.

Without thresholds no rule of the ladder can be evaluated. So thresholds once read stay in use, and unread ones are
taken from the exchange's own documentation; either is marked, so that people know the source behind a message.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING

from monitor.core.margin.levels import isolated_level
from monitor.core.model.account import (
    CROSS,
    EffectiveThresholds,
    IsolatedPair,
    LeverageTier,
    Scope,
    ThresholdOrigin,
    Thresholds,
)
from monitor.core.numbers.amounts import ZERO

if TYPE_CHECKING:
    from monitor.core.state.account_settings import AccountSettings
    from monitor.core.state.account_state import AccountState


DOCUMENTED_CROSS_THRESHOLDS: Mapping[int, Thresholds] = MappingProxyType(
    {
        3: Thresholds(Decimal("1.5"), Decimal("1.3"), Decimal("1.1")),
        5: Thresholds(Decimal("1.25"), Decimal("1.16"), Decimal("1.1")),
    }
)
"""Documented thresholds of cross accounts by leverage (2026-11-22)."""

DOCUMENTED_PAIR_THRESHOLDS: Mapping[int, Thresholds] = MappingProxyType(
    {
        10: Thresholds(Decimal("1.111"), Decimal("1.1"), Decimal("1.05")),
        5: Thresholds(Decimal("1.25"), Decimal("1.19"), Decimal("1.15")),
        3: Thresholds(Decimal("1.5"), Decimal("1.22"), Decimal("1.18")),
    }
)
"""Documented thresholds of the first tier of isolated pairs by leverage (2026-11-22)."""

DEFAULT_LEVERAGE = 3
"""Assumed leverage while none is known: its thresholds are the highest, so that warnings come early."""

DOCUMENTED_MARGIN_CALLS: Mapping[str, str] = MappingProxyType(
    {format(bars.liquidation, "f"): format(bars.margin_call, "f") for bars in DOCUMENTED_PAIR_THRESHOLDS.values()}
)
"""Documented margin calls of isolated pairs by liquidation ratio; no answer of the exchange has them."""

MARGIN_CALL_GAP = Decimal("0.05")
"""Assumed distance of the margin call from an unlisted liquidation ratio: the widest documented one."""

RATIO_TOLERANCE = Decimal("0.01")
"""Maximum error of a ratio found by a liquidation price: the documented ratios are 0.03 apart and more."""

FIRST_READ_GRACE = timedelta(seconds=10)
"""Time after the start in which documented thresholds are not used yet, unless the read fails.

The real thresholds are being read.
"""

THRESHOLD_DEPENDENT_METRICS = frozenset(
    {
        "initial_level",
        "margin_call_level",
        "liquidation_level",
        "distance_to_liquidation",
        "drop_to_liquidation",
        "rise_to_liquidation",
        "drop_to_margin_call",
        "time_to_liquidation_by_interest",
        "liquidation_odds_1d",
        "liquidation_odds_7d",
    }
)
"""Metrics that are only as reliable as the thresholds."""


def cross_thresholds(state: "AccountState", now: datetime) -> EffectiveThresholds | None:
    """Return the thresholds of the cross account; None while their first read may still come."""
    if state.thresholds.cross is not None:
        return EffectiveThresholds(state.thresholds.cross, *_origin(state, CROSS))
    if not _may_assume(state, now):
        return None
    return EffectiveThresholds(
        DOCUMENTED_CROSS_THRESHOLDS[DEFAULT_LEVERAGE],
        "documented",
        _assumption_note("the account's own", "cross", DEFAULT_LEVERAGE),
    )


def pair_thresholds(
    state: "AccountState", settings: "AccountSettings", pair: IsolatedPair, now: datetime
) -> EffectiveThresholds | None:
    """Return the thresholds of an isolated pair: those of the higher tier that its two debts need."""
    tiers = state.thresholds.tiers.get(pair.symbol, ())
    if tiers:
        tier = applicable_tier(pair, tiers)
        call = settings.isolated_margin_call.get(tier.liquidation)
        origin, note = _origin(state, Scope(pair.symbol))
        if call is None:
            call = assumed_margin_call(tier.initial, tier.liquidation)
            ratio = format(tier.liquidation.normalize(), "f")
            assumption = f"the margin call of liquidation ratio {ratio} is in no table and supposed"
            note = f"{note}; {assumption}" if note else assumption
        return EffectiveThresholds(Thresholds(tier.initial, call, tier.liquidation), origin, note)
    if not _may_assume(state, now):
        return None
    leverage_by_price = _leverage_of(pair)
    leverage = leverage_by_price or DEFAULT_LEVERAGE
    thresholds = DOCUMENTED_PAIR_THRESHOLDS[leverage]
    call = settings.isolated_margin_call.get(thresholds.liquidation, thresholds.margin_call)
    note = _assumption_note("its own tiers", "pairs", leverage)
    if leverage_by_price is not None:
        note = f"{note}, which its liquidation price fits"
    return EffectiveThresholds(Thresholds(thresholds.initial, call, thresholds.liquidation), "documented", note)


def applicable_tier(pair: IsolatedPair, tiers: Iterable[LeverageTier]) -> LeverageTier:
    """Return the tier that the two debts of a pair need; the last one if none is enough."""
    ordered = sorted(tiers, key=attrgetter("number"))
    base, quote = pair.base.borrowed, pair.quote.borrowed
    for tier in ordered:
        if base <= tier.base_max_borrowable and quote <= tier.quote_max_borrowable:
            return tier
    return ordered[-1]


def assumed_margin_call(initial: Decimal, liquidation: Decimal) -> Decimal:
    """Return the assumed margin call of an unlisted liquidation ratio.

    The widest documented distance above it; halfway to the initial level if that is nearer.
    """
    call = liquidation + MARGIN_CALL_GAP
    return call if call < initial or initial <= liquidation else (initial + liquidation) / 2


def margin_calls_by_ratio(configured: Iterable[tuple[str, Decimal]]) -> Mapping[Decimal, Decimal]:
    """Return the margin calls by liquidation ratio: the configured ones over the documented ones."""
    shipped = {Decimal(ratio).normalize(): Decimal(call) for ratio, call in DOCUMENTED_MARGIN_CALLS.items()}
    return {**shipped, **{Decimal(ratio).normalize(): call for ratio, call in configured}}


def _origin(state: "AccountState", scope: Scope) -> tuple[ThresholdOrigin, str]:
    if scope not in state.thresholds.remembered_scopes:
        return "read", ""
    return "remembered", "as read in an earlier run, not since the start"


def _may_assume(state: "AccountState", now: datetime) -> bool:
    return "reference_data" in state.polling.failed_at or now - state.started_at > FIRST_READ_GRACE


def _assumption_note(what: str, of: str, leverage: int) -> str:
    return f"supposed: {what} were never read, these are documented for {of} of {leverage}x"


def _leverage_of(pair: IsolatedPair) -> int | None:
    """Return the documented leverage whose liquidation ratio is the pair's level at its liquidation price."""
    price, base, quote = pair.liquidation_price, pair.base, pair.quote
    if price is None or price <= ZERO:
        return None
    ratio = isolated_level(
        base_held=base.held, base_owed=base.owed, quote_held=quote.held, quote_owed=quote.owed, price=price
    )
    if not ratio.is_finite():
        return None
    near = (
        leverage
        for leverage, thresholds in DOCUMENTED_PAIR_THRESHOLDS.items()
        if abs(thresholds.liquidation - ratio) <= RATIO_TOLERANCE
    )
    return next(near, None)

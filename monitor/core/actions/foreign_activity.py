"""Foreign activity on the account: movements of the kinds that actions make, and orders that may explain them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.core.actions.spec import ActionSpec
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import ForeignActivity, ForeignMovement, Movement
from monitor.core.model.order import ActionKind
from monitor.core.numbers.amounts import format_decimal
from monitor.core.state.attribution import TRACE_WINDOW
from monitor.core.state.foreign_movements import (
    find_explained,
    find_foreign_movements,
    find_unexplained,
    movement_key,
)

SUSPICION_PERIOD = timedelta(hours=24)

OWN_PERIOD = SUSPICION_PERIOD + TRACE_WINDOW
"""Time for which own movements are remembered: as long as their orders could explain a suspect."""

EXPLANATION_GRACE = timedelta(seconds=10)
"""Time for which a new movement waits for an own order that explains it: the answer may still be on its way."""


def movement_kinds_of(actions: Iterable[ActionSpec]) -> frozenset[ActionKind]:
    """Kinds of movement that the sending actions make. Only these can show another daemon at work."""
    found: set[ActionKind] = set()
    for action in actions:
        if action.mode == "dry-run" or action.kind == "cancel_orders":
            continue
        found.add(action.kind)
        if action.kind == "reduce" or (action.kind == "transfer_in" and action.use != "collateral"):
            found.add("repay")
    return frozenset(found)


def add_suspects(
    activity: ForeignActivity, movements: Iterable[Movement], actions: Iterable[ActionSpec], now: datetime
) -> ForeignActivity:
    """Add movements as suspects: requested by somebody, of a kind that the actions make, and explained by no order.

    Movements of own orders are added as such, and are no suspects any more.
    """
    kinds = movement_kinds_of(actions)
    recent = {movement_key(movement): movement for movement in movements if now - movement.at < OWN_PERIOD}
    own = {key: m for key, m in recent.items() if m.intent is not None and key not in activity.own}
    if own:
        kept = {key: m for key, m in activity.own.items() if now - m.at < OWN_PERIOD}
        suspects = {key: movement for key, movement in activity.suspects.items() if key not in own}
        confirmed = activity.confirmed - own.keys()
        activity = replace(activity, suspects=suspects, confirmed=confirmed, own={**kept, **own})
    new = {
        movement.key: movement
        for movement in find_foreign_movements(recent.values())
        if movement.is_certain and movement.kind in kinds and now - movement.at < SUSPICION_PERIOD
    }
    unknown = {
        key: movement for key, movement in new.items() if key not in activity.suspects and key not in activity.own
    }
    return replace(activity, suspects={**activity.suspects, **unknown}) if unknown else activity


def confirm_suspects(
    activity: ForeignActivity, intents: Iterable[Intent], now: datetime, watch: timedelta
) -> tuple[ForeignActivity, tuple[ForeignMovement, ...]]:
    """Drop old suspects and confirm those that no intent explains. Returns the movements confirmed first now as well.

    `watch` is the time for which a failed order is watched for its late execution.
    """
    if not activity.suspects:
        return activity, ()
    kept = {key: movement for key, movement in activity.suspects.items() if now - movement.at < SUSPICION_PERIOD}
    found = {
        movement.key
        for movement in find_unexplained(kept.values(), intents, watch, find_explained(activity.own.values()))
        if _is_grace_over(movement, activity, now)
    }
    notified = activity.notified | activity.confirmed
    newly = tuple(kept[key] for key in sorted(found - notified))
    if len(kept) == len(activity.suspects) and found == activity.confirmed:
        return activity, ()
    notified = (notified | found) & kept.keys()
    return replace(activity, suspects=kept, confirmed=frozenset(found), notified=notified), newly


def describe_foreign_movement(movement: ForeignMovement) -> str:
    """Text of a foreign movement for people."""
    what = {"repay": "repaid", "transfer_in": "brought in", "reduce": "ordered on the market"}.get(
        movement.kind, movement.kind
    )
    amount = f"{format_decimal(movement.amount)} {movement.asset}"
    return f"{amount} {what} in {movement.scope} at {movement.at:%H:%M:%S} UTC by no order of this record"


def _is_grace_over(movement: ForeignMovement, activity: ForeignActivity, now: datetime) -> bool:
    return movement.key in activity.confirmed or now - movement.seen_at >= EXPLANATION_GRACE

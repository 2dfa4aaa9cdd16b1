"""Foreign activity on the account: movements of the kinds that actions make, and orders that may explain them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.core.actions.spec import ActionSpec
from monitor.core.model.intent import Intent
from monitor.core.model.ledger import ForeignActivity, ForeignMovement, Movement
from monitor.core.model.order import ActionKind
from monitor.core.numbers.amounts import format_decimal
from monitor.core.state.foreign_movements import find_foreign_movements, find_unexplained

SUSPICION_PERIOD = timedelta(hours=24)

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
    """Add movements as suspects: requested by somebody, of a kind that the actions make, and explained by no order."""
    kinds = movement_kinds_of(actions)
    new = {
        movement.key: movement
        for movement in find_foreign_movements(movements)
        if movement.is_certain and movement.kind in kinds and now - movement.at < SUSPICION_PERIOD
    }
    unknown = {key: movement for key, movement in new.items() if key not in activity.suspects}
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
        for movement in find_unexplained(kept.values(), intents, watch)
        if _is_grace_over(movement, activity, now)
    }
    notified = activity.notified | activity.confirmed
    newly = tuple(kept[key] for key in sorted(found - notified))
    if len(kept) == len(activity.suspects) and found == activity.confirmed:
        return activity, ()
    return ForeignActivity(kept, frozenset(found), (notified | found) & kept.keys()), newly


def describe_foreign_movement(movement: ForeignMovement) -> str:
    """Text of a foreign movement for people."""
    what = {"repay": "repaid", "transfer_in": "brought in", "reduce": "ordered on the market"}.get(
        movement.kind, movement.kind
    )
    amount = f"{format_decimal(movement.amount)} {movement.asset}"
    return f"{amount} {what} in {movement.scope} at {movement.at:%H:%M:%S} UTC by no order of this record"


def _is_grace_over(movement: ForeignMovement, activity: ForeignActivity, now: datetime) -> bool:
    return movement.key in activity.confirmed or now - movement.seen_at >= EXPLANATION_GRACE

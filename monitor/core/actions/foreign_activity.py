"""Foreign activity on the account: movements of the kinds that actions make, and orders that may explain them."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from monitor.core.actions.spec import ActionSpec
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState
from monitor.core.model.ledger import SAME_EVENT_TOLERANCE, ForeignActivity, ForeignMovement, Movement
from monitor.core.model.order import ActionKind, ManualCall
from monitor.core.numbers.amounts import format_decimal
from monitor.core.state.attribution import may_be_trace
from monitor.core.state.foreign_movements import find_foreign_movements

SUSPICION_PERIOD = timedelta(hours=24)

EXPLANATION_GRACE = timedelta(seconds=10)
"""Time for which a new movement waits for an own order that explains it: the answer may still be on its way."""

_NEVER_LEFT = frozenset({IntentState.REFUSED, IntentState.EXPIRED, IntentState.REJECTED, IntentState.SIMULATED})


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
    return ForeignActivity({**activity.suspects, **unknown}, activity.confirmed) if unknown else activity


def confirm_suspects(
    activity: ForeignActivity, intents: Iterable[Intent], now: datetime
) -> tuple[ForeignActivity, tuple[ForeignMovement, ...]]:
    """Drop old suspects and confirm those that no intent explains. Returns the newly confirmed movements as well."""
    if not activity.suspects:
        return activity, ()
    known = tuple(intents)
    kept = {key: movement for key, movement in activity.suspects.items() if now - movement.at < SUSPICION_PERIOD}
    found = {
        key
        for key, movement in kept.items()
        if _is_grace_over(movement, activity, now) and not any(_explains(i, movement) for i in known)
    }
    newly = tuple(kept[key] for key in sorted(found - activity.confirmed))
    if len(kept) == len(activity.suspects) and found == activity.confirmed:
        return activity, ()
    return ForeignActivity(kept, frozenset(found)), newly


def describe_foreign_movement(movement: ForeignMovement) -> str:
    """Text of a foreign movement for people."""
    what = {"repay": "repaid", "transfer_in": "brought in", "reduce": "ordered on the market"}.get(
        movement.kind, movement.kind
    )
    amount = f"{format_decimal(movement.amount)} {movement.asset}"
    return f"{amount} {what} in {movement.scope} at {movement.at:%H:%M:%S} UTC by no order of this record"


def _is_grace_over(movement: ForeignMovement, activity: ForeignActivity, now: datetime) -> bool:
    return movement.key in activity.confirmed or now - movement.seen_at >= EXPLANATION_GRACE


def _explains(intent: Intent, movement: ForeignMovement) -> bool:
    """Return whether the intent explains the movement, or may yet do so."""
    if intent.state in _NEVER_LEFT or movement.kind == "reduce":
        # An order on the market is recognised by its client id alone.
        return False
    is_by_name = isinstance(intent.order, ManualCall)
    if intent.asset != movement.asset or not (is_by_name or intent.kind == movement.kind):
        return False
    if intent.state not in FINAL_STATES and intent.state is not IntentState.PROPOSED:
        if intent.state is IntentState.PLANNED:
            # The intent may yet be resized and sent, but it can't have moved anything before it was planned.
            return intent.created_at <= movement.at + SAME_EVENT_TOLERANCE
        return intent.amount == movement.amount or intent.submitted_at is None
    return intent.amount == movement.amount and may_be_trace(intent, movement.at)

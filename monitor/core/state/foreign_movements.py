"""Foreign movements: of the kinds that actions make, and made by no order of this record."""

import re
from collections.abc import Container, Iterable
from datetime import UTC, datetime, timedelta

from monitor.core.model.account import Scope
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState
from monitor.core.model.ledger import SAME_EVENT_TOLERANCE, ForeignMovement, Movement
from monitor.core.model.order import ActionKind, ManualCall
from monitor.core.state.attribution import TRACE_WINDOW

_CLIENT_ID = re.compile(r"mm-([0-9]{1,19})-([0-9]{1,15})")
_SOURCE_WALLETS = ("SPOT", "FUNDING")
"""The exchange's names of the wallets from which actions transfer money in."""

_NEVER_LEFT = frozenset({IntentState.REFUSED, IntentState.EXPIRED, IntentState.REJECTED, IntentState.SIMULATED})
_ENDLESS = datetime.max.replace(tzinfo=UTC)


def movement_key(movement: Movement) -> str:
    """Return the key that a movement has in foreign activity."""
    return f"{movement.kind} {movement.scope} {movement.key}"


def find_foreign_movements(movements: Iterable[Movement]) -> tuple[ForeignMovement, ...]:
    """Return the movements that no own order explains and that an action could have made, oldest first.

    These are repayments, repayments from the proceeds of a sale as `reduce`, and transfers from outside margin. A
    transfer from cross into a pair is no new money, and is left out as it is in the limits.
    """
    found = [foreign for movement in movements if (foreign := _classify(movement)) is not None]
    return tuple(sorted(found, key=lambda foreign: foreign.at))


def is_daemon_client_id(client_id: str) -> bool:
    """Return whether an order on the market has a client id of this program's daemons, of whatever database."""
    return _CLIENT_ID.fullmatch(client_id) is not None


def find_unexplained(
    movements: Iterable[ForeignMovement],
    intents: Iterable[Intent],
    watch: timedelta,
    explained: Container[tuple[int, Scope]] = frozenset(),
) -> tuple[ForeignMovement, ...]:
    """Return the movements that no intent explains, or may yet explain, oldest first.

    An intent explains one movement of a scope: of two equal ones, one is another hand's. `watch` is the time for which
    a failed order is watched for its late execution, `explained` the intents whose movement of a scope is known.
    """
    known = [(window, intent) for intent in intents if (window := _explanation_window(intent, watch)) is not None]
    # Of several that fit, the one that explains for the shortest time leaves most to the others.
    known.sort(key=lambda pair: (pair[0][1], pair[1].id))
    used: set[tuple[int, Scope]] = set()
    found = []
    for movement in sorted(movements, key=lambda movement: movement.at):
        fitting = (
            (intent.id, movement.scope)
            for (since, until), intent in known
            if since <= movement.at <= until and _fits(intent, movement)
        )
        key = next((key for key in fitting if key not in used and key not in explained), None)
        if key is None:
            found.append(movement)
        else:
            used.add(key)
    return tuple(found)


def find_explained(movements: Iterable[Movement]) -> frozenset[tuple[int, Scope]]:
    """Return the own intents, each with a scope in which a movement that find_unexplained could ask for is theirs."""
    return frozenset(
        (movement.intent, movement.scope)
        for movement in movements
        if movement.intent is not None
        and (movement.kind, movement.type) in (("capital-flow", "REPAY"), ("transfer", "ROLL_IN"))
    )


def _explanation_window(intent: Intent, watch: timedelta) -> tuple[datetime, datetime] | None:
    """Return the times from and to which the intent may explain a movement; None where it can't have moved anything."""
    if intent.state in _NEVER_LEFT or intent.state is IntentState.PROPOSED:
        return None
    began = intent.submitted_at if intent.state is not IntentState.PLANNED else None
    if intent.state not in FINAL_STATES:
        # An intent that may yet be sent can't have moved anything before it was planned.
        return (began or intent.created_at) - SAME_EVENT_TOLERANCE, _ENDLESS
    if began is None:
        return None
    until = began + TRACE_WINDOW
    if intent.state is IntentState.FAILED:
        until = max(until, (intent.settled_at or began) + watch)
    elif intent.resolved_by is None and intent.settled_at is not None:
        until = min(until, intent.settled_at + SAME_EVENT_TOLERANCE)
    return began - SAME_EVENT_TOLERANCE, until


def _fits(intent: Intent, movement: ForeignMovement) -> bool:
    """Return whether the movement is of the intent's kind, asset and amount."""
    if movement.kind == "reduce" or intent.asset != movement.asset:
        # An order on the market is recognised by its client id alone.
        return False
    if not isinstance(intent.order, ManualCall) and intent.kind != movement.kind:
        return False
    # Before the send the amount may yet change.
    is_sized = intent.state is not IntentState.PLANNED and intent.submitted_at is not None
    return intent.amount == movement.amount or not is_sized


def _classify(movement: Movement) -> ForeignMovement | None:
    if movement.intent is not None:
        return None
    match movement.kind, movement.type, movement.origin:
        case "capital-flow", "REPAY", "another hand" | "another hand or exchange":
            kind: ActionKind = "repay"
        case "capital-flow", "REPAY", "exchange":
            # The exchange itself repays with the proceeds of an own sale.
            kind = "reduce"
        case "transfer", "ROLL_IN", "another hand" | "another hand or exchange" if _came_from_outside(movement):
            kind = "transfer_in"
        case "order", _, "another hand":
            kind = "reduce"
        case _:
            return None
    certain = movement.origin == "another hand"
    key = movement_key(movement)
    return ForeignMovement(
        kind, movement.scope, movement.asset, movement.amount, movement.at, certain, key, movement.seen_at
    )


def _came_from_outside(movement: Movement) -> bool:
    """Return whether a movement came from a wallet that actions use, as far as the exchange names the source."""
    detail = movement.detail or {}
    return detail.get("status") != "FAILED" and detail.get("other") in (*_SOURCE_WALLETS, "", None)

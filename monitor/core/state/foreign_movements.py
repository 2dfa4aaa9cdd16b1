"""Foreign movements: of the kinds that actions make, and made by no order of this record."""

import re
from collections.abc import Iterable

from monitor.core.model.intent import FINAL_STATES, Intent, IntentState
from monitor.core.model.ledger import SAME_EVENT_TOLERANCE, ForeignMovement, Movement
from monitor.core.model.order import ActionKind, ManualCall
from monitor.core.state.attribution import may_be_trace

_CLIENT_ID = re.compile(r"mm-([0-9]{1,19})-([0-9]{1,15})")
_SOURCE_WALLETS = ("SPOT", "FUNDING")
"""The exchange's names of the wallets from which actions transfer money in."""

_NEVER_LEFT = frozenset({IntentState.REFUSED, IntentState.EXPIRED, IntentState.REJECTED, IntentState.SIMULATED})


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


def may_explain(intent: Intent, movement: ForeignMovement) -> bool:
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
    key = f"{movement.kind} {movement.scope} {movement.key}"
    return ForeignMovement(
        kind, movement.scope, movement.asset, movement.amount, movement.at, certain, key, movement.seen_at
    )


def _came_from_outside(movement: Movement) -> bool:
    """Return whether a movement came from a wallet that actions use, as far as the exchange names the source."""
    detail = movement.detail or {}
    return detail.get("status") != "FAILED" and detail.get("other") in (*_SOURCE_WALLETS, "", None)

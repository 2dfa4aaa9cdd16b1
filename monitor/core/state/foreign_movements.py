"""Movements of the kinds that actions make, which no order of this record has made: another hand's or daemon's."""

import re
from collections.abc import Iterable

from monitor.core.model.ledger import ForeignMovement, Movement
from monitor.core.model.order import ActionKind

_CLIENT_ID = re.compile(r"mm-([0-9]{1,19})-([0-9]{1,15})")
_SOURCE_WALLETS = ("SPOT", "FUNDING")
"""The exchange's words for where an action brings money in from."""


def find_foreign_movements(movements: Iterable[Movement]) -> tuple[ForeignMovement, ...]:
    """The movements that no order of ours explains and that an action could have made, oldest first.

    Repayments, those with what a sale brought as `reduce`, and what came in from outside margin. What only went from
    cross into a pair is no new money, and is left out as it is in the caps.
    """
    found = [one for movement in movements if (one := _classify(movement)) is not None]
    return tuple(sorted(found, key=lambda one: one.at))


def is_daemon_client_id(client_id: str) -> bool:
    """Whether an order on the market bears a name as a daemon of this program gives them, whatever its record."""
    return _CLIENT_ID.fullmatch(client_id) is not None


def _classify(movement: Movement) -> ForeignMovement | None:
    if movement.intent is not None:
        return None
    match movement.kind, movement.type, movement.origin:
        case "capital-flow", "REPAY", "another hand" | "another hand or exchange":
            kind: ActionKind = "repay"
        case "capital-flow", "REPAY", "exchange":
            # What a sale of ours brought is repaid by the exchange itself.
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
    """Whether it arrived from a wallet that actions bring money in from, as far as the exchange says from where."""
    detail = movement.detail or {}
    return detail.get("status") != "FAILED" and detail.get("other") in (*_SOURCE_WALLETS, "", None)

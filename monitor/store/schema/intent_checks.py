"""SQL constraints on intents, made from the transition list of core."""

from collections.abc import Collection
from enum import StrEnum

from monitor.core.model.intent import IN_FLIGHT_STATES, LEGAL_TRANSITIONS, IntentState


def legal_steps_check() -> str:
    """Return the CHECK of an intent's step."""
    births = _sql_list({to for start, to in LEGAL_TRANSITIONS if start is None})
    edges = [f"(from_state IS NULL AND to_state IN ({births}))"]
    for state in IntentState:
        following = {to for start, to in LEGAL_TRANSITIONS if start is state}
        if following:
            edges.append(
                f"(from_state IS NOT NULL AND from_state = '{state}' AND to_state IN ({_sql_list(following)}))"
            )
    return " OR ".join(edges)


def in_flight_where() -> str:
    """Return the WHERE of the index that allows one intent of a kind in flight."""
    return f"state IN ({_sql_list(IN_FLIGHT_STATES)})"


def _sql_list(states: Collection[StrEnum]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))

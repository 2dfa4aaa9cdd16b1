"""The truth that is added to a message after it was sent: acknowledged, silenced, resolved, decided, done."""

from collections.abc import Mapping, Sequence

from monitor.core.model.alert import Alert, AlertState, Silence
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState
from monitor.records.message_truth import IntentDecision
from monitor.view.formatting import format_time

_S = IntentState


def alert_lines(alert: Alert, silences: Mapping[int, Silence], *, is_single: bool) -> list[str]:
    """Return the lines about the present state of an alert; empty while nobody has answered it and it goes on."""
    mark = "" if is_single else f"#{alert.id}: "
    if alert.state in (AlertState.RESOLVED, AlertState.INACTIVE):
        at = "" if alert.resolved_at is None else f" at {format_time(alert.resolved_at)}"
        what = "Gone, no longer watched" if alert.gone else f"Resolved{at}"
        by = "" if alert.acked_by is None else f" (acknowledged by {alert.acked_by})"
        return [f"{mark}{what}{by}"]
    lines = []
    if alert.acked_by is not None and alert.acked_at is not None:
        comment = f": {alert.ack_comment}" if alert.ack_comment else ""
        lines.append(f"{mark}Acknowledged by {alert.acked_by} at {format_time(alert.acked_at)}{comment}")
    silence = None if alert.silenced_by is None else silences.get(alert.silenced_by)
    if silence is not None:
        lines.append(f"{mark}Silenced by {silence.author} until {format_time(silence.ends_at)}")
    return lines


def intent_lines(intent: Intent, decision: IntentDecision | None) -> list[str]:
    """Return the lines about a person's decision on an intent, and about its outcome."""
    lines = []
    if decision is not None:
        word = "Approved" if decision.approved else "Rejected"
        lines.append(f"{word} by {decision.by} at {format_time(decision.at)}")
    outcome = _outcome(intent)
    return [*lines, outcome] if outcome else lines


def is_final(alerts: Sequence[Alert], intent: Intent | None) -> bool:
    """Return whether nothing of this subject will change any more."""
    is_over = all(alert.state in (AlertState.RESOLVED, AlertState.INACTIVE) for alert in alerts)
    return is_over and (intent is None or intent.state in FINAL_STATES)


def _outcome(intent: Intent) -> str:
    at = "" if intent.settled_at is None else f" at {format_time(intent.settled_at)}"
    match intent.state:
        case _S.CONFIRMED:
            return f"Done{at}: {intent.evidence or 'the exchange has the record'}"
        case _S.FAILED | _S.REFUSED:
            return f"Not done{at}: {intent.evidence or 'no reason given'}"
        case _S.EXPIRED:
            return f"Expired{at}, nothing was sent: {intent.evidence or 'no longer wanted'}"
        case _S.SIMULATED:
            return "Dry run: nothing was sent"
        case _S.UNCERTAIN:
            return "Sent; whether it was carried out is being looked into"
        case _S.UNRESOLVED:
            return "Sent; whether it was carried out is not certain"
        case _S.SUBMITTING | _S.ACKNOWLEDGED:
            return "Sent, awaiting proof"
        case _:
            return ""

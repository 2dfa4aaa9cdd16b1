"""What people are told of money actions: proposals that wait for them, and how each order ended."""

from collections.abc import Iterable
from datetime import datetime

from monitor.core.alerts import Severity
from monitor.core.amounts import plain
from monitor.core.intents import Intent, IntentState, Repay
from monitor.core.journal import Notice

_S = IntentState


def notices_of(intents: Iterable[Intent], channels: tuple[str, ...], now: datetime) -> tuple[Notice, ...]:
    """One notice for every intent that has come to a state people must hear of; none without channels."""
    if not channels:
        return ()
    said = ((intent, _said(intent)) for intent in intents)
    return tuple(Notice(what[0], f"{_about(intent)}: {what[1]}", channels, now) for intent, what in said if what)


def _about(intent: Intent) -> str:
    verb = "repay" if isinstance(intent.order, Repay) else "bring in"
    where = f"{intent.account} {intent.scope}"
    return f"{where}: {verb} {plain(intent.amount)} {intent.asset} ({intent.action}, R-{intent.id})"


def _said(intent: Intent) -> tuple[Severity, str] | None:
    """How bad the news is, and the news; None while it is nobody's business but ours."""
    after = f"; level {intent.level_before:.2f} before" if intent.level_before is not None else ""
    match intent.state:
        case _S.PROPOSED:
            return (
                "critical",
                f"waits for you: `margin-monitor actions approve {intent.id}` or `reject {intent.id}`{after}",
            )
        case _S.SIMULATED:
            return "info", f"dry run, nothing was sent{after}"
        case _S.CONFIRMED:
            return "info", f"done{after}"
        case _S.REFUSED:
            return "warning", f"the exchange refused it ({intent.reason or 'no reason given'})"
        case _S.UNCERTAIN:
            return (
                "warning",
                "sent, but whether it was carried out is not known; it is being looked into, not sent again",
            )
        case _S.FAILED:
            return "warning", f"was not carried out ({intent.evidence or 'no trace of it'}); it is not sent again"
        case _S.UNRESOLVED:
            return "critical", (
                "the exchange's records do not tell whether it was carried out: look there, then "
                f"`margin-monitor actions resolve {intent.id} --as confirmed|failed --comment …`"
            )
        case _S.EXPIRED if intent.mode == "approve":
            return "warning", "nobody approved it in time, or it was no longer wanted; nothing was sent"
        case _:
            return None

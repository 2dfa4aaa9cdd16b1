"""Notices about intents: proposals that wait for approval, and the end of each order."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.action_blocks import StopCause
from monitor.core.model.alert import Severity
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.journal import Notice
from monitor.core.model.order import CancelOrders, ManualCall, Reduce, Transfer
from monitor.core.numbers.amounts import floor_to, format_decimal
from monitor.core.numbers.durations import span_text

_S = IntentState
_CENT = Decimal("0.01")


def intent_notices(intents: Iterable[Intent], channels: tuple[str, ...], now: datetime) -> tuple[Notice, ...]:
    """One notice for every intent in a state of which people are notified; none without channels."""
    if not channels:
        return ()
    severities_and_texts = ((intent, _severity_and_text(intent)) for intent in intents)
    return tuple(
        Notice(what[0], f"{_order_text(intent)}: {what[1]}", channels, now, intent.id)
        for intent, what in severities_and_texts
        if what
    )


def rule_stop_notice(intent: Intent, cause: StopCause, channels: tuple[str, ...], now: datetime) -> tuple[Notice, ...]:
    """Notice that a rule is stopped since its confirmed order made things worse, or may have; none without channels."""
    told = "it made things worse" if cause.grounds == "worse" else "whether it made things worse can't be told"
    text = (
        f"{_order_text(intent)}: {told}: {cause.reason}; the actions of its rule are stopped. See to the account, "
        "then `margin-monitor actions resume`"
    )
    return (Notice("critical", text, channels, now, intent.id),) if channels else ()


def pause_notice(cause: str, channels: tuple[str, ...], now: datetime) -> tuple[Notice, ...]:
    """Notice that all actions are paused because of foreign activity; none without `cause` or without channels."""
    text = (
        f"all actions are paused: another hand is at work ({cause}). See who it is, then `margin-monitor actions "
        "resume`"
    )
    return (Notice("critical", text, channels, now),) if cause and channels else ()


def lost_notices(intents: Iterable[Intent], channels: tuple[str, ...], now: datetime) -> tuple[Notice, ...]:
    """Notices of orders whose record the database had lost; none without channels."""
    words = "the database had lost the record of this order, as after a failover: it was recorded once more, and counts"
    said = (Notice("critical", f"{_order_text(intent)}: {words}", channels, now, intent.id) for intent in intents)
    return tuple(said) if channels else ()


def order_phrase(intent: Intent) -> str:
    """Text of the order with its amounts, without account and scope."""
    match intent.order:
        case Transfer():
            use = {"repay": " to repay with", "collateral": " as collateral", None: ""}[intent.purpose]
            over = "" if intent.destination is None else f" over {intent.scope}"
            return f"bring in {format_decimal(intent.amount)} {intent.asset} from {intent.order.source}{over}{use}"
        case Reduce():
            return _trade_text(intent, intent.order)
        case CancelOrders():
            return f"cancel the orders on {intent.order.symbol}, which lock {intent.order.unlocks}"
        case ManualCall():
            amount = f" {format_decimal(intent.amount)}" if intent.amount else ""
            return f"{intent.action}{amount} {intent.asset}".rstrip()
        case _:
            return f"repay {format_decimal(intent.amount)} {intent.asset}"


def _order_text(intent: Intent) -> str:
    if isinstance(intent.order, ManualCall):
        return f"{intent.account} {intent.scope}: {order_phrase(intent)} (R-{intent.id})"
    return f"{intent.account} {intent.target_scope}: {order_phrase(intent)} ({intent.action}, R-{intent.id})"


def _trade_text(intent: Intent, order: Reduce) -> str:
    """Text of a trade: its quantity and price bound, or once it is confirmed, its proceeds."""
    if intent.state is _S.CONFIRMED:
        return f"{order.sell_asset} traded for {format_decimal(order.amount)} {order.asset} owed"
    text = f"sell {format_decimal(order.quantity)} {order.sell_asset} for the {order.asset} owed"
    if order.side == "BUY":
        text = f"buy {format_decimal(order.quantity)} of the {order.asset} owed with {order.sell_asset}"
    return f"{text}, at {format_decimal(order.price)} or better"


def _severity_and_text(intent: Intent) -> tuple[Severity, str] | None:
    """Severity and text of the notice for the intent's state; None if people need not be notified of it."""
    match intent.state:
        case _S.PROPOSED:
            return (
                "critical",
                f"waits for you{_answer_time_text(intent)}: `margin-monitor actions approve {intent.id}` or "
                f"`reject {intent.id}`{_level_change_text(intent, 'would become')}",
            )
        case _S.SIMULATED:
            return "info", f"dry run, nothing was sent{_level_change_text(intent, 'would have become')}"
        case _S.CONFIRMED if intent.resolved_by is not None:
            return "info", f"counts as done ({intent.evidence})"
        case _S.CONFIRMED:
            return "info", f"done{_level_change_text(intent, 'is now')}"
        case _S.REFUSED:
            words = (intent.evidence or "no reason given").removeprefix("refused ")
            again = "it may be tried again" if intent.refused_transiently else "nothing was moved"
            return "info" if intent.refused_transiently else "warning", f"the exchange refused it ({words}); {again}"
        case _S.UNCERTAIN if isinstance(intent.order, ManualCall):
            # There is nothing to verify: a person is asked in the same step.
            return None
        case _S.UNCERTAIN:
            return (
                "warning",
                "sent, but whether it was carried out is not known; it is being looked into, not sent again",
            )
        case _S.FAILED if intent.executed_late:
            return "critical", (
                f"it had counted as not carried out, but was {intent.evidence}; it counts as spent now: "
                "check whether another was sent in its place"
            )
        case _S.FAILED:
            return "warning", f"was not carried out ({intent.evidence or 'no trace of it'}); it is not sent again"
        case _S.UNRESOLVED:
            return "critical", (
                f"it is not certain whether it was carried out ({intent.evidence or 'no trace of it'}): look at the "
                f"exchange, then `margin-monitor actions resolve {intent.id} --as confirmed|failed --comment …`"
            )
        case _S.EXPIRED if intent.is_unasked:
            return "critical", (
                "nothing was sent: no channel took the question in the time there was; it is asked again once this "
                "message arrives and its alert still fires"
            )
        case _S.EXPIRED if intent.mode == "approve" or intent.stopped_by_limit:
            return "warning", f"nothing was sent: {intent.evidence or 'it was no longer wanted'}"
        case _:
            return None


def _answer_time_text(intent: Intent) -> str:
    """Text of the time to answer. It counts from the moment at which the first channel accepts the question."""
    if intent.expires_at is None:
        return ""
    return f" for {span_text(Decimal((intent.expires_at - intent.created_at) // timedelta(seconds=1)))}"


def _level_change_text(intent: Intent, relation: str) -> str:
    """Text of the level before the order, and of the level after it unless that is unknown or infinite."""
    if intent.level_before is None:
        return ""
    after = "" if intent.level_after is None else f", {relation} {_level_text(intent.level_after)}"
    return f"; the level was {_level_text(intent.level_before)}{after}"


def _level_text(level: Decimal) -> str:
    """Text of a level with two decimals, rounded down so that it never looks better than it is."""
    return f"{floor_to(level, _CENT):.2f}"

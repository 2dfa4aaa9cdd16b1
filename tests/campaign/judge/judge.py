"""Judges what a run left behind, without IO: every sentence that has to hold of money and of alerts.

It trusts the exchange's books first, then what the exchange received, and holds what the daemon wrote against both.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from monitor.core.actions.scope_position import TRADING_FEE
from monitor.core.model.alert import AlertState
from monitor.core.model.intent import IN_FLIGHT_STATES, Intent, IntentState
from monitor.core.model.order import Reduce
from monitor.core.notifications.outbox import Delivery, DeliveryState
from monitor.core.numbers.amounts import EIGHT_DECIMALS, floor_to
from monitor.records.intents import IntentRow
from tests.campaign.judge import disturbances, rule_stops
from tests.campaign.judge.ambiguity import is_a_person_asked, is_taken_unknowably, judge_attribution
from tests.campaign.judge.disturbances import (
    SLACK_MS,
    Violation,
    account_path,
    all_rows,
    as_claimed,
    claimed_at,
    claims_of,
    forgotten,
    is_knowable,
    is_lost,
    judge_disturbances,
)
from tests.campaign.judge.facts import (
    AlertFact,
    Execution,
    Facts,
    Limits,
    MoneyRequest,
    RequestFact,
    money_request_of_intent,
)
from tests.campaign.judge.rule_stops import judge_stops

_S = IntentState
_TRADES = ("reduce", "cancel_orders")
_HARMLESS = ("isten", "userDataStream", "getUserAsset", "get-funding-asset")
"""Parts of the paths of those that move nothing: the streams' keys, and reads that the exchange wants POSTed."""

LASTING = (
    disturbances.LASTING
    | rule_stops.LASTING
    | {
        "sent without any intent", "sent without a journalled claim", "sent twice",
        "executed more often than asked for", "sent for an action that nobody configured", "above max_amount",
        "below keep_in_source", "sent on stale data", "claimed while paused", "sent while paused",
        "sent though no channel took the question", "sent before a person had his time",
    }
)  # fmt: skip
"""Sentences that never come to hold, however long a run goes on."""


def judge(facts: Facts) -> list[Violation]:
    """Everything that is wrong, in no particular order of weight; empty when all sentences hold."""
    sent, found = _match(facts)
    found += _executions(facts, sent)
    found += _caps(facts, sent)
    found += _stale_reads(facts, sent)
    found += _paused(facts)
    found += _cooldowns(facts, sent)
    found += _unasked(facts, sent)
    found += judge_disturbances(facts, sent)
    found += judge_attribution(facts)
    found += judge_stops(facts, sent)
    found += [Violation("the trail is broken", flaw) for flaw in facts.trail]
    found += [Violation("the exchange's books do not add up", f"{a} {b}") for a, b in facts.imbalance.items()]
    found += [Violation("a position was turned round", where) for where in facts.flipped]
    found += [Violation("a daemon ended badly", end) for end in facts.ends]
    found += [Violation("a part of a daemon broke", bug) for bug in facts.bugs]
    found += _unreported(facts, sent)
    return found


def moves(method: str, path: str) -> bool:
    """Whether a request of this kind may move or change anything."""
    return method != "GET" and not any(part in path for part in _HARMLESS)


def _match(facts: Facts) -> tuple[dict[int, RequestFact], list[Violation]]:
    """Which request belongs to which intent: to the last that was claimed before it and wants the same."""
    found: list[Violation] = []
    claims: dict[MoneyRequest, list[tuple[int, Intent]]] = defaultdict(list)
    for at, intent in claims_of(facts):
        wish = money_request_of_intent(intent)
        if wish is not None:
            claims[wish].append((at, intent))
    sent: dict[int, RequestFact] = {}
    for request in sorted(facts.requests, key=lambda request: request.at):
        if not moves(request.method, request.path):
            continue
        if request.wish is None:
            found.append(Violation("sent without any intent", f"{request.method} {request.path} at {request.at}"))
            continue
        # A claim bears the daemon's time, as the request's own stamp does.
        left = max(request.at, request.stamp)
        before = [claim for claim in claims[request.wish] if claim[0] <= left]
        if not before:
            found.append(Violation("sent without a journalled claim", f"{request.wish} at {request.at}"))
            continue
        _, intent = max(before, key=lambda claim: claim[0])
        if intent.id in sent:
            found.append(Violation("sent twice", f"intent {intent.id}, {request.wish} at {request.at}"))
        else:
            sent[intent.id] = request
    return sent, found


def _executions(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """One execution for an intent at most, and each accounted for by what the daemon says of it."""
    asked = Counter(_moved(r.wish) for r in facts.requests if r.wish is not None and r.wish.kind not in _TRADES)
    for moved, count in Counter(_key(e) for e in facts.executions).items():
        if count > asked[moved]:
            yield Violation("executed more often than asked for", f"{moved} {count} times")
    refs = {str(execution.tran_id): execution for execution in facts.executions}
    claimed_refs: Counter[str] = Counter()
    unknown = forgotten(facts)
    for row in facts.intents:
        intent, request = row.intent, sent.get(row.intent.id)
        if intent.id in unknown:
            # What became of it after the backup was taken can't be known.
            continue
        was_executed = request is not None and request.applied
        knows = intent.state is _S.CONFIRMED or intent.executed_late
        if was_executed and not knows and not is_a_person_asked(facts, row, sent):
            yield Violation("an execution is not accounted for", _intent_label(intent))
        if knows and not was_executed and not is_taken_unknowably(facts, row):
            yield Violation("counted as done but never was", _intent_label(intent))
        if request is not None and intent.state in (_S.PROPOSED, _S.PLANNED, _S.REJECTED, _S.EXPIRED, _S.SIMULATED):
            yield Violation("sent though it was not to be", _intent_label(intent))
        if intent.state in IN_FLIGHT_STATES and not is_a_person_asked(facts, row, sent):
            yield Violation("never came to an end", _intent_label(intent))
        if knows and intent.ref is not None and intent.kind not in _TRADES:
            claimed_refs[intent.ref] += 1
            if intent.ref not in refs and not is_taken_unknowably(facts, row):
                yield Violation(
                    "proved by a record that is none of its own", f"{_intent_label(intent)} ref {intent.ref}"
                )
    for ref, count in claimed_refs.items():
        if count > 1:
            yield Violation("one execution proves several intents", ref)


def _caps(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """What the owner allowed each action, counted from what the exchange did, by kind whatever the action is called.

    One that was executed after it counted as failed is told as critical instead of counted: the next decision could not
    know of it.
    """
    by_name = {limits.name: limits for limits in facts.limits}
    spent: dict[str, list[Decimal]] = defaultdict(list)
    rows = sorted(all_rows(facts), key=lambda row: claimed_at(row) or 0)
    for row in rows:
        intent = as_claimed(facts, row)
        request, limits = sent.get(row.intent.id), by_name.get(intent.action)
        if request is None or request.wish is None:
            continue
        if limits is None:
            yield Violation("sent for an action that nobody configured", _intent_label(intent))
        elif not _is_first_half(intent, limits):
            yield from _second_half(intent, request, [as_claimed(facts, each) for each in rows], limits)
        else:
            amount = _asked_for(intent, limits) if request.wish.kind in _TRADES else request.wish.amount
            if limits.max_amount is not None and amount > limits.max_amount:
                yield Violation("above max_amount", f"{_intent_label(intent)} of {limits.max_amount}")
            if request.applied and not intent.executed_late and is_knowable(facts, row, request):
                # What the next decision could know is what it brought, which may be less.
                brought = min(amount, intent.amount)
                if intent.kind == "reduce" and is_lost(facts, row):
                    # The histories show what was repaid from it.
                    brought = floor_to(brought * (1 - TRADING_FEE), EIGHT_DECIMALS)
                spent[limits.kind].append(brought)
                yield from _per_day(intent, limits, spent[limits.kind])
    keeps = [limits.keep_in_source for limits in facts.limits if limits.kind == "transfer_in"]
    for execution in facts.executions:
        if execution.left is not None and keeps and execution.left < min(keeps):
            yield Violation("below keep_in_source", f"{execution.amount} {execution.asset} left {execution.left}")


def _per_day(intent: Intent, limits: Limits, amounts: Sequence[Decimal]) -> Iterator[Violation]:
    """Whether the last of all that was moved in this kind is still within the limits of the action that moved it."""
    if limits.max_per_day is not None and sum(amounts) > limits.max_per_day:
        yield Violation("above max_per_day", f"{_intent_label(intent)}: {sum(amounts)} of {limits.max_per_day}")
    if len(amounts) > limits.max_actions_per_day:
        yield Violation("above max_actions_per_day", f"{_intent_label(intent)}: the {len(amounts)}th")


def _asked_for(intent: Intent, limits: Limits) -> Decimal:
    """What an order was to bring of the debt at the price that it was sized by. What it brought may be more, since
    nothing bounds a price that moves for us."""
    order = intent.order
    if not isinstance(order, Reduce) or order.side == "BUY":
        return intent.amount
    return floor_to(order.min_proceeds / (1 - limits.max_slippage), Decimal("0.01"))


def _second_half(intent: Intent, request: RequestFact, known: Iterable[Intent], limits: Limits) -> Iterator[Violation]:
    """What follows a transfer or an order moves no more than that brought."""
    firsts = [
        one.amount
        for one in known
        if one.plan == intent.plan and one.action == intent.action and abs(one.id) < abs(intent.id)
        if _is_first_half(one, limits)
    ]
    if request.wish is not None and not any(request.wish.amount <= first for first in firsts):
        yield Violation("a second half larger than its first", _intent_label(intent))


def _stale_reads(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """Before everything that was claimed, the account was read successfully within the age that its action allows."""
    by_name = {limits.name: limits for limits in facts.limits}
    for row in all_rows(facts):
        at, limits = claimed_at(row), by_name.get(row.intent.action)
        if row.intent.id not in sent or at is None or limits is None:
            continue
        path = account_path(row.intent)
        if not any(
            read.path == path and read.status == 200 and read.intact and at - limits.max_data_age_ms <= read.at <= at
            for read in facts.requests
        ):
            yield Violation("sent on stale data", f"{_intent_label(row.intent)} at {at}")


def _paused(facts: Facts) -> Iterator[Violation]:
    rows = all_rows(facts)
    for span in facts.pauses:
        for row in rows:
            at = claimed_at(row)
            is_within = at is not None and span.since + SLACK_MS < at < span.until - SLACK_MS
            if is_within and not _was_checked_before(facts, row, span.since):
                yield Violation("claimed while paused", f"{_intent_label(row.intent)} at {at}")
        for request in facts.requests:
            if request.wish is not None and span.since + facts.grace_ms < request.left < span.until - SLACK_MS:
                yield Violation("sent while paused", f"{request.wish} at {request.at}")


def _was_checked_before(facts: Facts, row: IntentRow, since: int) -> bool:
    """Whether the order was withheld, and had been checked before the pause: the process stood still between the check
    and the claim."""
    claimed, path = claimed_at(row), account_path(row.intent)
    reads = (r.at for r in facts.requests if r.path == path and r.status == 200 and r.intact)
    return row.intent.state is _S.EXPIRED and claimed is not None and not any(since <= at <= claimed for at in reads)


def _cooldowns(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """After money moved, an action rests before it moves more of the same, whatever became of the database."""
    by_name = {limits.name: limits for limits in facts.limits}
    last: dict[tuple[str, str, str], int] = {}
    for row in sorted(all_rows(facts), key=lambda row: claimed_at(row) or 0):
        intent, at, limits = row.intent, claimed_at(row), by_name.get(row.intent.action)
        if intent.id not in sent or at is None or limits is None or not _is_first_half(intent, limits):
            continue
        target = (intent.kind, intent.scope.symbol, intent.asset)
        if target in last and at - last[target] < limits.cooldown_ms:
            yield Violation(
                "sent during the cooldown", f"{_intent_label(intent)} {at - last[target]} ms after the last"
            )
        if sent[intent.id].applied and not intent.executed_late and is_knowable(facts, row, sent[intent.id]):
            last[target] = at


def _unasked(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """What a person is to decide, and did not, leaves when he has had his time since the channel took the question."""
    by_name = {limits.name: limits for limits in facts.limits}
    unknown = forgotten(facts)
    for row in facts.intents:
        intent, request, limits = row.intent, sent.get(row.intent.id), by_name.get(row.intent.action)
        is_asked = intent.mode == "approve" and row.approved is None and intent.id not in unknown
        if request is None or limits is None or not is_asked or not _is_first_half(intent, limits):
            continue
        asked_at = facts.named.get(intent.id)
        if asked_at is None or request.left < asked_at:
            yield Violation("sent though no channel took the question", _intent_label(intent))
        elif request.left < asked_at + limits.approve_within_ms - SLACK_MS:
            yield Violation(
                "sent before a person had his time", f"{_intent_label(intent)}: {request.left - asked_at} ms"
            )


def _unreported(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """Every critical alert, and every critical notice, reached the channel."""
    for alert in facts.alerts:
        if alert.fired and alert.severity == "critical" and alert.id not in facts.heard and not _may_be_silent(alert):
            yield Violation("a critical alert was not delivered", f"#{alert.id} {alert.rule} {alert.state}")
    for notice in facts.notices:
        if notice.severity == "critical" and notice.text.strip() not in facts.heard_texts:
            yield Violation("a critical notice was not delivered", notice.text)
    for row in facts.intents:
        told = any(f"{row.intent.id}" in notice.text for notice in facts.notices if notice.severity == "critical")
        if row.intent.executed_late and row.intent.id in sent and not told:
            yield Violation("a late execution was not told", _intent_label(row.intent))


def _may_be_silent(alert: AlertFact) -> bool:
    """Over before any attempt to tell could be made, or kept quiet by a worse rung or a person."""
    if not alert.deliveries:
        return alert.quieted
    return alert.state in (AlertState.RESOLVED, AlertState.INACTIVE) and all(map(_given_up, alert.deliveries))


def _given_up(delivery: Delivery) -> bool:
    return delivery.state is DeliveryState.EXPIRED and delivery.attempts == 0


def _is_first_half(intent: Intent, limits: Limits) -> bool:
    wish = money_request_of_intent(intent)
    return intent.kind == limits.kind and wish is not None and wish.source != "cross"


def _moved(wish: MoneyRequest) -> tuple[str, str, Decimal]:
    return wish.kind, wish.asset, wish.amount


def _key(execution: Execution) -> tuple[str, str, Decimal]:
    return execution.kind, execution.asset, execution.amount


def _intent_label(intent: Intent) -> str:
    return f"intent {intent.id} {intent.action} {intent.kind} {intent.amount} {intent.asset} {intent.state}"

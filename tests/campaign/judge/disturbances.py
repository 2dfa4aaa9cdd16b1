"""What has to hold of stalls, clock steps, restores, second daemons, foreign hands, wrong keys and edits of the
configuration, without IO."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from monitor.core.model.intent import Intent, IntentState
from monitor.records.intents import IntentRow
from monitor.runtime.clock_jumps import JUMP_CHECK_EVERY_S
from tests.campaign.judge.facts import CROSS_PATH, ISOLATED_PATH, Execution, Facts, Limits, RequestFact
from tests.campaign.plan import PACE, SPEED

SLACK_MS = 1000
"""By how much, in exchange time, the daemon's clock and the exchange's may differ."""

REPORTED_WITHIN_S = 5 * SPEED * PACE
"""Steps of the wall clock from which on people are told: five seconds, at the speed of a run."""

UNSEEN_MS = 1000 * JUMP_CHECK_EVERY_S * SPEED * PACE
"""How far apart two steps may be that nobody sees if the second undoes the first: one look of the daemon."""

KNOWABLE_MS = 20_000
"""How long before a restore something must have moved for the exchange's histories to show it right after."""

UNSENT = (IntentState.EXPIRED, IntentState.REJECTED)

LASTING = frozenset({
    "sent past its deadline", "sent on figures that had become old", "a restore did not pause",
    "a restore's pause is not in the trail", "a number was given twice", "a daemon acted on another's database",
    "moved in another account", "sent with a key of another account", "claimed for an action that was taken out",
    "a configuration with a flaw was not refused", "brought in what is to be delisted",
})  # fmt: skip
"""Sentences that never come to hold, however long a run goes on."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Violation:
    """A sentence that does not hold, and where."""

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.what}: {self.where}"


def judge_disturbances(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """Everything of these that is wrong. `sent` is the request of each intent, by its number."""
    yield from _late(facts, sent)
    yield from _unexplained(facts, sent)
    yield from _clocks(facts)
    yield from _restores(facts)
    yield from _config_edits(facts)
    yield from (Violation("a daemon acted on another's database", word) for word in facts.intrusions)
    for moved in facts.elsewhere:
        yield Violation("moved in another account", f"{moved.kind} {moved.amount} {moved.asset} at {moved.at}")
    for request in facts.requests:
        if request.wish is not None and request.account != "main":
            yield Violation("sent with a key of another account", f"{request.wish} at {request.at}")


def all_rows(facts: Facts) -> tuple[IntentRow, ...]:
    """The intents of the database, and those that were lost with others: under numbers of their own, below zero."""
    kept = {_identity(row) for row in facts.intents}
    lost = {_identity(row): row for row in facts.lost if _identity(row) not in kept}
    return (*facts.intents, *(replace(row, intent=replace(row.intent, id=-row.intent.id)) for row in lost.values()))


def claims_of(facts: Facts) -> Iterator[tuple[int, Intent]]:
    """When each intent was claimed, by any of the databases, and as that one has it: what was proposed may have been
    sized anew after a backup was taken. The numbers are those of `all_rows`."""
    numbers = {(abs(row.intent.id), row.intent.created_at): row.intent.id for row in all_rows(facts)}
    found: dict[tuple[int, int], Intent] = {}
    for row in (*facts.lost, *facts.intents):
        if (at := claimed_at(row)) is not None:
            number = numbers[_identity(row)]
            found[number, at] = replace(row.intent, id=number)
    for number, at in sorted(found):
        yield at, found[number, at]


def forgotten(facts: Facts) -> frozenset[int]:
    """Numbers of intents that a backup shows as not claimed, and that were claimed after it was taken."""
    unclaimed = {_identity(row) for row in facts.intents if claimed_at(row) is None}
    return frozenset(row.intent.id for row in facts.lost if claimed_at(row) is not None and _identity(row) in unclaimed)


def account_path(intent: Intent) -> str:
    """The path of the read that an order is sized on."""
    return ISOLATED_PATH if intent.target_scope.symbol else CROSS_PATH


def claimed_at(row: IntentRow) -> int | None:
    """When the intent was claimed for sending; None while it never was."""
    return next((in_ms(step.at) for step in row.steps if step.to_state is IntentState.SUBMITTING), None)


def as_claimed(facts: Facts, row: IntentRow) -> Intent:
    """The intent as the database has it in which it was claimed: a backup from before that knows neither how it was
    sized then nor what it brought."""
    if row.intent.id not in forgotten(facts):
        return row.intent
    claimed = (one for one in facts.lost if _identity(one) == _identity(row) and claimed_at(one) is not None)
    return next(claimed).intent


def is_lost(facts: Facts, row: IntentRow) -> bool:
    """Whether the database that knows what became of the intent is gone."""
    return row.intent.id < 0 or row.intent.id in forgotten(facts)


def is_knowable(facts: Facts, row: IntentRow, request: RequestFact) -> bool:
    """Whether later decisions could know that the intent moved something, though its database may be gone. Cancelled
    orders leave no trace."""
    if not is_lost(facts, row):
        return True
    if row.intent.kind == "cancel_orders":
        return False
    lost = next(one for one in facts.lost if one.intent.id == abs(row.intent.id))
    if lost.intent.state is IntentState.CONFIRMED:
        return True
    until = max((restore.at for restore in facts.restores), default=0) - KNOWABLE_MS
    return any(is_execution_of(execution, request) and execution.at <= until for execution in facts.executions)


def in_ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _late(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """What an order stands on still holds when it leaves, however long its claim took."""
    limits = {limit.name: limit for limit in facts.limits}
    for row in all_rows(facts):
        intent, request, claimed = row.intent, sent.get(row.intent.id), claimed_at(row)
        if request is None or claimed is None:
            continue
        if intent.expires_at is not None and request.left > in_ms(intent.expires_at):
            yield Violation("sent past its deadline", f"{_named(intent)} at {request.left}")
        read_at = _sized_on(facts.requests, intent, claimed)
        if intent.action in limits and read_at is not None and _is_old(limits[intent.action], read_at, request):
            yield Violation("sent on figures that had become old", f"{_named(intent)}: {request.left - read_at} ms")


def _sized_on(requests: Iterable[RequestFact], intent: Intent, claimed: int) -> int | None:
    """When the figures were read that the order was sized on: the last before it was claimed."""
    path = account_path(intent)
    reads = (r.at for r in requests if r.path == path and r.status == 200 and r.intact and r.at <= claimed + SLACK_MS)
    return max(reads, default=None)


def _is_old(limits: Limits, read_at: int, request: RequestFact) -> bool:
    return request.left - read_at > limits.max_data_age_ms + SLACK_MS


def _unexplained(facts: Facts, sent: Mapping[int, RequestFact]) -> Iterator[Violation]:
    """What is not sent says why."""
    for row in facts.intents:
        is_over = row.intent.id not in sent and row.intent.state in UNSENT
        if is_over and not (row.steps and row.steps[-1].note.strip()):
            yield Violation("not sent, and nobody knows why", _named(row.intent))


def _clocks(facts: Facts) -> Iterator[Violation]:
    """After the wall clock was set the account is read on, and people are told."""
    is_told = any(text.startswith("Clock jump") for text in facts.heard_texts)
    for step in facts.steps:
        if not any(r.path == CROSS_PATH and r.status == 200 and r.intact and r.at > step.at for r in facts.requests):
            yield Violation("the watch stood still after the clock was set", f"{step.seconds:+g} s at {step.at}")
        net_s = sum(other.seconds for other in facts.steps if abs(other.at - step.at) <= UNSEEN_MS)
        if step.outlived and abs(net_s) >= REPORTED_WITHIN_S and not is_told:
            yield Violation("nobody was told that the clock was set", f"{step.seconds:+g} s at {step.at}")


def _restores(facts: Facts) -> Iterator[Violation]:
    """A restore pauses, as a person does it, and no number is given twice."""
    for restore in facts.restores:
        if restore.is_empty:
            continue
        if not restore.paused:
            yield Violation("a restore did not pause", f"at {restore.at}")
        elif not restore.recorded:
            yield Violation("a restore's pause is not in the trail", f"at {restore.at}")
    given = {row.intent.id: row.intent.created_at for row in facts.intents}
    for row in facts.lost:
        if given.get(row.intent.id, row.intent.created_at) != row.intent.created_at:
            yield Violation("a number was given twice", _named(row.intent))


def _config_edits(facts: Facts) -> Iterator[Violation]:
    """An action that was taken out claims nothing, a flaw is refused and told, and nothing is added to a delisting."""
    for removal in facts.removals:
        for at, intent in claims_of(facts):
            is_within = removal.span.since + SLACK_MS < at < removal.span.until - SLACK_MS
            if intent.action == removal.action and is_within:
                yield Violation("claimed for an action that was taken out", f"{_named(intent)} at {at}")
    for refusal in facts.refusals:
        if not refusal.refused:
            yield Violation("a configuration with a flaw was not refused", f"{refusal.flaw} at {refusal.at}")
        elif not any(text.startswith("The new configuration was refused") for text in facts.heard_texts):
            yield Violation("nobody was told of a refused configuration", f"{refusal.flaw} at {refusal.at}")
    for execution in facts.executions:
        if execution.kind == "transfer" and execution.asset in facts.delisted:
            yield Violation("brought in what is to be delisted", f"{execution.amount} {execution.asset}")


def is_execution_of(execution: Execution, request: RequestFact) -> bool:
    """Whether the request asked for what was carried out."""
    wish = request.wish
    return wish is not None and (wish.kind, wish.asset, wish.amount) == (
        execution.kind,
        execution.asset,
        execution.amount,
    )


def _identity(row: IntentRow) -> tuple[int, datetime]:
    return row.intent.id, row.intent.created_at


def _named(intent: Intent) -> str:
    return f"intent {intent.id} {intent.action} {intent.kind} {intent.amount} {intent.asset} {intent.state}"

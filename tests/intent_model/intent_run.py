"""One intent living through one way it can go: decided, answered, checked, sent, looked into, settled.

The code under test decides, answers and judges. What comes before the claim can't depend on what comes after it, so
each road to it is walked once and every end is walked from there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import count
from typing import Literal

from monitor.config.rules.rule_files import parse_rules
from monitor.core.actions.decision import decide
from monitor.core.actions.revalidation import NotWanted, revalidate
from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics.snapshot import measure_subject
from monitor.core.model.account import CROSS
from monitor.core.model.alert import Alert, AlertKey
from monitor.core.model.events import CommandsRead
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState, IntentStep
from monitor.core.model.order import Accepted, Outcome, Refused, Unknown, Withheld
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.rules.rule import Rule
from monitor.core.settlement.observation import Observation
from monitor.core.settlement.transitions import (
    IntentUpdate,
    apply_outcome,
    apply_verdict,
    expire,
    mark_executed_late,
    mark_uncertain,
    settle_by_person,
    transition,
)
from monitor.core.settlement.verification import find_late_execution, needs_ledger, needs_ledger_for_late_check, verify
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from tests.intent_model.simulated_account import PAIR, SENT_REF, SimulatedAccount
from tests.intent_model.variants import IntentKind, Reply, Variant, variants_after_claim
from tests.support.examples.actions import (
    KEY,
    NOW,
    alert,
    seconds,
)  # fmt: skip

S = IntentState

SAFETY = SafetySettings(settle=seconds(60), unresolved_after=seconds(120))
OBSERVE_EVERY = seconds(20)
OBSERVATIONS = 16
LATE_OBSERVATION = 2
LATE_OBSERVATIONS = 5
"""Looks at what failed and is executed then: enough for a record that lags."""


@dataclass
class IntentRun:
    """One intent in the middle of a story, with the account and the orders before it; counts what was sent."""

    story: Variant
    played: SimulatedAccount
    intent: Intent
    now: datetime
    steps: tuple[IntentStep, ...] = ()
    before: tuple[Intent, ...] = ()
    sends: int = 0
    looks: list[Observation] = field(default_factory=list)
    done_when_judged: bool | None = None
    """Whether it had been carried out when the evidence settled it; None: that did not."""

    def fork(self, story: Variant) -> "IntentRun":
        """The same life so far, in another story."""
        played = self.played.copy()
        played.done_at = self.played.done_at
        return replace(self, story=story, played=played, looks=list(self.looks))

    @property
    def spec(self) -> ActionSpec:
        return replace(self.story.kind.spec, mode=self.story.mode)

    @property
    def intents(self) -> dict[int, Intent]:
        return {one.id: one for one in (*self.before, self.intent)}

    @property
    def executed(self) -> bool:
        return self.played.done_at is not None

    def apply_transition(self, change: IntentUpdate) -> None:
        assert change.step.from_state is self.intent.state
        self.steps = (*self.steps, change.step)
        self.intent = change.intent


def account_state(
    kind: IntentKind, played: SimulatedAccount, now: datetime, *, is_firing: bool = True, **changes: object
) -> AccountState:
    """The account with its alert."""
    where = AlertKey("near-call", "main", "isolated", PAIR.symbol) if kind.scope == PAIR else None
    fired: Alert = alert() if where is None else alert(key=where)
    return played.state(now, alerts={fired.key: fired} if is_firing else {}, **changes)


def decide_intents(
    kind: IntentKind, spec: ActionSpec, state: AccountState, now: datetime
) -> list[tuple[Intent, list[IntentStep]]]:
    """What is decided now: the intents, each with its steps."""
    subject = (kind.scope.kind, kind.scope.symbol)
    numbers = count(max(state.intents, default=0) + 1)
    figures = {subject: measure_subject(state, settings_for(kind), subject, now)}
    found = decide(state, figures, [_rule(kind)], [spec], SAFETY, settings_for(kind), now, numbers.__next__)  # type: ignore[arg-type]  # a literal key
    return [(intent, [step for step in found.steps if step.intent == intent.id]) for intent in found.intents]


def settings_for(kind: IntentKind) -> AccountSettings:
    return AccountSettings(account="main", isolated=(PAIR.symbol,) if kind.scope == PAIR else ())


@cache
def all_runs(kind: IntentKind) -> tuple[IntentRun, ...]:
    """Every life of one kind, to its end; not to be changed, but branched from."""
    return tuple(_ends(kind))


def _ends(kind: IntentKind) -> Iterator[IntentRun]:
    for mode in ("dry-run", "approve", "live"):
        for answer in ("approved", "rejected", "silence"):
            for change in ("none", "no use", "paused", "stale", "may withdraw"):
                story = Variant(kind, mode, answer, change)
                # Who is never asked gives no answer, and what is not planned can't be overtaken.
                if answer != "approved" and (mode != "approve" or kind.firsts or change != "none"):
                    continue
                # A dry run is over once decided, and a rehearsed sale counts as repaid with.
                if mode == "dry-run" and (change != "none" or (kind.firsts and kind.spec.kind == "reduce")):
                    continue
                road = run_to_claim(story)
                if road.intent.state is not S.SUBMITTING:
                    yield road
                elif mode == "live":
                    yield from _runs_after_claim(road)
                else:
                    # From the claim on nothing knows the mode: a test compares the orders claimed.
                    yield run_to_end(road, replace(story, reply="accepted"))


def run_to_claim(story: Variant) -> IntentRun:
    """The life up to the claim, or to an end before it."""
    return _run_to_claim(story).fork(story)


def run_to_end(road: IntentRun, story: Variant) -> IntentRun:
    """A claimed life, to its end in the story; a person who may have to speak does so."""
    life = road.fork(story)
    _send(life)
    _observe(life)
    return life


def _runs_after_claim(road: IntentRun) -> Iterator[IntentRun]:
    for way in variants_after_claim(road.story):
        life = run_to_end(road, way)
        yield life
        told = [way]
        if any(step.to_state is S.UNRESOLVED for step in life.steps):
            # A person speaks as soon as they are asked: a crash after the question matters where they do not.
            told += [replace(way, person="confirmed"), replace(way, person="failed")]
            if way.crash == "none":
                yield run_to_end(road, replace(way, crash="asked"))
        for story in told:
            found = life if story is way else run_to_end(road, story)
            if story is not way:
                yield found
            if found.intent.state is S.FAILED and found.sends and not found.executed:
                yield run_to_end(road, replace(story, execution="after it failed"))


@cache
def _run_to_claim(story: Variant) -> IntentRun:
    kind, now = story.kind, NOW
    before: tuple[Intent, ...] = ()
    played = kind.simulated_account()
    spec = replace(kind.spec, mode=story.mode)
    for _ in range(kind.firsts):
        played, before, now = _complete_first_leg(kind, spec, played, before, now)
    state = account_state(kind, played, now, intents={one.id: one for one in before})
    ((intent, steps),) = decide_intents(kind, spec, state, now)
    life = IntentRun(story, played, intent, now, tuple(steps), before)
    if intent.state is S.PROPOSED:
        _answer(life)
    if life.intent.state is S.PLANNED:
        _check(life)
    return life


def _complete_first_leg(
    kind: IntentKind, spec: ActionSpec, played: SimulatedAccount, before: tuple[Intent, ...], now: datetime
) -> tuple[SimulatedAccount, tuple[Intent, ...], datetime]:
    """What comes first, done as it should be; in a dry run as that counts it."""
    story = Variant(replace(kind, name=f"{kind.name}: {len(before)}", firsts=len(before)), spec.mode)
    road = run_to_claim(story)
    life = road if spec.mode == "dry-run" else run_to_end(road, story)
    assert life.intent.state is (S.SIMULATED if spec.mode == "dry-run" else S.CONFIRMED)
    return life.played.copy(), (*before, life.intent), max(life.now, now) + seconds(5)


def _answer(life: IntentRun) -> None:
    story = life.story
    life.now += seconds(601) if story.answer == "silence" else seconds(5)
    decisions = {} if story.answer == "silence" else {life.intent.id: story.answer == "approved"}
    state = account_state(
        story.kind, life.played, life.now, intents=life.intents, commands=CommandsRead(decisions=decisions)
    )
    ((life.intent, steps),) = decide_intents(story.kind, life.spec, state, life.now)
    life.steps = (*life.steps, *steps)


def _check(life: IntentRun) -> None:
    story = life.story
    state = _state_at_sending(life)
    found = revalidate(state, life.intent, [life.spec], settings_for(story.kind), life.now)
    if isinstance(found, NotWanted):
        life.apply_transition(expire(life.intent, life.now, found.reason))
    else:
        life.apply_transition(
            transition(life.intent, replace(found, state=S.SUBMITTING, submitted_at=life.now), life.now, "claimed")
        )


def _state_at_sending(life: IntentRun) -> AccountState:
    """The account right before the send, with what came in between."""
    story = life.story
    if story.change == "no use":
        _remove_need(life)
    state = account_state(story.kind, life.played, life.now, intents=life.intents)
    match story.change:
        case "paused":
            return replace(state, commands=CommandsRead(paused=True))
        case "stale":
            life.now += seconds(21)
            return state
        case "may withdraw":
            return replace(state, keys=replace(state.keys, permissions=replace(KEY, withdrawals=True)))
        case _:
            return state


def _remove_need(life: IntentRun) -> None:
    """A person's own hand pays all debts, and takes from cross what waits there for its second hop."""
    played = life.played
    for asset, row in list(played.rows[played.scope].items()):
        played.change(played.scope, asset, borrowed=-row.borrowed)
    if played.scope != CROSS:
        played.change(CROSS, "USDT", free=-played.rows[CROSS]["USDT"].free)


def _send(life: IntentRun) -> None:
    """A crash after the claim: it is never sent again."""
    story = life.story
    if story.crash == "claimed":
        life.apply_transition(mark_uncertain(life.intent, life.now, "crash"))
        return
    life.sends += story.reply != "withheld"
    if story.execution == "at once" and story.reply in ("accepted", "lost"):
        life.played.carry_out(life.intent.order, life.now)  # type: ignore[arg-type]  # nothing here is ordered by name
    if story.crash == "sent":
        life.apply_transition(mark_uncertain(life.intent, life.now, "crash"))
        return
    life.apply_transition(apply_outcome(life.intent, _OUTCOMES[story.reply](), life.now))


_OUTCOMES: dict[Reply, Callable[[], Outcome | Withheld]] = {
    "withheld": lambda: Withheld("the figures were old", by_limit=True),
    "accepted": lambda: Accepted(SENT_REF),
    "refused": lambda: Refused(-3010, "Repay not allowed."),
    "transient": lambda: Refused(-3007, "You have pending transaction.", transient=True),
    "lost": lambda: Unknown("no answer"),
}


def _observe(life: IntentRun) -> None:
    """Look after look; a crash forgets them, and they begin again. What failed is watched for a while."""
    story = life.story
    watched = 0
    for number in range(OBSERVATIONS):
        enough = LATE_OBSERVATIONS if story.execution == "after it failed" else 1
        if life.intent.state in FINAL_STATES - {S.FAILED} or watched >= enough:
            return
        life.now += OBSERVE_EVERY
        if number == 2 and story.crash == "answered":
            life.looks = []
        if life.sends and not life.executed and _is_time(life, number):
            life.played.carry_out(life.intent.order, life.now - seconds(1))  # type: ignore[arg-type]  # nothing here is ordered by name
        seen = life.played.observe(life.intent, story.trace, life.now, was_sent=bool(life.sends))
        if life.intent.state is S.FAILED:
            _watch_for_late_execution(life, seen)
            watched += 1
        else:
            _verify(life, seen)


def _is_time(life: IntentRun, number: int) -> bool:
    match life.story.execution:
        case "late":
            return number == LATE_OBSERVATION
        case "after it failed":
            return life.intent.state is S.FAILED
        case _:
            return False


def _verify(life: IntentRun, seen: Observation) -> None:
    story, was = life.story, life.intent.state
    life.looks.append(seen)
    if needs_ledger(life.intent, life.looks, SAFETY):
        life.looks[-1] = life.played.with_ledger(seen, life.intent, story.trace)
    change = apply_verdict(life.intent, verify(life.intent, life.looks, SAFETY, life.now), life.now)
    if change is not None:
        life.apply_transition(change)
    if life.intent.state in FINAL_STATES:
        life.done_when_judged = life.executed
    if life.intent.state is not S.UNRESOLVED:
        return
    if was is not S.UNRESOLVED and story.crash == "asked":
        life.looks = []
    if story.person != "nobody":
        outcome: Literal[IntentState.CONFIRMED, IntentState.FAILED]
        outcome = S.CONFIRMED if story.person == "confirmed" else S.FAILED
        life.apply_transition(settle_by_person(life.intent, outcome, "ann", "seen", life.now))


def _watch_for_late_execution(life: IntentRun, seen: Observation) -> None:
    if needs_ledger_for_late_check(life.intent, seen, SAFETY):
        seen = life.played.with_ledger(seen, life.intent, life.story.trace)
    trace = find_late_execution(life.intent, seen, SAFETY)
    if trace is not None and not (life.intent.evidence or "").startswith("executed late"):
        life.intent = mark_executed_late(life.intent, trace)


def _rule(kind: IntentKind) -> Rule:
    table = {"name": "near-call", "scope": kind.scope.kind, "when": "margin_level < 1.9", "severity": "critical"}
    return parse_rules([{**table, "actions": [kind.spec.name]}], "test")[0]

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

from monitor.core.actions.decision import decide
from monitor.core.actions.revalidation import NoLonger, recheck
from monitor.core.actions.spec import ActionSpec
from monitor.core.metrics.snapshot import figures_of
from monitor.core.model.account import CROSS
from monitor.core.model.alert import Alert, AlertKey
from monitor.core.model.events import OperatorRead
from monitor.core.model.intent import FINAL, Intent, IntentState, IntentStep
from monitor.core.model.order import Accepted, Outcome, Refused, Unknown, Withheld
from monitor.core.model.safety import Safety
from monitor.core.rules.rule import Rule, parse_rules
from monitor.core.settlement.observation import Look
from monitor.core.settlement.transitions import (
    Moved,
    abandoned,
    answered,
    executed_late,
    expired,
    judged,
    moved,
    resolved,
)
from monitor.core.settlement.verification import judge, late_execution, wants_late_ledger, wants_ledger
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from tests.intent_model.simulated_account import PAIR, SENT_REF, Played
from tests.intent_model.variants import Kind, Reply, Story, ways
from tests.support.examples.actions import (
    KEY,
    NOW,
    alert,
    seconds,
)  # fmt: skip

S = IntentState

SAFETY = Safety(settle=seconds(60), unresolved_after=seconds(120))
LOOK_EVERY = seconds(20)
LOOKED = 16
LATE_LOOK = 2
WATCHED = 5
"""Looks at what failed and is executed then: enough for a record that lags."""


@dataclass
class Life:
    """One intent in the middle of a story, with the account and the orders before it; counts what was sent."""

    story: Story
    played: Played
    intent: Intent
    now: datetime
    steps: tuple[IntentStep, ...] = ()
    before: tuple[Intent, ...] = ()
    sends: int = 0
    looks: list[Look] = field(default_factory=list)
    done_when_judged: bool | None = None
    """Whether it had been carried out when the evidence settled it; None: that did not."""

    def branch(self, story: Story) -> "Life":
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

    def take(self, change: Moved) -> None:
        assert change.step.from_state is self.intent.state
        self.steps = (*self.steps, change.step)
        self.intent = change.intent


def state_of(kind: Kind, played: Played, now: datetime, *, is_firing: bool = True, **changes: object) -> AccountState:
    """The account with its alert."""
    where = AlertKey("near-call", "main", "isolated", PAIR.symbol) if kind.scope == PAIR else None
    fired: Alert = alert() if where is None else alert(key=where)
    return played.state(now, alerts={fired.key: fired} if is_firing else {}, **changes)


def decided(kind: Kind, spec: ActionSpec, state: AccountState, now: datetime) -> list[tuple[Intent, list[IntentStep]]]:
    """What is decided now: the intents, each with its steps."""
    subject = (kind.scope.kind, kind.scope.symbol)
    numbers = count(max(state.intents, default=0) + 1)
    figures = {subject: figures_of(state, settings_of(kind), subject, now)}
    found = decide(state, figures, [_rule(kind)], [spec], SAFETY, settings_of(kind), now, numbers.__next__)  # type: ignore[arg-type]  # a literal key
    return [(intent, [step for step in found.steps if step.intent == intent.id]) for intent in found.intents]


def settings_of(kind: Kind) -> Settings:
    return Settings(account="main", isolated=(PAIR.symbol,) if kind.scope == PAIR else ())


@cache
def every_end(kind: Kind) -> tuple[Life, ...]:
    """Every life of one kind, to its end; not to be changed, but branched from."""
    return tuple(_ends(kind))


def _ends(kind: Kind) -> Iterator[Life]:
    for mode in ("dry-run", "approve", "live"):
        for answer in ("approved", "rejected", "silence"):
            for change in ("none", "no use", "paused", "stale", "may withdraw"):
                story = Story(kind, mode, answer, change)
                # Who is never asked gives no answer, and what is not planned can't be overtaken.
                if answer != "approved" and (mode != "approve" or kind.firsts or change != "none"):
                    continue
                # A dry run is over once decided, and a rehearsed sale counts as repaid with.
                if mode == "dry-run" and (change != "none" or (kind.firsts and kind.spec.kind == "reduce")):
                    continue
                road = claimed(story)
                if road.intent.state is not S.SUBMITTING:
                    yield road
                elif mode == "live":
                    yield from _from_the_claim(road)
                else:
                    # From the claim on nothing knows the mode: a test compares the orders claimed.
                    yield lived(road, replace(story, reply="accepted"))


def claimed(story: Story) -> Life:
    """The life up to the claim, or to an end before it."""
    return _claimed(story).branch(story)


def lived(road: Life, story: Story) -> Life:
    """A claimed life, to its end in the story; a person who may have to speak does so."""
    life = road.branch(story)
    _send(life)
    _look(life)
    return life


def _from_the_claim(road: Life) -> Iterator[Life]:
    for way in ways(road.story):
        life = lived(road, way)
        yield life
        told = [way]
        if any(step.to_state is S.UNRESOLVED for step in life.steps):
            # A person speaks as soon as they are asked: a crash after the question matters where they do not.
            told += [replace(way, person="confirmed"), replace(way, person="failed")]
            if way.crash == "none":
                yield lived(road, replace(way, crash="asked"))
        for story in told:
            found = life if story is way else lived(road, story)
            if story is not way:
                yield found
            if found.intent.state is S.FAILED and found.sends and not found.executed:
                yield lived(road, replace(story, execution="after it failed"))


@cache
def _claimed(story: Story) -> Life:
    kind, now = story.kind, NOW
    before: tuple[Intent, ...] = ()
    played = kind.played()
    spec = replace(kind.spec, mode=story.mode)
    for _ in range(kind.firsts):
        played, before, now = _first_done(kind, spec, played, before, now)
    state = state_of(kind, played, now, intents={one.id: one for one in before})
    ((intent, steps),) = decided(kind, spec, state, now)
    life = Life(story, played, intent, now, tuple(steps), before)
    if intent.state is S.PROPOSED:
        _answer(life)
    if life.intent.state is S.PLANNED:
        _check(life)
    return life


def _first_done(
    kind: Kind, spec: ActionSpec, played: Played, before: tuple[Intent, ...], now: datetime
) -> tuple[Played, tuple[Intent, ...], datetime]:
    """What comes first, done as it should be; in a dry run as that counts it."""
    story = Story(replace(kind, name=f"{kind.name}: {len(before)}", firsts=len(before)), spec.mode)
    road = claimed(story)
    life = road if spec.mode == "dry-run" else lived(road, story)
    assert life.intent.state is (S.SIMULATED if spec.mode == "dry-run" else S.CONFIRMED)
    return life.played.copy(), (*before, life.intent), max(life.now, now) + seconds(5)


def _answer(life: Life) -> None:
    story = life.story
    life.now += seconds(601) if story.answer == "silence" else seconds(5)
    decisions = {} if story.answer == "silence" else {life.intent.id: story.answer == "approved"}
    state = state_of(
        story.kind, life.played, life.now, intents=life.intents, operator=OperatorRead(decisions=decisions)
    )
    ((life.intent, steps),) = decided(story.kind, life.spec, state, life.now)
    life.steps = (*life.steps, *steps)


def _check(life: Life) -> None:
    story = life.story
    state = _overtaken(life)
    found = recheck(state, life.intent, [life.spec], settings_of(story.kind), life.now)
    if isinstance(found, NoLonger):
        life.take(expired(life.intent, life.now, found.reason))
    else:
        life.take(moved(life.intent, replace(found, state=S.SUBMITTING, submitted_at=life.now), life.now, "claimed"))


def _overtaken(life: Life) -> AccountState:
    """The account right before the send, with what came in between."""
    story = life.story
    if story.change == "no use":
        _make_useless(life)
    state = state_of(story.kind, life.played, life.now, intents=life.intents)
    match story.change:
        case "paused":
            return replace(state, operator=OperatorRead(paused=True))
        case "stale":
            life.now += seconds(21)
            return state
        case "may withdraw":
            return replace(state, key=replace(KEY, withdrawals=True))
        case _:
            return state


def _make_useless(life: Life) -> None:
    """A person's own hand pays all debts, and takes from cross what waits there for its second hop."""
    played = life.played
    for asset, row in list(played.rows[played.scope].items()):
        played.change(played.scope, asset, borrowed=-row.borrowed)
    if played.scope != CROSS:
        played.change(CROSS, "USDT", free=-played.rows[CROSS]["USDT"].free)


def _send(life: Life) -> None:
    """A crash after the claim: it is never sent again."""
    story = life.story
    if story.crash == "claimed":
        life.take(abandoned(life.intent, life.now, "crash"))
        return
    life.sends += story.reply != "withheld"
    if story.execution == "at once" and story.reply in ("accepted", "lost"):
        life.played.carry_out(life.intent.order, life.now)  # type: ignore[arg-type]  # nothing here is ordered by name
    if story.crash == "sent":
        life.take(abandoned(life.intent, life.now, "crash"))
        return
    life.take(answered(life.intent, _OUTCOMES[story.reply](), life.now))


_OUTCOMES: dict[Reply, Callable[[], Outcome | Withheld]] = {
    "withheld": lambda: Withheld("the figures were old", by_limit=True),
    "accepted": lambda: Accepted(SENT_REF),
    "refused": lambda: Refused(-3010, "Repay not allowed."),
    "transient": lambda: Refused(-3007, "You have pending transaction.", transient=True),
    "lost": lambda: Unknown("no answer"),
}


def _look(life: Life) -> None:
    """Look after look; a crash forgets them, and they begin again. What failed is watched for a while."""
    story = life.story
    watched = 0
    for number in range(LOOKED):
        enough = WATCHED if story.execution == "after it failed" else 1
        if life.intent.state in FINAL - {S.FAILED} or watched >= enough:
            return
        life.now += LOOK_EVERY
        if number == 2 and story.crash == "answered":
            life.looks = []
        if life.sends and not life.executed and _is_time(life, number):
            life.played.carry_out(life.intent.order, life.now - seconds(1))  # type: ignore[arg-type]  # nothing here is ordered by name
        seen = life.played.look(life.intent, story.trace, life.now, was_sent=bool(life.sends))
        if life.intent.state is S.FAILED:
            _watch(life, seen)
            watched += 1
        else:
            _judge(life, seen)


def _is_time(life: Life, number: int) -> bool:
    match life.story.execution:
        case "late":
            return number == LATE_LOOK
        case "after it failed":
            return life.intent.state is S.FAILED
        case _:
            return False


def _judge(life: Life, seen: Look) -> None:
    story, was = life.story, life.intent.state
    life.looks.append(seen)
    if wants_ledger(life.intent, life.looks, SAFETY):
        life.looks[-1] = life.played.with_ledger(seen, life.intent, story.trace)
    change = judged(life.intent, judge(life.intent, life.looks, SAFETY, life.now), life.now)
    if change is not None:
        life.take(change)
    if life.intent.state in FINAL:
        life.done_when_judged = life.executed
    if life.intent.state is not S.UNRESOLVED:
        return
    if was is not S.UNRESOLVED and story.crash == "asked":
        life.looks = []
    if story.person != "nobody":
        outcome: Literal[IntentState.CONFIRMED, IntentState.FAILED]
        outcome = S.CONFIRMED if story.person == "confirmed" else S.FAILED
        life.take(resolved(life.intent, outcome, "ann", "seen", life.now))


def _watch(life: Life, seen: Look) -> None:
    if wants_late_ledger(life.intent, seen, SAFETY):
        seen = life.played.with_ledger(seen, life.intent, life.story.trace)
    trace = late_execution(life.intent, seen, SAFETY)
    if trace is not None and not (life.intent.evidence or "").startswith("executed late"):
        life.intent = executed_late(life.intent, trace)


def _rule(kind: Kind) -> Rule:
    table = {"name": "near-call", "scope": kind.scope.kind, "when": "margin_level < 1.9", "severity": "critical"}
    return parse_rules([{**table, "actions": [kind.spec.name]}], "test")[0]

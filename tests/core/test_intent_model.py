"""Every path of an intent's life, with every outcome at every step, walked without IO.

The model plays an exchange that may take, refuse or lose the one request, execute it at once, late or never, and show
records that lag, pend or fail; the code under test decides, answers and judges. A crash may strike before or after
every step that is written down.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, product
from typing import Literal

import pytest

from monitor.core.account import CROSS
from monitor.core.actions.decide import decide
from monitor.core.actions.recheck import NoLonger, recheck
from monitor.core.events import OperatorRead
from monitor.core.intents import (
    FINAL,
    LEGAL,
    Accepted,
    CancelOrders,
    Intent,
    IntentState,
    IntentStep,
    Outcome,
    Record,
    Reduce,
    Refused,
    Unknown,
)
from monitor.core.looks import Look
from monitor.core.markets import Market, MarketsRead, Resting
from monitor.core.progress import Moved, abandoned, answered, expired, judged, moved
from monitor.core.state import AccountState, apply
from monitor.core.subjects import figures_of
from monitor.core.surroundings import OrdersRead
from monitor.core.verify import judge
from tests.core.actions.samples import (
    NOW,
    SAFETY,
    SETTINGS,
    D,
    account,
    alert,
    balance,
    cancel_spec,
    reduce_spec,
    repay_spec,
    rule,
    seconds,
)  # fmt: skip

S = IntentState

Kind = Literal["repay", "reduce", "cancel_orders"]
Mode = Literal["dry-run", "approve", "live"]
Answer = Literal["approved", "rejected", "silence"]
Change = Literal["none", "paid by hand", "paused"]
Reply = Literal["accepted", "refused", "transient", "lost"]
Execution = Literal["at once", "late", "never"]
Trace = Literal["prompt", "lagging", "pending", "failed", "missing"]
Crash = Literal["none", "claimed", "sent", "answered"]
Verdict = Literal["nobody", "confirmed", "failed"]


@dataclass(frozen=True)
class Story:
    """One way it can go."""

    mode: Mode
    answer: Answer
    change: Change
    reply: Reply
    execution: Execution
    trace: Trace
    crash: Crash
    person: Verdict
    kind: Kind = "repay"


SPECS = {"repay": repay_spec(), "reduce": reduce_spec(), "cancel_orders": cancel_spec()}
MARKET = Market("BTCUSDT", "BTC", "USDT", D("0.01"), D("0.00001"))
RESTING = Resting(5, "BTCUSDT", "BUY")


class Life:
    """One intent living through a story; counts what reached the exchange."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.steps: list[IntentStep] = []
        self.sends = 0
        self.executed = False
        self.now = NOW
        self.intent: Intent | None = None

    def take(self, change: Moved) -> None:
        assert self.intent is not None
        assert change.step.from_state is self.intent.state
        self.steps.append(change.step)
        self.intent = change.intent

    def state(self, *, after: bool = False) -> AccountState:
        """The account: with the debt paid by hand where the story says so, and by the order once it was executed."""
        owed = D(60_000)
        if after and self.story.change == "paid by hand":
            owed -= D(20_000)
        rows = (balance("BTC", "1.5"), balance("USDT", "20000", borrowed=str(owed)))
        if self.story.kind == "cancel_orders":
            rows = (balance("BTC", "1.5"), balance("USDT", locked="20000", borrowed=str(owed)))
        known = account(*rows, alerts=(alert(),), now=self.now)
        known = apply(known, MarketsRead({"BTCUSDT": MARKET}, frozenset({"BTC", "USDT"}), self.now), self.now)
        known = apply(known, OrdersRead(CROSS, frozenset({5}), self.now, (RESTING,)), self.now)
        paused = after and self.story.change == "paused"
        return replace(known, operator=OperatorRead(paused=paused))

    def run(self) -> None:
        self._decide()
        assert self.intent is not None
        if self.intent.state is S.PROPOSED:
            self._answer()
        if self.intent.state is S.PLANNED:
            self._send()
        if self.intent.state in (S.ACKNOWLEDGED, S.UNCERTAIN):
            self._look()

    def _decide(self) -> None:
        spec = replace(SPECS[self.story.kind], mode=self.story.mode)
        state = self.state()
        figures = {("cross", ""): figures_of(state, SETTINGS, ("cross", ""), self.now)}
        found = decide(state, figures, [rule(spec.name)], [spec], SAFETY, SETTINGS, self.now, count(1).__next__)  # type: ignore[arg-type]  # a literal key
        self.steps += found.steps
        self.intent = found.intents[0]

    def _answer(self) -> None:
        assert self.intent is not None
        self.now += seconds(601) if self.story.answer == "silence" else seconds(5)
        decisions = {} if self.story.answer == "silence" else {self.intent.id: self.story.answer == "approved"}
        state = replace(self.state(), intents={self.intent.id: self.intent}, operator=OperatorRead(decisions=decisions))
        spec = replace(SPECS[self.story.kind], mode="approve")
        found = decide(state, {}, [rule(spec.name)], [spec], SAFETY, SETTINGS, self.now, count(1).__next__)
        self.steps += found.steps
        self.intent = found.intents[0]

    def _send(self) -> None:
        """Crash before the claim: nothing happened, the same code starts again. After it: never sent again."""
        assert self.intent is not None
        state = replace(self.state(after=True), intents={self.intent.id: self.intent})
        spec = replace(SPECS[self.story.kind], mode=self.story.mode)
        found = recheck(state, self.intent, [spec], SETTINGS, self.now)
        if isinstance(found, NoLonger):
            self.take(expired(self.intent, self.now, found.reason))
            return
        self.take(moved(self.intent, replace(found, state=S.SUBMITTING, submitted_at=self.now), self.now, "claimed"))
        if self.story.crash == "claimed":
            self.take(abandoned(self.intent, self.now, "crash"))
            return
        self.sends += 1
        self.executed = self.story.execution == "at once" and self.story.reply in ("accepted", "lost")
        if self.story.crash == "sent":
            self.take(abandoned(self.intent, self.now, "crash"))
            return
        self.take(answered(self.intent, self._outcome(), self.now))

    def _outcome(self) -> Outcome:
        match self.story.reply:
            case "accepted":
                return Accepted("77")
            case "refused":
                return Refused(-3010, "Repay not allowed.")
            case "transient":
                return Refused(-3007, "You have pending transaction.", transient=True)
            case "lost":
                return Unknown("no answer")

    def _look(self) -> None:
        """Looks a minute; a crash forgets the looks, and they begin again."""
        assert self.intent is not None
        looks: list[Look] = []
        for number in range(60):
            self.now += seconds(13)
            if self.sends and number == 3 and self.story.execution == "late" and self.story.reply == "lost":
                self.executed = True
            if number == 2 and self.story.crash == "answered":
                looks = []
            looks.append(self._seen(number))
            change = judged(self.intent, judge(self.intent, looks, SAFETY, self.now), self.now)
            if change is not None:
                self.take(change)
            if self.intent.state is S.UNRESOLVED and self.story.person != "nobody":
                outcome = S.CONFIRMED if self.story.person == "confirmed" else S.FAILED
                self.take(moved(self.intent, replace(self.intent, state=outcome), self.now, "by a person"))
            if self.intent.state in FINAL:
                return

    def _seen(self, number: int) -> Look:
        assert self.intent is not None
        if isinstance(self.intent.order, CancelOrders):
            return self._seen_open(number)
        before, amount = self.intent.owed_before, self.intent.amount
        assert before is not None
        status: Literal["PENDING", "CONFIRMED", "FAILED"] | None = None
        match self.story.trace:
            case "prompt":
                status = "CONFIRMED" if self.executed else None
            case "lagging":
                status = "CONFIRMED" if self.executed and number >= 7 else None
            case "pending":
                status = "PENDING" if self.sends else None
            case "failed":
                status = "FAILED" if self.sends and not self.executed else "CONFIRMED" if self.executed else None
            case "missing":
                status = None
        sent_at = self.intent.submitted_at or NOW
        traded = self.intent.order.quantity if isinstance(self.intent.order, Reduce) else None
        records = () if status is None else (Record("77", "USDT", amount, status, sent_at, spent=traded),)
        held = self.intent.source_before
        left = held - traded if held is not None and traded is not None and self.executed else held
        return Look(self.now, records, before - amount if self.executed else before, D(0), left)

    def _seen_open(self, number: int) -> Look:
        """Orders stay in the list until they are cancelled, or for a while longer; their lock may outlive them."""
        assert self.intent is not None
        gone = self.executed and not (self.story.trace == "lagging" and number < 7)
        records = () if gone else (Record("5", "BTCUSDT", D("0.4"), "PENDING", NOW - seconds(60)),)
        freed = self.executed and self.story.trace != "missing"
        return Look(self.now, records, source=D(0) if freed else self.intent.source_before)


def stories() -> Iterator[Story]:
    modes: tuple[Mode, ...] = ("dry-run", "approve", "live")
    answers: tuple[Answer, ...] = ("approved", "rejected", "silence")
    changes: tuple[Change, ...] = ("none", "paid by hand", "paused")
    replies: tuple[Reply, ...] = ("accepted", "refused", "transient", "lost")
    executions: tuple[Execution, ...] = ("at once", "late", "never")
    traces: tuple[Trace, ...] = ("prompt", "lagging", "pending", "failed", "missing")
    crashes: tuple[Crash, ...] = ("none", "claimed", "sent", "answered")
    people: tuple[Verdict, ...] = ("nobody", "confirmed", "failed")
    for parts in product(modes, answers, changes, replies, executions, traces, crashes, people):
        story = Story(*parts)
        if story.mode != "approve" and story.answer != "approved":
            continue
        if story.mode == "dry-run" and parts[2:] != ("none", "accepted", "at once", "prompt", "none", "nobody"):
            continue
        if story.answer != "approved" and parts[2:] != ("none", "accepted", "at once", "prompt", "none", "nobody"):
            continue
        yield story
        if story.mode == "live" and story.change == "none" and story.crash in ("none", "sent"):
            yield replace(story, kind="reduce")
            if story.trace in ("prompt", "lagging", "missing"):
                yield replace(story, kind="cancel_orders")


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    """Every story lived to its end."""
    told = []
    for story in stories():
        life = Life(story)
        life.run()
        told.append(life)
    return told


def test_every_step_of_every_life_is_legal_and_joins_the_one_before(lives: list[Life]) -> None:
    for life in lives:
        state: IntentState | None = None
        for step in life.steps:
            assert step.from_state is state, life.story
            assert (step.from_state, step.to_state) in LEGAL, life.story
            state = step.to_state


def test_every_legal_step_is_walked(lives: list[Life]) -> None:
    walked = {(step.from_state, step.to_state) for life in lives for step in life.steps}
    assert walked == LEGAL


def test_no_intent_is_ever_sent_twice(lives: list[Life]) -> None:
    assert max(life.sends for life in lives) == 1


def test_only_a_claimed_intent_is_sent(lives: list[Life]) -> None:
    for life in lives:
        assert life.sends <= sum(step.to_state is S.SUBMITTING for step in life.steps), life.story


def test_a_dry_run_and_a_stopped_plan_send_nothing(lives: list[Life]) -> None:
    for life in lives:
        if life.story.mode == "dry-run" or life.story.change != "none" or life.story.answer != "approved":
            assert life.sends == 0, life.story


def test_confirmed_without_a_person_means_executed(lives: list[Life]) -> None:
    for life in lives:
        confirmed = life.steps[-1].to_state is S.CONFIRMED and life.steps[-1].note != "by a person"
        assert not confirmed or life.executed, life.story


def test_failed_without_a_person_means_not_executed(lives: list[Life]) -> None:
    for life in lives:
        failed = life.steps[-1].to_state is S.FAILED and life.steps[-1].note != "by a person"
        assert not failed or not life.executed, life.story


def test_what_was_executed_and_left_a_record_is_confirmed(lives: list[Life]) -> None:
    for life in lives:
        if life.executed and life.story.trace in ("prompt", "lagging"):
            assert life.steps[-1].to_state is S.CONFIRMED, life.story


def test_what_never_was_executed_and_left_no_record_ends_failed_or_before_a_person(lives: list[Life]) -> None:
    ends: Counter[IntentState] = Counter()
    for life in lives:
        if life.sends and life.story.reply == "lost" and not life.executed and life.story.trace == "missing":
            ends[life.steps[-1].to_state] += 1
    assert set(ends) == {S.FAILED}


def test_nothing_ends_in_the_middle(lives: list[Life]) -> None:
    for life in lives:
        assert life.steps[-1].to_state in FINAL | {S.UNRESOLVED}, life.story


def test_final_states_have_no_way_out() -> None:
    assert not [edge for edge in LEGAL if edge[0] in FINAL]

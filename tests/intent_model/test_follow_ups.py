"""What follows a first half: nothing before it is proven, never more than it brought, and never twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.actions.position import FEE
from monitor.core.actions.revalidation import NoLonger, recheck
from monitor.core.model.events import OperatorRead
from monitor.core.model.intent import SPENT, Intent, IntentState
from monitor.core.model.order import Accepted, Reduce, Refused, Unknown
from monitor.core.numbers.amounts import ZERO
from monitor.core.settlement.transitions import Moved, abandoned, answered, expired, moved
from tests.intent_model.intent_run import Life, decided, every_end, settings_of, state_of
from tests.intent_model.variants import KINDS, Kind
from tests.support.examples.actions import seconds

S = IntentState

FIRSTS = [kind for kind in KINDS if kind.spec.kind in ("transfer_in", "reduce") and not kind.name.startswith("repay")]
"""What may leave a second half to be made; the second hop is one itself."""

LATER = (seconds(5), seconds(60), timedelta(minutes=11))
SETTLED_BY = {"confirmed": S.CONFIRMED, "failed": S.FAILED, "unknown": S.UNCERTAIN, "asked": S.UNRESOLVED}


def distinct_ends(kind: Kind) -> list[Life]:
    """One life for each end that a decision can tell from the others."""
    found: dict[object, Life] = {}
    for life in every_end(kind):
        intent, rows = life.intent, life.played.rows
        key = (intent.state, intent.refused_transiently, life.executed, intent.executed_late, intent.stopped_by_limit)
        found.setdefault((life.spec.mode, key, str(rows) if life.sends else life.story.change), life)
    return list(found.values())


def brought(first: Intent) -> Decimal:
    """What a first half brought at most: a sale pays its fee."""
    return first.amount * (1 - FEE) if isinstance(first.order, Reduce) else first.amount


def is_half(intent: Intent, kind: Kind) -> bool:
    return intent.kind != kind.spec.kind or getattr(intent.order, "source", "") == "cross"


def next_halves(
    life: Life, intents: dict[int, Intent], after: timedelta, *, is_firing: bool = True, paused: bool = False
) -> list[Intent]:
    """The second halves that are decided on `after` the first."""
    kind, now = life.story.kind, life.now + after
    state = state_of(kind, life.played, now, is_firing=is_firing, intents=intents, operator=OperatorRead(paused=paused))
    made = [intent for intent, _ in decided(kind, life.spec, state, now)]
    return [one for one in made if is_half(one, kind) and one.id not in intents and one.plan == life.intent.plan]


@pytest.fixture(scope="module")
def firsts() -> list[Life]:
    return [life for kind in FIRSTS for life in distinct_ends(kind)]


def test_every_end_of_a_first_half_is_among_them(firsts: list[Life]) -> None:
    wanted = {S.SIMULATED, S.EXPIRED, S.REFUSED, S.CONFIRMED, S.FAILED, S.UNRESOLVED}
    for kind in FIRSTS:
        assert {life.intent.state for life in firsts if life.story.kind is kind} >= wanted - _unasked(kind), kind.name


def _unasked(kind: Kind) -> set[IntentState]:
    return set() if not kind.firsts else {S.REJECTED}


@pytest.mark.parametrize("is_firing", [True, False])
def test_nothing_follows_what_is_not_proven(firsts: list[Life], is_firing: bool) -> None:
    followed = set()
    for life in firsts:
        for after in LATER:
            if next_halves(life, life.intents, after, is_firing=is_firing):
                proven = S.SIMULATED if life.story.mode == "dry-run" else S.CONFIRMED
                earlier = [one for one in life.before if one.state is proven]
                assert life.intent.state is proven or _is_again(life, earlier), life.story
                followed.add((life.story.kind.name, after == LATER[-1]))
    lately = {name for name, long_after in followed if not long_after}
    assert lately == {kind.name for kind in FIRSTS if kind.spec.use != "collateral"}
    # Without an alert that calls for it, only what is recent is finished.
    assert is_firing or not any(long_after for _, long_after in followed)


def _is_again(life: Life, earlier: list[Intent]) -> bool:
    """A second hop that was refused or expired may be made again: its own first half is proven, nothing was moved."""
    may = life.intent.state is S.EXPIRED or life.intent.refused_transiently
    return bool(life.story.kind.firsts and earlier and may and not life.executed)


@pytest.mark.parametrize("is_firing", [True, False])
def test_a_second_half_is_never_larger_than_what_the_first_brought(firsts: list[Life], is_firing: bool) -> None:
    for life in firsts:
        # Whatever else is free there: it is not what was brought in.
        rich = life.branch(life.story)
        for scope in rich.played.rows:
            rich.played.change(scope, "USDT", free=Decimal(500_000))
        for half in next_halves(rich, rich.intents, LATER[0], is_firing=is_firing):
            bound = min(brought(one) for one in rich.intents.values() if one.asset == half.asset)
            assert ZERO < half.amount <= bound, life.story


def test_while_paused_nothing_follows(firsts: list[Life]) -> None:
    for life in firsts:
        if life.story.mode != "dry-run":
            assert not next_halves(life, life.intents, LATER[0], paused=True), life.story


def chained(life: Life) -> Iterator[tuple[str, dict[int, Intent]]]:
    """The second half of a proven first one, with every end that it may have."""
    for half in next_halves(life, life.intents, LATER[0]):
        now, kind = life.now + LATER[0], life.story.kind
        state = state_of(kind, life.played, now, intents={**life.intents, half.id: half})
        checked = recheck(state, half, [life.spec], settings_of(kind), now)
        assert not isinstance(checked, NoLonger), (life.story, checked)
        assert checked.amount <= half.amount
        sent = moved(half, replace(checked, state=S.SUBMITTING, submitted_at=now), now, "claimed").intent
        steps: dict[str, Moved] = {
            "sending": moved(half, sent, now, "claimed"),
            "crashed": abandoned(sent, now, "crash"),
            "accepted": answered(sent, Accepted("88"), now),
            "refused": answered(sent, Refused(-3010, "no"), now),
            "pending": answered(sent, Refused(-3007, "pending", transient=True), now),
            "lost": answered(sent, Unknown("cut"), now),
            "overtaken": expired(half, now, "overtaken"),
        }
        for name, step in steps.items():
            yield name, {**life.intents, half.id: step.intent}
        open_still = steps["lost"].intent
        for name, state_then in SETTLED_BY.items():
            yield name, {**life.intents, half.id: replace(open_still, state=state_then, settled_at=now)}


def test_a_second_half_follows_once(firsts: list[Life]) -> None:
    again: dict[str, set[bool]] = {}
    for life in firsts:
        if life.story.mode == "dry-run" or life.intent.state is not S.CONFIRMED:
            continue
        for name, intents in chained(life):
            half = intents[max(intents)]
            for after in (seconds(20), seconds(90)):
                # Two hops that are done are followed by the repayment: that is another half, of the second.
                more = [one for one in next_halves(life, intents, after) if _what(one) == _what(half)]
                again.setdefault(name, set()).add(bool(more))
                moving = [one for one in (half, *more) if one.state in SPENT | {S.PLANNED}]
                assert sum(one.amount for one in moving) <= brought(life.intent), (life.story, name)
                if half.state in SPENT | {S.FAILED}:
                    assert not more, (life.story, name)
    # Only what certainly moved nothing, and may be asked for again, is made once more.
    assert {name for name, made in again.items() if True in made} == {"pending", "overtaken"}


def _what(half: Intent) -> object:
    return half.kind, half.scope, half.asset

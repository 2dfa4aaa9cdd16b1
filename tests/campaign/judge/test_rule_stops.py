"""The judge finds what is planted of orders that made things worse, lost databases, and a machine that slept."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.core.model.intent import BalanceBefore, IntentStep
from monitor.core.model.intent import IntentState as S
from monitor.core.notifications.outbox import DeliveryState
from monitor.records.intents import IntentRow
from tests.campaign.judge.facts import AssetMovement, AuditFact, Facts, RestoreFact, RuleStopFact, SuspendFact
from tests.campaign.judge.judge import judge
from tests.campaign.judge.test_disturbances import lost_row, moved_then, with_restore
from tests.campaign.judge.test_judge import (
    BRINGS,
    NOON,
    REPAYS,
    D,
    at,
    clean_facts,
    delivery,
    repaid,
    row,
    third,
    with_facts,
)

RULE = "cross-low"
BEFORE = (BalanceBefore("USDT", D(5000), D(40_000)),)


def confirmed(number: int, second: float, amount: str) -> IntentRow:
    """A repayment for an alert, confirmed ten seconds after its claim."""
    found = row(number, second, amount, alert=1, balances_before=BEFORE)
    end = IntentStep(number, S.SUBMITTING, S.CONFIRMED, NOON + timedelta(seconds=second + 10), "")
    return replace(found, steps=(*found.steps, end))


def with_amount_taken(facts: Facts, amount: str, *, beside: tuple[AssetMovement, ...] = ()) -> Facts:
    """A third repayment, of 100, in the moment of which so much more was taken."""
    added = third("100")
    request = replace(added["requests"][0], taken=D(amount))
    return with_facts(
        facts,
        requests=(request,),
        executions=added["executions"],
        intents=(confirmed(3, 119.9, "100"),),
        stirs=(AssetMovement(at(120), "USDT"), *beside),
        order=(AuditFact("claimed", RULE, 3),),
    )


def with_rule_stop(facts: Facts, *, until: float | None = None, by: str | None = None, told: bool = True) -> Facts:
    """The rule was stopped after that."""
    lifted = None if until is None else at(until)
    text = "main cross: repay 100 USDT (repay-idle, R-3): it made things worse: the level is 1.2"
    notices = (delivery(DeliveryState.SENT, 1, text),) if told else ()
    ends = () if until is None else (AuditFact("resumed", RULE, 3),)
    longer = with_facts(
        facts,
        stops=(RuleStopFact(RULE, 3, at(130), lifted, by),),
        order=(AuditFact("stopped", RULE, 3), *ends),
        notices=notices,
    )
    return replace(longer, heard_texts=facts.heard_texts | {notice.text for notice in notices})


def executed_late(facts: Facts) -> Facts:
    """The third repayment counted as failed, and was executed after all."""
    *others, last = facts.intents
    late = replace(last.intent, state=S.FAILED, executed_late=True)
    steps = tuple(replace(step, to_state=S.FAILED) if step.to_state is S.CONFIRMED else step for step in last.steps)
    notice = delivery(DeliveryState.SENT, 1, "R-3 was executed late")
    told = replace(facts, heard_texts=facts.heard_texts | {notice.text})
    return with_facts(replace(told, intents=(*others, replace(last, intent=late, steps=steps))), notices=(notice,))


def sent_again(facts: Facts, second: float) -> Facts:
    """Another order of the rule."""
    following = third("50", second)
    claimed = replace(row(4, second - 0.1, "50"), approved=None)
    return with_facts(
        replace(facts, limits=(replace(REPAYS, max_actions_per_day=9), BRINGS)),
        requests=(replace(clean_facts().requests[-1], at=at(second - 1)), *following["requests"]),
        executions=(repaid(second, "50", 74),),
        intents=(claimed,),
        order=(AuditFact("claimed", RULE, 4),),
    )


def left_late(facts: Facts) -> Facts:
    """An order that was claimed before the stop, and left long after it."""
    sent = sent_again(with_amount_taken(facts, "2000"), 129)
    late = tuple(
        replace(request, at=at(140), stamp=at(140)) if request.at == at(129) else request for request in sent.requests
    )
    return with_rule_stop(replace(sent, requests=late))


def cooling(facts: Facts) -> Facts:
    rests = replace(REPAYS, cooldown_ms=60_000, max_actions_per_day=9)
    return replace(facts, limits=(rests, BRINGS))


def again_after(facts: Facts, second: float, restored: RestoreFact) -> Facts:
    """A repayment whose record was lost, and another one by the database that took its place."""
    gone = lost_row(3, 119.9, "100")
    before = replace(moved_then(facts, "100"), lost=(*facts.intents, gone), restores=(restored,))
    follows = third("50", second)
    return with_facts(
        before,
        requests=(replace(facts.requests[-1], at=at(second - 1)), *follows["requests"]),
        executions=(repaid(second, "50", 75),),
        intents=(row(5, second - 0.1, "50"),),
    )


PUT_BACK, EMPTY = RestoreFact(at(150), paused=True, recorded=True), RestoreFact(at(150), is_empty=True)


def with_suspend(
    facts: Facts, *, noticed: bool, second: float = 100, seconds: float = 20, outlived: bool = True
) -> Facts:
    return replace(facts, suspends=(SuspendFact(at(second), seconds, noticed, outlived),))


PLANTED: dict[str, tuple[Callable[[Facts], Facts], str]] = {
    "much taken and nothing stopped": (
        lambda f: with_amount_taken(f, "2000"),
        "nothing stopped what made things worse",
    ),
    "much taken, nothing stopped, and a movement after the order was judged": (
        lambda f: replace(with_amount_taken(f, "2000", beside=(AssetMovement(at(134), "USDT"),)), judged={3: at(133)}),
        "nothing stopped what made things worse",
    ),
    "a stop for nothing": (lambda f: with_rule_stop(with_amount_taken(f, "0")), "stopped though nothing was worse"),
    "a stop for nothing, after a late execution": (
        lambda f: with_rule_stop(executed_late(with_amount_taken(f, "0"))),
        "stopped though nothing was worse",
    ),
    "a late execution beside which much was taken and nothing stopped": (
        lambda f: executed_late(with_amount_taken(f, "2000")),
        "nothing stopped what made things worse",
    ),
    "a stop that nobody was told of": (
        lambda f: with_rule_stop(with_amount_taken(f, "2000"), told=False),
        "nobody was told of a stop",
    ),
    "a stop of which nobody heard": (
        lambda f: replace(with_rule_stop(with_amount_taken(f, "2000")), heard_texts=frozenset()),
        "a critical notice was not delivered",
    ),
    "a stop that ended by itself": (
        lambda f: with_rule_stop(with_amount_taken(f, "2000"), until=140),
        "a stop that nobody lifted",
    ),
    "an order of a rule that is stopped": (
        lambda f: sent_again(with_rule_stop(with_amount_taken(f, "2000")), 135),
        "sent though its rule was stopped",
    ),
    "an order that left long after its rule was stopped": (left_late, "sent long after its rule was stopped"),
    "no rest across a restore": (lambda f: again_after(cooling(f), 170, PUT_BACK), "sent during the cooldown"),
    "no rest across the loss of the database": (
        lambda f: again_after(cooling(f), 170, EMPTY),
        "sent during the cooldown",
    ),
    "more than max_per_day, by a new database": (
        lambda f: replace(with_restore(moved_then(f, "400.01"), lost_row(3, 119.9, "400.01")), restores=(EMPTY,)),
        "above max_per_day",
    ),
    "a number given anew by a new database": (
        lambda f: replace(with_restore(f, lost_row(2, 119.9, "100", S.FAILED, ref=None)), restores=(EMPTY,)),
        "a number was given twice",
    ),
    "a sleep that nobody noticed": (lambda f: with_suspend(f, noticed=False), "nobody noticed that the machine slept"),
    "a watch that slept on": (
        lambda f: with_suspend(f, noticed=True, second=119.5),
        "the watch stood still after the machine slept",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_violation_is_found(name: str) -> None:
    plant, expected = PLANTED[name]
    assert expected in {violation.what for violation in judge(plant(clean_facts()))}


ALLOWED: dict[str, Callable[[Facts], Facts]] = {
    "a stop of what was worse": lambda f: with_rule_stop(with_amount_taken(f, "2000")),
    "a stop where another hand moved something": lambda f: with_rule_stop(
        with_amount_taken(f, "0", beside=(AssetMovement(at(122), "USDT"),))
    ),
    "a stop where another hand moved something before the order was judged": lambda f: with_rule_stop(
        with_amount_taken(f, "0", beside=(AssetMovement(at(129.95), "USDT"),))
    ),
    "a stop of a late execution that was worse": lambda f: with_rule_stop(executed_late(with_amount_taken(f, "2000"))),
    "a late execution that was not worse": lambda f: executed_late(with_amount_taken(f, "0")),
    "little taken": lambda f: with_amount_taken(f, "200"),
    "much taken, and much brought by another": lambda f: with_amount_taken(
        f, "2000", beside=(AssetMovement(at(122), "USDT"),)
    ),
    "much taken, and a liquidation before the order was judged": lambda f: replace(
        with_amount_taken(f, "2000", beside=(AssetMovement(at(132), "USDT"),)), judged={3: at(133)}
    ),
    "an order after a person resumed": lambda f: sent_again(
        with_rule_stop(with_amount_taken(f, "2000"), until=132, by="campaign"), 135
    ),
    "an order that had left when its rule was stopped": lambda f: with_rule_stop(
        sent_again(with_amount_taken(f, "2000"), 130)
    ),
    "a rest across a restore": lambda f: again_after(cooling(f), 181, PUT_BACK),
    "a new database, which nobody pauses": lambda f: again_after(cooling(f), 181, EMPTY),
    "a sleep that was noticed": lambda f: with_suspend(f, noticed=True),
    "a nap": lambda f: with_suspend(f, noticed=False, seconds=0.5),
    "a sleep right before the daemon's end": lambda f: with_suspend(f, noticed=False, outlived=False),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed_behaviour_is_no_violation(name: str) -> None:
    assert judge(ALLOWED[name](clean_facts())) == []

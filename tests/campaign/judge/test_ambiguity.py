"""The judge finds what the program claims to know though it can't, and allows that a person is asked where it can't."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitor.core.model.intent import IntentState as S
from monitor.core.model.intent import IntentStep
from monitor.core.notifications.outbox import DeliveryState
from tests.campaign.judge.facts import OPEN_ORDERS_PATH, AssetMovement, Execution, Facts, RestoreFact, Span
from tests.campaign.judge.judge import judge
from tests.campaign.judge.test_disturbances import cancelled
from tests.campaign.judge.test_judge import (
    BRINGS,
    NOON,
    REPAYS,
    D,
    asked_to_bring,
    asked_to_repay,
    at,
    clean_facts,
    delivery,
    read,
    repaid,
    row,
    sold,
    with_facts,
    without_fact,
)


def with_undecided_intent(facts: Facts, moved_at: float, **given: Any) -> Facts:
    """The second repayment is before a person, and something else moved what it is of."""
    asked = row(2, 60.9, "300", S.UNRESOLVED, ref=None, submitted_at=NOON + timedelta(seconds=60.9))
    notice = delivery(DeliveryState.SENT, 1, "intent 2 is open")
    return replace(
        with_facts(
            without_fact(facts, "intents", 1),
            intents=(asked,),
            notices=(notice,),
            stirs=(AssetMovement(at(moved_at), "USDT"),),
            **given,
        ),
        heard_texts=frozenset({notice.text}),
    )


def named_by_answer(facts: Facts) -> Facts:
    """The exchange answered the last order with a number."""
    *others, last = facts.intents
    answer = IntentStep(last.intent.id, S.SUBMITTING, S.ACKNOWLEDGED, NOON, "accepted as 72")
    return replace(facts, intents=(*others, replace(last, steps=(*last.steps, answer))))


def carried_out(facts: Facts) -> Facts:
    """The second repayment was carried out."""
    requests = (*facts.requests[:3], asked_to_repay(61, "300"), *facts.requests[4:])
    return replace(facts, requests=requests, executions=(*facts.executions, repaid(61, "300", 72)))


def with_undecided_transfer(facts: Facts) -> Facts:
    """A transfer that the exchange named is before a person, and others took of the same asset a while later."""
    asked = row(
        3, 119.9, "100", S.UNRESOLVED, kind="transfer_in", ref=None, submitted_at=NOON + timedelta(seconds=119.9)
    )
    told = delivery(DeliveryState.SENT, 1, "intent 3 is open")
    sent = with_facts(
        facts,
        requests=(replace(asked_to_bring(120, "100"), applied=False),),
        intents=(asked,),
        notices=(told,),
        foreign=(Execution(at(125), "transfer", "USDT", D("99.99"), 80),),
    )
    return named_by_answer(replace(sent, heard_texts=frozenset({told.text})))


def by_another(facts: Facts, *, amount: str = "400", second: float = 1.2, named: bool = False) -> Facts:
    """The first repayment, which was never carried out, is proved by what another hand repaid."""
    first, *others = facts.intents
    answer = IntentStep(first.intent.id, S.SUBMITTING, S.ACKNOWLEDGED, NOON, "accepted as 71")
    sent = replace(first, steps=(*first.steps, answer)) if named else first
    requests = (facts.requests[0], asked_to_repay(1, "400", applied=False), *facts.requests[2:])
    moved = (repaid(second, amount, 71),)
    return replace(facts, intents=(sent, *others), requests=requests, executions=(), foreign=moved)


def with_lost_order(facts: Facts, second: float, amount: str, *, applied: bool = True) -> Facts:
    """A repayment that a restore lost, of which there was an execution if it was `applied`."""
    moved = (repaid(second, amount, 79),) if applied else ()
    return with_facts(
        facts,
        lost=(row(9, second - 0.1, amount),),
        requests=(read(second - 1), asked_to_repay(second, amount, applied=applied)),
        executions=moved,
        restores=(RestoreFact(at(second + 5), paused=True, recorded=True),),
    )


def carried_out_late(facts: Facts, *runs: Span) -> Facts:
    """The second repayment, which is before a person, was carried out 69 seconds after it left."""
    late = replace(carried_out(with_undecided_intent(facts, 61.5)), settle_ms=60_000, runs=runs)
    return replace(late, executions=(*late.executions[:-1], repaid(130, "300", 72)))


def counted_late(facts: Facts, evidence: str, *runs: Span) -> Facts:
    """The second repayment failed, and counts as carried out late by an equal one that a restore lost."""
    late = row(2, 60.9, "300", S.FAILED, ref="79", executed_late=True, evidence=evidence)
    notice = delivery(DeliveryState.SENT, 1, "intent 2 was carried out late")
    given = with_lost_order(without_fact(facts, "intents", 1), 130, "300")
    return replace(
        with_facts(given, intents=(late,), notices=(notice,)),
        heard_texts=frozenset({notice.text}),
        settle_ms=60_000,
        runs=runs,
    )


def cancelled_by_another(facts: Facts, second: float = 120.5) -> Facts:
    """Our cancellation never arrived, and another hand cancelled the same orders."""
    given = cancelled(facts, 3, 120)
    own = tuple(request for request in given.requests if request.path != OPEN_ORDERS_PATH)
    others = tuple(replace(one, at=at(second)) for one in given.requests if one.path == OPEN_ORDERS_PATH)
    *before, ours = given.intents
    settled = replace(ours, intent=replace(ours.intent, settled_at=NOON + timedelta(seconds=130)))
    return replace(given, requests=own, intents=(*before, settled), foreign_requests=others)


def with_lost_cancellation(facts: Facts, second: float) -> Facts:
    """A cancellation that a restore lost: it changed what is free of the asset."""
    given = cancelled(facts, 9, second)
    *kept, lost = given.intents
    put_back = RestoreFact(at(second + 5), paused=True, recorded=True)
    return replace(given, intents=tuple(kept), lost=(lost,), restores=(put_back,))


def asked_whose(facts: Facts, evidence: str) -> Facts:
    """A person is asked about the second repayment, and another hand repaid as much, which a rule tells of."""
    given = with_undecided_intent(replace(facts, tells_of_hands=True), 61.5, foreign=(repaid(70, "300", 75),))
    *others, asked = given.intents
    return replace(given, intents=(*others, replace(asked, intent=replace(asked.intent, evidence=evidence))))


WITH_GAP = Span(at(0), at(70)), Span(at(140), at(300))
ALL_THE_TIME = Span(at(0), at(300))
DOUBT = "executed late: record 79, which may be of an equal order that was lost: no answer named the order"

PLANTED: dict[str, tuple[Callable[[Facts], Facts], str]] = {
    "a person asked where nothing else moved": (
        lambda f: with_undecided_intent(f, moved_at=61.5),
        "never came to an end",
    ),
    "a person asked where others acted long before": (
        lambda f: with_undecided_intent(f, 61.5, foreign=(repaid(-540, "250", 80),)),
        "never came to an end",
    ),
    "a person asked about what an answer named, beside others": (
        lambda f: named_by_answer(with_undecided_intent(f, 61.5, foreign=(repaid(30, "250", 80),))),
        "never came to an end",
    ),
    "nobody asked where nothing can decide": (
        lambda f: replace(with_undecided_intent(f, moved_at=61.0), notices=()),
        "never came to an end",
    ),
    "a person asked beside a lost order that moved nothing": (
        lambda f: with_lost_order(with_undecided_intent(f, 61.5), 30, "250", applied=False),
        "never came to an end",
    ),
    "a person asked about what an answer named, beside a lost order": (
        lambda f: named_by_answer(with_lost_order(with_undecided_intent(f, 61.5), 30, "250")),
        "never came to an end",
    ),
    "nobody asked beside a lost order": (
        lambda f: replace(with_lost_order(with_undecided_intent(f, 61.5), 30, "250"), notices=()),
        "never came to an end",
    ),
    "a person asked about what was carried out late, while a daemon ran": (
        lambda f: carried_out_late(f, ALL_THE_TIME),
        "never came to an end",
    ),
    "a lost order taken for a late one without a doubt": (
        lambda f: counted_late(f, "executed late: record 79", *WITH_GAP),
        "counted as done but never was",
    ),
    "another order taken for a late one while a daemon ran": (
        lambda f: counted_late(f, DOUBT, ALL_THE_TIME),
        "counted as done but never was",
    ),
    "another's repayment taken for ours though an answer named ours": (
        lambda f: by_another(f, named=True),
        "another's doing taken for ours",
    ),
    "another's repayment of another amount taken for ours": (
        lambda f: by_another(f, amount="399"),
        "another's doing taken for ours",
    ),
    "another's repayment of long before taken for ours": (
        lambda f: by_another(f, second=-5),
        "another's doing taken for ours",
    ),
    "a cancellation counted as done that nobody made": (
        lambda f: replace(cancelled_by_another(f), foreign_requests=()),
        "counted as done but never was",
    ),
    "a cancellation counted as done before another made it": (
        lambda f: cancelled_by_another(f, second=131),
        "counted as done but never was",
    ),
    "a person asked beside another's order that was refused": (
        lambda f: with_undecided_intent(f, 61.5, foreign_requests=(asked_to_repay(70, "250", applied=False),)),
        "never came to an end",
    ),
    "a person asked where a liquidation came before the order": (
        lambda f: replace(with_undecided_intent(f, 61.5), liquidated=(at(50),)),
        "never came to an end",
    ),
    "another's repayment that was not told, beside a person asked about another record": (
        lambda f: asked_whose(f, "record 7 fits, but no answer named it"),
        "another hand was not told",
    ),
    "another's cancellation taken for ours though an answer named ours": (
        lambda f: named_by_answer(cancelled_by_another(f)),
        "counted as done but never was",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_violation_is_found(name: str) -> None:
    plant, expected = PLANTED[name]
    assert expected in {violation.what for violation in judge(plant(clean_facts()))}


ALLOWED: dict[str, Callable[[Facts], Facts]] = {
    "a person asked where nothing can decide": lambda f: with_undecided_intent(f, moved_at=61.0),
    "a person asked where others act, and no answer named the order": lambda f: with_undecided_intent(
        f, 61.5, foreign=(repaid(30, "250", 80),)
    ),
    "the same, of an order that was carried out": lambda f: carried_out(
        with_undecided_intent(f, 61.5, foreign=(repaid(30, "250", 80),))
    ),
    "a person asked beside a lost order of the same asset": lambda f: with_lost_order(
        with_undecided_intent(f, 61.5), 30, "250"
    ),
    "the same, of an order that was carried out beside it": lambda f: with_lost_order(
        carried_out(with_undecided_intent(replace(f, limits=(replace(REPAYS, max_actions_per_day=3), BRINGS)), 61.5)),
        30,
        "100",
    ),
    "a person asked about what was carried out late, while no daemon ran": lambda f: carried_out_late(f, *WITH_GAP),
    "a lost order that may have been the late one": lambda f: counted_late(f, DOUBT, *WITH_GAP),
    "a person asked about a transfer from a wallet that others took from": with_undecided_transfer,
    "another's equal repayment taken for ours where no answer named ours": by_another,
    "the same, where a rule tells of others": lambda f: by_another(replace(f, tells_of_hands=True)),
    "another's cancellation taken for ours where no answer named ours": cancelled_by_another,
    "a person asked beside another's order on the market": lambda f: with_undecided_intent(
        f, 61.5, foreign_requests=(sold(f, "400", "400", second=70).requests[-1],)
    ),
    "a person asked beside a cancellation that a restore lost": lambda f: with_lost_cancellation(
        with_undecided_intent(f, 61.5), 70
    ),
    "a person asked where a liquidation came after an order that no answer named": lambda f: replace(
        with_undecided_intent(f, 61.5), liquidated=(at(80),)
    ),
    "a person asked whether another's repayment is ours": lambda f: asked_whose(
        f, "record 75 fits, but no answer named it"
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed_behaviour_is_no_violation(name: str) -> None:
    assert judge(ALLOWED[name](clean_facts())) == []

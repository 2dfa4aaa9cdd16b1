"""The judge finds what is planted of stalls, clock steps, restores, second daemons, foreign hands and wrong keys."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.intent import IntentState as S
from monitor.core.model.intent import IntentStep
from monitor.core.model.order import CancelOrders, Reduce
from monitor.records.intents import IntentRow
from tests.campaign.judge.facts import (
    CROSS_PATH,
    OPEN_ORDERS_PATH,
    ClockStepFact,
    Execution,
    Facts,
    Limits,
    RefusedConfigFact,
    RemovalFact,
    RequestFact,
    RestoreFact,
    Span,
    money_request_of,
)
from tests.campaign.judge.judge import judge
from tests.campaign.judge.test_judge import (
    BRINGS,
    NOON,
    REPAYS,
    SELLS,
    D,
    alert,
    asked_to_bring,
    asked_to_repay,
    at,
    clean_facts,
    read,
    repaid,
    row,
    sold,
    third,
    with_facts,
)

LATER = NOON + timedelta(seconds=100)


def stalled(facts: Facts, left_after: float) -> Facts:
    """One repayment more, on figures of right before its claim, which left so many seconds after it."""
    added = third("100")
    late = replace(added["requests"][0], at=at(119.9 + left_after), stamp=at(119.9 + left_after))
    return with_facts(facts, requests=(late,), executions=added["executions"], intents=added["intents"])


def approved_until(facts: Facts, second: float) -> Facts:
    return with_facts(facts, **third("100", expires_at=NOON + timedelta(seconds=second)))


def given_up(facts: Facts, note: str) -> Facts:
    """An intent that was never sent, and what was noted of it."""
    never = row(3, 119.9, "100", S.EXPIRED, ref=None)
    steps = (IntentStep(3, None, S.PLANNED, NOON, ""), IntentStep(3, S.PLANNED, S.EXPIRED, NOON, note))
    return with_facts(facts, intents=(replace(never, steps=steps),))


def stepped(facts: Facts, seconds: float, second: float = 100, *, outlived: bool = True, told: bool = False) -> Facts:
    said = {"Clock jump: the wall clock of this machine was set (2 h back)."} if told else set()
    step = ClockStepFact(at(second), seconds, outlived)
    return replace(facts, steps=(step,), heard_texts=facts.heard_texts | said)


def stepped_back(facts: Facts, second: float) -> Facts:
    """The clock was set an hour back at second 100, and an hour forward again at that second."""
    back, forward = (stepped(facts, seconds, when).steps for seconds, when in ((-3600, 100), (3600, second)))
    return replace(facts, steps=(*back, *forward))


def lost_row(number: int, second: float, amount: str, state: S = S.CONFIRMED, **given: Any) -> IntentRow:
    """An intent of a database that a restore replaced, made later than those that the backup holds."""
    return _made_later(row(number, second, amount, state, **given))


def _made_later(found: IntentRow) -> IntentRow:
    return replace(found, intent=replace(found.intent, created_at=LATER))


def with_restore(facts: Facts, *rows: IntentRow, paused: bool = True, recorded: bool = True) -> Facts:
    """A backup of the two first repayments was restored at second 150; `rows` were lost."""
    return with_facts(facts, lost=(*facts.intents, *rows), restores=(RestoreFact(at(150), paused, recorded),))


def with_resized_order(facts: Facts) -> Facts:
    """The backup has the third repayment as it was proposed; it was claimed, and sent, with less."""
    unsent = _unsent(row(3, 119.9, "300", S.EXPIRED, ref=None))
    return with_facts(with_restore(moved_then(facts, "100"), row(3, 119.9, "100")), intents=(unsent,))


def with_resized_first_half(facts: Facts) -> Facts:
    """The backup has a transfer as it was proposed; it was claimed with more, and all of that repaid."""
    planned = _unsent(row(3, 119.9, "90", S.EXPIRED, kind="transfer_in", ref=None))
    brought = row(3, 119.9, "100", kind="transfer_in")
    moved = with_facts(
        facts,
        requests=(asked_to_bring(120, "100"), asked_to_repay(122, "100")),
        executions=(Execution(at(120), "transfer", "USDT", D(100), 73, D(60)), repaid(122, "100", 74)),
    )
    lost = with_restore(moved, brought, lost_row(4, 121.9, "100", action="top-up"))
    return with_facts(lost, intents=(planned,))


def moved_then(facts: Facts, amount: str, second: float = 120) -> Facts:
    """What an intent that was lost has moved."""
    return with_facts(facts, requests=(asked_to_repay(second, amount),), executions=(repaid(second, amount, 73),))


def with_forgotten_intent(facts: Facts) -> Facts:
    """The backup has a third repayment as planned; it was sent before the restore, and is sent again after it."""
    planned = row(3, 119.9, "100")
    once = with_facts(
        facts, requests=(asked_to_repay(120, "100", applied=False), read(199), asked_to_repay(200, "100"))
    )
    again = row(3, 199.9, "100")
    return with_facts(
        replace(once, intents=(*facts.intents, again)),
        executions=(repaid(200, "100", 73),),
        lost=(*facts.intents, planned),
        restores=(RestoreFact(at(150), paused=True, recorded=True),),
    )


def with_forgotten_sale(facts: Facts) -> Facts:
    """The backup has a sale as planned, for 495; it was sent before the restore, and brought 488."""
    limited = with_facts(facts, limits=(replace(SELLS, max_per_day=D(490)),))
    *kept, sale = sold(limited, "495", "488").intents
    assert isinstance(sale.intent.order, Reduce)
    order = replace(sale.intent.order, amount=D(495))
    planned = _unsent(replace(sale, intent=replace(sale.intent, state=S.EXPIRED, ref=None, order=order)))
    sent = replace(sold(limited, "495", "488"), intents=tuple(kept))
    return with_facts(with_restore(sent, sale), intents=(planned,))


def withheld_while_paused(facts: Facts) -> Facts:
    """An order was claimed ten seconds into a pause, and then withheld."""
    found = row(3, 110, "100", S.EXPIRED, ref=None)
    why = IntentStep(3, S.SUBMITTING, S.EXPIRED, NOON, "the figures were 50 s old once it was written down")
    return with_facts(facts, intents=(replace(found, steps=(*found.steps, why)),))


def lost_then(facts: Facts, following: Callable[[Facts], Facts]) -> Facts:
    """The last intent was lost with its database; what followed then."""
    *kept, last = facts.intents
    put_back = RestoreFact(at(150), paused=True, recorded=True)
    gone = replace(facts, intents=tuple(kept), lost=(*kept, _made_later(last)), restores=(put_back,))
    return following(with_facts(gone, requests=(read(169),)))


def cancelled(facts: Facts, number: int, second: float) -> Facts:
    """The orders on a symbol were cancelled."""
    wish = money_request_of("DELETE", OPEN_ORDERS_PATH, {"symbol": "BTCUSDT"})
    order = CancelOrders(CROSS, "BTCUSDT", "USDT")
    found = row(number, second - 0.1, "0", action="free-locked", kind="cancel_orders", order=order, ref="")
    cancels = Limits("free-locked", "cancel_orders", 20_000, max_actions_per_day=1)
    request = RequestFact(at(second), "DELETE", OPEN_ORDERS_PATH, wish, 200, True)
    return with_facts(replace(facts, limits=(REPAYS, BRINGS, cancels)), requests=(request,), intents=(found,))


def removed(facts: Facts, since: float, until: float) -> Facts:
    return replace(facts, removals=(RemovalFact(REPAYS.name, Span(at(since), at(until))),))


def refused(facts: Facts, *, refused: bool = True, told: bool = True) -> Facts:
    said = {"The new configuration was refused, the old one goes on: ..."} if told else set()
    fact = RefusedConfigFact(at(100), "unknown key", refused)
    return replace(facts, refusals=(fact,), heard_texts=facts.heard_texts | said)


def delisted(facts: Facts, asset: str) -> Facts:
    """What is to be delisted is BTC, and so much of an asset was brought in."""
    moved = Execution(at(5), "transfer", asset, D(1), 98)
    return replace(facts, delisted=frozenset({"BTC"}), executions=(*facts.executions, moved))


PLANTED: dict[str, tuple[Callable[[Facts], Facts], str]] = {
    "an order that left long after its claim": (lambda f: stalled(f, 25), "sent on figures that had become old"),
    "an order that left after its deadline": (lambda f: approved_until(f, 119.95), "sent past its deadline"),
    "an order that left long after a pause": (
        lambda f: replace(
            stalled(with_facts(f, requests=(read(105),)), 10), pauses=(*f.pauses, Span(at(122), at(140)))
        ),
        "sent while paused",
    ),
    "a claim during a pause, on figures of then": (
        lambda f: withheld_while_paused(with_facts(f, requests=(read(109),))),
        "claimed while paused",
    ),
    "an intent that ended without a word": (lambda f: given_up(f, " "), "not sent, and nobody knows why"),
    "a watch that stood still": (
        lambda f: stepped(f, -3600, 119.5, told=True),
        "the watch stood still after the clock was set",
    ),
    "reads that failed after the clock was set": (
        lambda f: stepped(with_facts(f, requests=(read(121, status=500),)), -3600, 119.5, told=True),
        "the watch stood still after the clock was set",
    ),
    "a step that nobody was told of": (lambda f: stepped(f, 3600), "nobody was told that the clock was set"),
    "a step that was undone after a while": (
        lambda f: stepped_back(f, 110),
        "nobody was told that the clock was set",
    ),
    "a restore without a pause": (lambda f: with_restore(f, paused=False), "a restore did not pause"),
    "a pause by nobody": (lambda f: with_restore(f, recorded=False), "a restore's pause is not in the trail"),
    "a number given anew after a restore": (
        lambda f: with_restore(f, _made_later(row(2, 119.9, "100", S.FAILED, ref=None))),
        "a number was given twice",
    ),
    "more than max_per_day, across a restore": (
        lambda f: with_restore(moved_then(f, "400.01"), lost_row(3, 119.9, "400.01")),
        "above max_per_day",
    ),
    "the same, where the lost record did not know it": (
        lambda f: with_restore(moved_then(f, "400.01"), lost_row(3, 119.9, "400.01", S.UNCERTAIN, ref=None)),
        "above max_per_day",
    ),
    "more than max_per_day, by another action of the kind": (
        lambda f: with_facts(
            replace(f, limits=(*f.limits, replace(REPAYS, name="repay-pair"))), **third("400.01", action="repay-pair")
        ),
        "above max_per_day",
    ),
    "more sold than max_per_day, across a restore": (
        lambda f: lost_then(sold(f, "400", "400"), lambda g: sold(g, "400.5", "400.5", 4, 170)),
        "above max_per_day",
    ),
    "cancelled more often than max_actions_per_day": (
        lambda f: cancelled(cancelled(f, 3, 120), 4, 125),
        "above max_actions_per_day",
    ),
    "an order of the backup sent again": (with_forgotten_intent, "sent twice"),
    "a second daemon that sent": (
        lambda f: replace(f, intrusions=("intent.claimed",)),
        "a daemon acted on another's database",
    ),
    "another's repayment that was not told": (
        lambda f: with_facts(replace(f, tells_of_hands=True), foreign=(repaid(1.2, "400", 75),)),
        "another hand was not told",
    ),
    "money moved in another account": (
        lambda f: with_facts(f, elsewhere=(repaid(5, "100", 99),)),
        "moved in another account",
    ),
    "an order with another's key": (
        lambda f: with_facts(f, requests=(replace(asked_to_repay(121, "300", applied=False), account="other"),)),
        "sent with a key of another account",
    ),
    "an order of an action that was taken out": (
        lambda f: removed(with_facts(f, **third("100")), 110, 130),
        "claimed for an action that was taken out",
    ),
    "a configuration with a flaw that nobody answered": (
        lambda f: refused(f, refused=False),
        "a configuration with a flaw was not refused",
    ),
    "a refused configuration that nobody was told of": (
        lambda f: refused(f, told=False),
        "nobody was told of a refused configuration",
    ),
    "a transfer of what is to be delisted": (lambda f: delisted(f, "BTC"), "brought in what is to be delisted"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_violation_is_found(name: str) -> None:
    plant, expected = PLANTED[name]
    assert expected in {violation.what for violation in judge(plant(clean_facts()))}


ALLOWED: dict[str, Callable[[Facts], Facts]] = {
    "a second half as large as its first was when it was claimed": with_resized_first_half,
    "an order that left within the age of its figures": lambda f: stalled(f, 18),
    "an order that left in time and came late": lambda f: with_facts(
        f,
        requests=(replace(asked_to_repay(150, "100"), stamp=at(121)),),
        executions=(repaid(150, "100", 73),),
        intents=(row(3, 119.9, "100", expires_at=NOON + timedelta(seconds=130)),),
    ),
    "an intent that ended with its reason": lambda f: given_up(f, "its alert does not fire any more"),
    "a step that was told": lambda f: stepped(f, -86_400, told=True),
    "a small step": lambda f: stepped(f, 30),
    "a step that was undone at once": lambda f: stepped_back(f, 100.001),
    "a step right before the daemon's end": lambda f: stepped(f, 3600, outlived=False),
    "a restore of what nothing was lost of": with_restore,
    "more than an earlier action of the kind might": lambda f: with_facts(
        replace(f, limits=(*f.limits, replace(REPAYS, name="repay-pair", max_per_day=D(900)))),
        **third("450", action="repay-pair"),
    ),
    "a sale beside a lost one, of which the histories show what was repaid": lambda f: lost_then(
        sold(f, "400", "400"), lambda g: sold(g, "400.4", "400.4", 4, 170)
    ),
    "a cancellation after a lost one, which left no trace": lambda f: lost_then(
        cancelled(f, 3, 120), lambda g: cancelled(g, 4, 170)
    ),
    "caps kept across a restore": lambda f: with_restore(moved_then(f, "400"), lost_row(3, 119.9, "400")),
    "a late execution that no history showed at the restore": lambda f: with_restore(
        moved_then(f, "400.01", 140), lost_row(3, 119.9, "400.01", S.UNCERTAIN, ref=None)
    ),
    "an intent of the backup that was sent before the restore": lambda f: replace(
        with_forgotten_intent(f),
        requests=(*f.requests, asked_to_repay(120, "100")),
        executions=(*f.executions, repaid(120, "100", 73)),
        intents=(*f.intents, _unsent(row(3, 119.9, "100", S.EXPIRED, ref=None))),
    ),
    "an order that was sized anew after the backup": with_resized_order,
    "a sale of the backup that brought less than it was sized for": with_forgotten_sale,
    "a claim during a pause, on figures of before, that was withheld": withheld_while_paused,
    "an order right after its action was put back": lambda f: removed(with_facts(f, **third("100")), 100, 119.9),
    "a configuration that was refused and told": refused,
    "a read with another's key": lambda f: with_facts(
        f, requests=(RequestFact(at(5), "GET", CROSS_PATH, account="other"),)
    ),
    "another's repayment that was told": lambda f: with_facts(
        replace(f, tells_of_hands=True),
        foreign=(repaid(1.2, "400", 75),),
        alerts=(replace(alert(1), rule="foreign-hand"),),
    ),
    "another's repayment beside ours": lambda f: with_facts(f, foreign=(repaid(1.2, "400", 75),)),
}


def _unsent(found: IntentRow) -> IntentRow:
    why = IntentStep(found.intent.id, S.PLANNED, S.EXPIRED, NOON, "its alert does not fire any more")
    return replace(found, steps=(found.steps[0], why))


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed_behaviour_is_no_violation(name: str) -> None:
    assert judge(ALLOWED[name](clean_facts())) == []

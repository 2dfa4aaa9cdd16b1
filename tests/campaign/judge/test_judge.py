"""The judge finds what is planted, and nothing where all is well."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.alert import AlertState, NotificationReason
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.order import Reduce, Repay, Transfer
from monitor.core.notifications.outbox import Delivery, DeliveryState
from monitor.records.intents import IntentRow
from tests.campaign.judge.facts import (
    CROSS_PATH,
    ORDER_PATH,
    REPAY_PATH,
    TRANSFER_PATH,
    AlertFact,
    Execution,
    Facts,
    Limits,
    RequestFact,
    Span,
    money_request_of,
)
from tests.campaign.judge.judge import judge

S = IntentState
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_MS = 1_772_366_400_000
D = Decimal

REPAYS = Limits("repay-idle", "repay", 20_000, D(500), D(800), 2)
SELLS = Limits("sell-some", "reduce", 20_000, D(500), D(800), 2, max_slippage=D("0.01"))
BRINGS = Limits("top-up", "transfer_in", 20_000, D(500), D(800), 2, keep_in_source=D(50))


def read(second: float, *, status: int = 200, intact: bool = True) -> RequestFact:
    return RequestFact(at(second), "GET", CROSS_PATH, None, status, True, intact)


def at(second: float) -> int:
    return NOON_MS + int(second * 1000)


def asked_to_repay(second: float, amount: str, *, applied: bool = True) -> RequestFact:
    params = {"type": "REPAY", "asset": "USDT", "isIsolated": "FALSE", "amount": amount}
    return RequestFact(at(second), "POST", REPAY_PATH, money_request_of("POST", REPAY_PATH, params), 200, applied)


def asked_to_bring(second: float, amount: str) -> RequestFact:
    params = {"type": "MAIN_MARGIN", "asset": "USDT", "amount": amount}
    return RequestFact(at(second), "POST", TRANSFER_PATH, money_request_of("POST", TRANSFER_PATH, params), 200, True)


def repaid(second: float, amount: str, tran_id: int) -> Execution:
    return Execution(at(second), "repay", "USDT", D(amount), tran_id)


def row(
    number: int,
    second: float,
    amount: str,
    state: IntentState = S.CONFIRMED,
    *,
    kind: Literal["repay", "transfer_in", "reduce", "cancel_orders"] = "repay",
    **more: Any,
) -> IntentRow:
    """An intent that was claimed at that second."""
    claimed = NOON + timedelta(seconds=second)
    given: dict[str, Any] = {
        "action": "repay-idle" if kind == "repay" else "top-up",
        "order": Repay(CROSS, "USDT", D(amount)) if kind == "repay" else Transfer("spot", CROSS, "USDT", D(amount)),
        "ref": str(70 + number),
        **more,
    }
    intent = Intent(
        number, 1, given.pop("action"), kind, "live", "main", given.pop("order"), state, D(amount), NOON, **given
    )
    steps = (
        IntentStep(number, None, S.PLANNED, claimed, ""),
        IntentStep(number, S.PLANNED, S.SUBMITTING, claimed, ""),
    )
    return IntentRow(intent, steps, None)


def clean_facts() -> Facts:
    """Two repayments, the second cut off before it was carried out; an alert that was told; a pause with nothing in
    it."""
    return Facts(
        limits=(REPAYS, BRINGS),
        requests=(read(0), asked_to_repay(1, "400"), read(60), asked_to_repay(61, "300", applied=False), read(119)),
        executions=(repaid(1, "400", 71),),
        intents=(row(1, 0.9, "400"), row(2, 60.9, "300", S.FAILED, ref=None)),
        alerts=(alert(1),),
        heard=frozenset({1}),
        pauses=(Span(at(100), at(118)),),
        grace_ms=1000,
    )


def alert(
    number: int, *deliveries: Delivery, state: AlertState = AlertState.FIRING, quieted: bool = False
) -> AlertFact:
    told = deliveries or (delivery(DeliveryState.SENT, 1),)
    return AlertFact(number, "near-call", "critical", state, fired=True, quieted=quieted, deliveries=told)


def delivery(state: DeliveryState, attempts: int, text: str = "") -> Delivery:
    return Delivery(1, "phone", 1, NotificationReason.FIRED, "critical", NOON, NOON, state, attempts, text=text)


def with_facts(facts: Facts, **parts: Any) -> Facts:
    """The facts with these appended to what they hold."""
    longer: dict[str, Any] = {name: (*getattr(facts, name), *part) for name, part in parts.items()}
    return replace(facts, **longer)


def without_fact(facts: Facts, name: str, index: int) -> Facts:
    kept = list(getattr(facts, name))
    del kept[index]
    shorter: dict[str, Any] = {name: tuple(kept)}
    return replace(facts, **shorter)


def test_clean_run_has_no_violation() -> None:
    assert judge(clean_facts()) == []


def third(amount: str, second: float = 120, **intent: Any) -> dict[str, tuple[Any, ...]]:
    """One repayment more, carried out and accounted for."""
    return {
        "requests": (asked_to_repay(second, amount),),
        "executions": (repaid(second, amount, 73),),
        "intents": (row(3, second - 0.1, amount, **intent),),
    }


def asked_about(facts: Facts, named: float | None = None, *, approved: bool | None = None) -> Facts:
    """A third repayment, of which the channel heard then, and which a person had thirty seconds for."""
    added = third("100")
    (found,) = added["intents"]
    intents = (replace(found, intent=replace(found.intent, mode="approve"), approved=approved),)
    limits = (replace(REPAYS, approve_within_ms=30_000, max_actions_per_day=3), BRINGS)
    heard = {} if named is None else {3: at(named)}
    return with_facts(replace(facts, limits=limits, named=heard), **{**added, "intents": intents})


def transferred(amount: str, left: str) -> dict[str, tuple[Any, ...]]:
    return {
        "requests": (asked_to_bring(120, amount),),
        "executions": (Execution(at(120), "transfer", "USDT", D(amount), 73, D(left)),),
        "intents": (row(3, 119.9, amount, kind="transfer_in"),),
    }


def sold(facts: Facts, sized: str, brought: str, number: int = 3, second: float = 120) -> Facts:
    """A sale of 0.01 BTC, bounded one per cent below the price that it was sized by."""
    bound = D(sized) * 100 * D("0.99")
    order = Reduce(CROSS, "USDT", D(brought), "BTCUSDT", "SELL", D("0.01"), bound, "BTC", f"mm-{number}")
    params = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "newClientOrderId": f"mm-{number}"}
    request = RequestFact(at(second), "POST", ORDER_PATH, money_request_of("POST", ORDER_PATH, params), 200, True)
    sale = row(number, second - 0.1, brought, action="sell-some", kind="reduce", order=order)
    limits = () if any(limit.name == SELLS.name for limit in facts.limits) else (SELLS,)
    return with_facts(facts, limits=limits, requests=(request,), intents=(sale,))


PLANTED: dict[str, tuple[Callable[[Facts], Facts], str]] = {
    "the same order again": (
        lambda f: with_facts(f, requests=(asked_to_repay(2, "400", applied=False),)),
        "sent twice",
    ),
    "the same order again, carried out": (
        lambda f: with_facts(f, requests=(asked_to_repay(2, "400"),), executions=(repaid(2, "400", 72),)),
        "sent twice",
    ),
    "an execution that no request explains": (
        lambda f: with_facts(f, executions=(repaid(2, "400", 72),)),
        "executed more often than asked for",
    ),
    "an order without a claim": (
        lambda f: without_fact(f, "intents", 1),
        "sent without a journalled claim",
    ),
    "an order before its claim": (
        lambda f: with_facts(without_fact(f, "intents", 0), intents=(row(1, 1.1, "400"),)),
        "sent without a journalled claim",
    ),
    "a write that is no order of ours": (
        lambda f: with_facts(f, requests=(RequestFact(at(5), "POST", "/sapi/v1/margin/borrow-repay", None),)),
        "sent without any intent",
    ),
    "an execution counted as failed": (
        lambda f: with_facts(without_fact(f, "intents", 0), intents=(row(1, 0.9, "400", S.FAILED),)),
        "an execution is not accounted for",
    ),
    "an outcome that stays open": (
        lambda f: with_facts(without_fact(f, "intents", 1), intents=(row(2, 60.9, "300", S.UNCERTAIN, ref=None),)),
        "never came to an end",
    ),
    "confirmed without an execution": (
        lambda f: with_facts(without_fact(f, "intents", 1), intents=(row(2, 60.9, "300"),)),
        "counted as done but never was",
    ),
    "one record as the proof of two": (
        lambda f: with_facts(f, **third("100", ref="71")),
        "one execution proves several intents",
    ),
    "more than max_amount": (
        lambda f: with_facts(replace(f, limits=(replace(REPAYS, max_amount=D(399)), BRINGS))),
        "above max_amount",
    ),
    "a sale sized for more than max_amount": (lambda f: sold(f, "505", "600"), "above max_amount"),
    "more than max_per_day": (lambda f: with_facts(f, **third("400.01")), "above max_per_day"),
    "more often than max_actions_per_day": (
        lambda f: with_facts(replace(f, limits=(replace(REPAYS, max_actions_per_day=1), BRINGS)), **third("100")),
        "above max_actions_per_day",
    ),
    "less left than keep_in_source": (lambda f: with_facts(f, **transferred("100", "49.99")), "below keep_in_source"),
    "a second half larger than its first": (
        lambda f: with_facts(f, **third("100", action="top-up")),
        "a second half larger than its first",
    ),
    "figures that are too old": (lambda f: with_facts(f, **third("100", second=140)), "sent on stale data"),
    "figures that could not be read": (
        lambda f: with_facts(
            replace(f, requests=(*f.requests[:4], read(119, intact=False), read(118, status=500))), **third("100")
        ),
        "sent on stale data",
    ),
    "a claim during a pause": (
        lambda f: with_facts(with_facts(f, requests=(read(109),)), **third("100", second=110)),
        "claimed while paused",
    ),
    "an order long after the pause began": (
        lambda f: replace(
            with_facts(f, requests=(read(99), asked_to_repay(110, "100", applied=False))),
            intents=(*f.intents, row(3, 99.9, "100", S.FAILED, ref=None)),
        ),
        "sent while paused",
    ),
    "a trail that was tampered with": (lambda f: replace(f, trail=("intent 1 is gone",)), "the trail is broken"),
    "an alert of which nobody heard": (
        lambda f: with_facts(f, alerts=(alert(2),)),
        "a critical alert was not delivered",
    ),
    "an alert without any delivery": (
        lambda f: with_facts(f, alerts=(replace(alert(2), deliveries=()),)),
        "a critical alert was not delivered",
    ),
    "an alert given up after an attempt": (
        lambda f: with_facts(f, alerts=(alert(2, delivery(DeliveryState.EXPIRED, 1), state=AlertState.RESOLVED),)),
        "a critical alert was not delivered",
    ),
    "a notice of which nobody heard": (
        lambda f: with_facts(f, notices=(delivery(DeliveryState.SENT, 1, "intent 2 is open"),)),
        "a critical notice was not delivered",
    ),
    "a late execution that nobody was told of": (
        lambda f: replace(
            f,
            requests=(*f.requests[:3], asked_to_repay(61, "300"), *f.requests[4:]),
            executions=(*f.executions, repaid(90, "300", 72)),
            intents=(
                f.intents[0],
                row(2, 60.9, "300", S.FAILED, ref="72", evidence="executed late: record 72", executed_late=True),
            ),
        ),
        "a late execution was not told",
    ),
    "a daemon that ended by itself": (lambda f: replace(f, ends=("life 1 ended with 1",)), "a daemon ended badly"),
    "a position turned round": (lambda f: replace(f, flipped=("cross BTC -0.08",)), "a position was turned round"),
    "a part that broke": (lambda f: replace(f, bugs=("log-1: account.restarting",)), "a part of a daemon broke"),
    "no rest after money moved": (
        lambda f: with_facts(replace(f, limits=(replace(REPAYS, cooldown_ms=120_000), BRINGS)), **third("100")),
        "sent during the cooldown",
    ),
    "an order that nobody was asked about": (lambda f: asked_about(f), "sent though no channel took the question"),
    "an order told when it had left": (lambda f: asked_about(f, 121), "sent though no channel took the question"),
    "an order before a person had his time": (lambda f: asked_about(f, 100), "sent before a person had his time"),
    "books that do not add up": (lambda f: replace(f, imbalance={"USDT": "1"}), "the exchange's books do not add up"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_violation_is_found(name: str) -> None:
    plant, expected = PLANTED[name]
    assert expected in {violation.what for violation in judge(plant(clean_facts()))}


ALLOWED: dict[str, Callable[[Facts], Facts]] = {
    "a rest as long as was ordered": lambda f: with_facts(
        replace(f, limits=(replace(REPAYS, cooldown_ms=60_000), BRINGS)), **third("100")
    ),
    "a third repayment within the caps": lambda f: with_facts(
        replace(f, limits=(replace(REPAYS, max_actions_per_day=3), BRINGS)), **third("400")
    ),
    "a sale that brought less than it was sized for": lambda f: sold(
        with_facts(f, limits=(replace(SELLS, max_per_day=D(490)),)), "495", "488"
    ),
    "a sale that a risen price made worth more": lambda f: sold(f, "495", "900"),
    "a transfer that leaves what is to be kept": lambda f: with_facts(f, **transferred("100", "50")),
    "the repayment that follows a transfer": lambda f: with_facts(
        with_facts(f, **transferred("100", "50")),
        requests=(read(125), asked_to_repay(126, "100")),
        executions=(repaid(126, "100", 74),),
        intents=(row(4, 125.9, "100", action="top-up"),),
    ),
    "a claim by a clock that is ahead of the exchange's": lambda f: with_facts(
        without_fact(without_fact(f, "intents", 0), "requests", 1),
        requests=(replace(asked_to_repay(1, "400"), stamp=at(1.3)),),
        intents=(row(1, 1.2, "400"),),
    ),
    "a claim right after a pause, by a clock that is behind": lambda f: with_facts(
        f,
        requests=(read(117), asked_to_repay(118.1, "100", applied=False)),
        intents=(row(3, 117.5, "100", S.FAILED, ref=None),),
    ),
    "two orders alike, each with its claim": lambda f: with_facts(
        f,
        requests=(asked_to_repay(121, "300", applied=False),),
        intents=(row(3, 120.9, "300", S.FAILED, ref=None),),
    ),
    "an order that was under way when the pause began": lambda f: replace(
        with_facts(f, requests=(read(99), asked_to_repay(100.5, "100", applied=False))),
        intents=(*f.intents, row(3, 99.9, "100", S.FAILED, ref=None)),
    ),
    "an alert kept quiet by a worse one": lambda f: with_facts(
        f, alerts=(replace(alert(2, quieted=True), deliveries=()),)
    ),
    "an alert over before anybody could be told": lambda f: with_facts(
        f, alerts=(alert(2, delivery(DeliveryState.EXPIRED, 0), state=AlertState.RESOLVED),)
    ),
    "an order that nobody answered in time": lambda f: asked_about(f, 89),
    "an order that a person approved": lambda f: asked_about(f, 119, approved=True),
    "a key for the streams": lambda f: with_facts(
        f, requests=(RequestFact(at(5), "POST", "/sapi/v1/userListenToken"),)
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_allowed_behaviour_is_no_violation(name: str) -> None:
    assert judge(ALLOWED[name](clean_facts())) == []

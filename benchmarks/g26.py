"""G26: CPU of the odds of 47 assets over 90 days, and what odds add to the path of a price.

The child is a process of its own, start included. A price is decided on with odds in the state and their alert firing,
and without, in turns: the CPU of both, and the function calls of both, which no other work on the machine changes.
"""

import asyncio
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count

from benchmarks.account import ASSETS, NOW, PRICES, policy, watched_state
from benchmarks.report import Finding, Target, finding, main, ratios
from monitor.core.engine.step import IdSource, Policy, step
from monitor.core.margin.odds_question import OddsQuestion
from monitor.core.metrics.cross import measure_cross
from monitor.core.metrics.odds import odds_question
from monitor.core.model.account import CROSS, Price
from monitor.core.model.alert import AlertState
from monitor.core.model.events import PricesRead, Tick
from monitor.core.model.odds import METRIC_WINDOWS, OddsAnswer, OddsRead, WindowOdds
from monitor.core.model.price_history import HOUR, PriceBar
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.odds.child import measure_in_child
from monitor.odds.past import HourlyPast, build_past
from monitor.odds.request import OddsRequest, encode_request

DAYS = 90


def measure(quick: bool) -> list[Finding]:
    """Rounds of children, and of prices with and without odds."""
    rounds, turns, prices = (2, 4, 200) if quick else (9, 60, 500)
    question, past = _question(), _past()
    request = OddsRequest(past, (question,), METRIC_WINDOWS)
    children: list[float] = []
    own: list[float] = []
    read: OddsRead | None = None
    for _ in range(rounds):
        began, mine = _children_s(), time.process_time()
        (answers,) = asyncio.run(measure_in_child(request))
        own.append(time.process_time() - mine)
        children.append(_children_s() - began)
        if not all(isinstance(answer, WindowOdds) and answer.windows for answer in answers):
            raise RuntimeError("the odds were not measured")
        read = OddsRead({CROSS: _often_lost(answers)}, NOW)
    assert read is not None
    plain, with_odds = _at_once(policy()), _with_odds(_at_once(policy()))
    bare = _evaluated(plain, watched_state())
    firing = _evaluated(with_odds, apply_account_event(watched_state(), read, NOW))
    if not any(key.rule == "odds-high" and alert.state is AlertState.FIRING for key, alert in firing.alerts.items()):
        raise RuntimeError("the alert of the odds does not fire")
    ours: list[float] = []
    before: list[float] = []
    takes = ((before, plain, bare), (ours, with_odds, firing))
    for turn in range(turns):
        for spent, rules, state in takes if turn % 2 else reversed(takes):
            spent.append(_steps_us(rules, state, prices))
    calls = _calls(with_odds, firing, prices) / _calls(plain, bare, prices)
    return [
        finding(Target("G26", 0.5, 0.35), f"{len(ASSETS) + 1} assets × {DAYS} days: CPU of the child", "s", children),
        finding(Target("G26", 0.05), "the same: CPU of the daemon meanwhile", "s", own),
        finding(Target("G26"), "size of the question", "MB", [len(encode_request(request)) / 1e6]),
        finding(Target("G26", 1.01), "a price decided on with odds ÷ without: CPU", "×", ratios(ours, before)),
        finding(Target("G26", 1.01), "the same: function calls", "×", [calls]),
    ]


def _often_lost(answers: Sequence[OddsAnswer]) -> tuple[OddsAnswer, ...]:
    """The answers as if one window in twenty had been lost."""
    return tuple(
        replace(answer, liquidated=answer.windows // 20) for answer in answers if isinstance(answer, WindowOdds)
    )


def _at_once(plain: Policy) -> Policy:
    """The policy with rules about odds that fire at first touch."""
    rules = (replace(rule, for_s=Decimal(0)) if rule.ladder == "odds" else rule for rule in plain.rules)
    return replace(plain, rules=tuple(rules))


def _evaluated(policy: Policy, state: AccountState) -> AccountState:
    """The state after every rule was evaluated once."""
    return step(state, Tick(), policy, NOW, _new_ids()).state


def _new_ids() -> IdSource:
    numbers = count(1)
    return IdSource(lambda: next(numbers), lambda: next(numbers))


def _with_odds(plain: Policy) -> Policy:
    return replace(plain, settings=replace(plain.settings, price_history=timedelta(days=DAYS)))


def _question() -> OddsQuestion:
    asked = odds_question(measure_cross(watched_state(), policy().settings, NOW), without_rates=True)
    if isinstance(asked, str):
        raise RuntimeError(asked)
    return asked


def _past() -> HourlyPast:
    chance, since = random.Random(23), NOW - timedelta(days=DAYS)
    return build_past({asset: list(_walk(chance, PRICES[f"{asset}USDT"])) for asset in ASSETS}, since, NOW)


def _walk(chance: random.Random, price: Decimal) -> Iterator[PriceBar]:
    for hour in range(24 * DAYS):
        moves = sorted(Decimal(chance.randint(-150, 150)) / 10_000 for _ in range(3))
        low, close, high = (round(price * (1 + move), 8) for move in moves)
        yield PriceBar(NOW - timedelta(days=DAYS) + HOUR * hour, price, max(high, price), min(low, price), close)
        price = close


def _steps_us(policy: Policy, state: AccountState, prices: int) -> float:
    """Microseconds of CPU a price."""
    ids = _new_ids()
    events = [
        PricesRead({"BTCUSDT": Price(PRICES["BTCUSDT"] + number % 7, NOW + timedelta(milliseconds=number))})
        for number in range(prices)
    ]
    began = time.process_time()
    for number, event in enumerate(events):
        state = step(state, event, policy, NOW + timedelta(milliseconds=number), ids).state
    return (time.process_time() - began) / prices * 1e6


def _calls(policy: Policy, state: AccountState, prices: int) -> int:
    """Function calls of that many prices."""
    calls = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        _steps_us(policy, state, prices)
    finally:
        sys.setprofile(None)
    return calls


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(measure, __doc__ or "")

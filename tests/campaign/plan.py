"""What one seed does: account, prices, what the owner allowed, what goes wrong and when; all from one number."""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.price_path import SimPricePath
from monitor.sandbox.scenario.scenario import (
    CROSS_3X,
    AccountSpec,
    ApiInterpretations,
    PairSpec,
    Scenario,
    hmac_key,
    initial_balance,
)
from tests.campaign.config_edits import ConfigEdit, Delisting, delisting_lines, edits_of, with_delisting
from tests.campaign.disturbances import Disturbance, Restore, disturbances_of
from tests.campaign.fault_draws import money_fault, read_fault, stream_fault
from tests.campaign.judge.facts import Limits
from tests.campaign.scenario_variants import with_disturbances

SPEED = 15.0
"""Exchange seconds in one second of a run, as it is planned."""

PACE = float(os.environ.get("CAMPAIGN_PACE", "1"))
"""Seconds of a run in one second of the machine: less than 1 for one that is slow, or has other things to do."""

START = datetime(2026, 12, 1, 12, 0, 30, tzinfo=UTC)
BTC = Decimal(60_000)

ACCOUNT = "main"
OWN_KEY, ACTING_KEY, SECOND_KEY = hmac_key(ACCOUNT), hmac_key("main acting"), hmac_key("main second")
"""The account's key, another one that acts where a plan says so, and one more for another program."""
OTHER = "other"
OTHER_KEY = hmac_key(OTHER)
"""Of another account."""

RESTS_S = 90
AWAY_SHARE = 0.3
"""Of the owners, those who decide nothing of what is laid before them."""

Trigger = Literal["time", "asked", "log"]
Act = Literal[
    "pause", "resume", "pause file", "no pause file", "repay by hand", "deposit", "charge interest",
    "sell order by hand", "buy order by hand",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kill:
    """The daemon dies: after so many machine seconds of its life, when the exchange got another order, or at the n-th
    line of its log with `word`; then after `jitter_s`. It is started again after `down_s`."""

    trigger: Trigger
    word: str = ""
    nth: int = 1
    after_s: float = 0.0
    jitter_s: float = 0.0
    down_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Timed:
    """A fault or something that a person does, so many machine seconds after the start."""

    at_s: float
    what: Fault | Act


@dataclass(frozen=True, slots=True)
class ActionPlan:
    """One action as it is configured."""

    limits: Limits
    lines: tuple[str, ...]
    rule: str
    mode: str = "live"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one run does. `answers`: which way the owner decides what is laid before him, in turn."""

    seed: int
    scenario: Scenario
    actions: tuple[ActionPlan, ...]
    rules: str
    safety: str
    settle_s: int
    default_rules: bool
    schedule: dict[str, str]
    timed: tuple[Timed, ...]
    kills: tuple[Kill, ...]
    sink: tuple[int, ...]
    answers: tuple[bool, ...]
    active_s: float
    recovers: bool
    strains: tuple[Disturbance, ...] = ()
    edits: tuple[ConfigEdit, ...] = ()


def plan_of(seed: int) -> Plan:
    """The plan of a seed, always the same."""
    chance = random.Random(seed)
    active_s = chance.uniform(3.5, 6)
    owed = _money(chance, 20_000, 60_000)
    settle = chance.choice([20, 30, 45])
    actions = _actions(chance, owed)
    rungs = {rule: chance.random() < 0.5 for rule in ("cross", "pair")}
    actions = tuple(
        replace(action, limits=replace(action.limits, cooldown_ms=0)) if rungs[action.rule] else action
        for action in actions
    )
    strains = disturbances_of(seed, active_s)
    if any(isinstance(strain, Restore) and strain.after_order for strain in strains):
        actions = tuple(map(_resting, actions))
    edits = edits_of(seed, active_s, is_restored=any(isinstance(strain, Restore) for strain in strains))
    if any(isinstance(edit, Delisting) for edit in edits):
        actions = tuple(
            replace(
                action, lines=delisting_lines(action.lines), limits=replace(action.limits, keep_in_source=Decimal(0))
            )
            if action.limits.name == "top-up"
            else action
            for action in actions
        )
    scenario = _scenario(chance, owed, active_s, isolated=any(a.rule == "pair" for a in actions))
    return Plan(
        seed=seed,
        scenario=with_delisting(with_disturbances(scenario, strains, BTC, (OTHER, OTHER_KEY)), edits, START),
        actions=actions,
        rules=_rules(chance, actions, rungs),
        safety=f'[safety]\nsettle = "{settle}s"\nunresolved_after = "{settle + chance.choice([20, 60, 120])}s"\n',
        settle_s=settle,
        default_rules=chance.random() < 0.3,
        schedule={"cross": "10s", "isolated": "10s", "near_liquidation": chance.choice(["2s", "3s", "5s"])},
        timed=tuple(sorted(_timed(chance, active_s, settle), key=lambda each: each.at_s)),
        kills=tuple(_kill(chance, active_s) for _ in range(chance.choices([0, 1, 2, 3], [1, 4, 4, 2])[0])),
        sink=tuple(chance.choices([204, 500, 429, 0], [5, 2, 1, 2])[0] for _ in range(chance.choice([0, 0, 4, 12]))),
        answers=_answers(chance, seed),
        active_s=active_s,
        recovers=chance.random() < 0.5,
        strains=strains,
        edits=edits,
    )


def _scenario(chance: random.Random, owed: Decimal, active_s: float, *, isolated: bool) -> Scenario:
    """A debt in USDT, now and then one in BTC too, against BTC near its bars, idle money in several places, and a price
    that mostly falls."""
    free = owed * _share(chance, 2, 30)
    level = Decimal(chance.randint(132, 150)) / 100
    # Held and owed at once: what may be sold is the difference.
    short = ((owed / BTC) * chance.choice([0, 0, 0, 5, 20]) / 100).quantize(Decimal("0.0001"))
    btc = (((owed + short * BTC) * level - free) / BTC).quantize(Decimal("0.0001"))
    pair_owed = _money(chance, 5_000, 20_000)
    pair_btc = (pair_owed * Decimal(chance.randint(120, 150)) / 100 / BTC).quantize(Decimal("0.0001"))
    pair = PairSpec(
        base=initial_balance(str(pair_btc)), quote=initial_balance(str(_money(chance, 0, 500)), borrowed=str(pair_owed))
    )
    account = AccountSpec(
        name=ACCOUNT,
        keys=(OWN_KEY, ACTING_KEY, SECOND_KEY),
        spot={"USDT": owed * _share(chance, 0, 50)},
        funding={"USDT": owed * _share(chance, 0, 20)},
        cross={
            "BTC": initial_balance(str(btc), borrowed=str(short)),
            "USDT": initial_balance(str(free), borrowed=str(owed)),
        },
        bars=CROSS_3X,
        isolated={"BTCUSDT": pair} if isolated else {},
    )
    readings = ApiInterpretations(
        renewed_subscription_id=chance.choice(["same", "new"]),
        direct_isolated_transfer=chance.random() < 0.5,
        history_lag_s=chance.choice([0, 0, 4, 10]),
        loan_pending_s=chance.choice([0, 0, 3, 8]),
        capital_flow_signed=chance.random() < 0.5,
        empty_transfer_history=chance.choice(["rows", "no rows"]),
        loan_sends_balance_update=chance.random() < 0.5,
        liability_event=chance.choice(["delta", "total"]),
    )
    return Scenario(
        name="campaign", start=START, accounts=(account,), paths={"BTCUSDT": _path(chance, active_s)}, readings=readings
    )


def _path(chance: random.Random, active_s: float) -> SimPricePath:
    """A walk with a bent downwards, a point every ten exchange seconds or so, flat at the end."""
    moment, price = int(START.timestamp() * 1000), BTC
    points = [(moment, price)]
    lowest = BTC * Decimal(chance.randint(80, 97)) / 100
    end = moment + int(active_s * SPEED * 1000)
    while moment < end:
        moment += chance.randint(4_000, 20_000)
        price = max(lowest, price * (1 + Decimal(chance.randint(-300, 150)) / 10_000)).quantize(Decimal("0.01"))
        points.append((moment, price))
    return SimPricePath(points)


def _actions(chance: random.Random, owed: Decimal) -> tuple[ActionPlan, ...]:
    chosen = [make(chance, owed) for make, share in ACTION_KINDS if chance.random() < share]
    return tuple(chosen) or (_repay(chance, owed),)


def _common(chance: random.Random, kind: str, name: str, owed: Decimal, rule: str, lines: Sequence[str]) -> ActionPlan:
    max_amount = (owed * _share(chance, 2, 15)).quantize(Decimal("0.01"))
    cooldown_s = chance.choice([1, 5, 20])
    limits = Limits(
        name=name,
        kind=kind,
        max_data_age_ms=chance.choice([20, 40, 60]) * 1000,
        max_amount=max_amount,
        max_per_day=(max_amount * Decimal(chance.randint(8, 40)) / 10).quantize(Decimal("0.01")),
        max_actions_per_day=chance.randint(1, 8),
        keep_in_source=_money(chance, 0, 500) if kind == "transfer_in" else Decimal(0),
        cooldown_ms=cooldown_s * 1000,
    )
    mode = chance.choices(["live", "approve"], [5, 1])[0]
    approve_s = chance.choice([15, 30, 60])
    found = [
        f'name = "{name}"',
        f'kind = "{kind}"',
        f'mode = "{mode}"',
        f'max_amount = "{limits.max_amount}"',
        f'max_per_day = "{limits.max_per_day}"',
        f"max_actions_per_day = {limits.max_actions_per_day}",
        f'max_data_age = "{limits.max_data_age_ms // 1000}s"',
        f'cooldown = "{cooldown_s}s"',
        f'approve_within = "{approve_s}s"',
        f'on_no_answer = "{chance.choice(["skip", "act"])}"',
        f'target = "margin_level >= {chance.choice(["1.5", "1.6", "2", "initial_level * 1.05"])}"',
        *lines,
    ]
    return ActionPlan(replace(limits, approve_within_ms=approve_s * 1000), tuple(found), rule, mode)


def _resting(action: ActionPlan) -> ActionPlan:
    """With a rest that outlasts a restore."""
    lines = tuple(f'cooldown = "{RESTS_S}s"' if line.startswith("cooldown = ") else line for line in action.lines)
    cooldown_ms = action.limits.cooldown_ms and RESTS_S * 1000
    return replace(action, limits=replace(action.limits, cooldown_ms=cooldown_ms), lines=lines)


def _repay(chance: random.Random, owed: Decimal) -> ActionPlan:
    return _common(chance, "repay", "repay-idle", owed, "cross", ['asset = "USDT"'])


def _bring_in(chance: random.Random, owed: Decimal) -> ActionPlan:
    return _transfer_in(chance, owed, "top-up", "cross")


def _bring_into_pair(chance: random.Random, owed: Decimal) -> ActionPlan:
    return _transfer_in(chance, owed / 3, "top-up-pair", "pair")


def _repay_pair(chance: random.Random, owed: Decimal) -> ActionPlan:
    return _common(chance, "repay", "repay-pair", owed / 3, "pair", ['asset = "USDT"'])


def _transfer_in(chance: random.Random, owed: Decimal, name: str, rule: str) -> ActionPlan:
    made = _common(chance, "transfer_in", name, owed, rule, ['asset = "USDT"'])
    source = chance.choice(['["spot"]', '["funding"]', '["spot", "funding"]'])
    more = (
        f"source = {source}",
        f'keep_in_source = "{made.limits.keep_in_source}"',
        f'use = "{chance.choice(["auto", "repay", "collateral"])}"',
    )
    return replace(made, lines=(*made.lines, *more))


def _reduce(chance: random.Random, owed: Decimal) -> ActionPlan:
    return _sell(chance, owed, "sell-some", "cross")


def _reduce_pair(chance: random.Random, owed: Decimal) -> ActionPlan:
    return _sell(chance, owed / 3, "sell-some-pair", "pair")


def _sell(chance: random.Random, owed: Decimal, name: str, rule: str) -> ActionPlan:
    made = _common(chance, "reduce", name, owed, rule, ['asset = "USDT"'])
    slippage = chance.choice([Decimal("0.005"), Decimal("0.01"), Decimal("0.05")])
    more = (f"max_slippage = {slippage}", *chance.choice([(), ('sell = ["BTC"]',)]))
    return replace(made, limits=replace(made.limits, max_slippage=slippage), lines=(*made.lines, *more))


MEANT_FOR_AMOUNTS = ("max_amount", "max_per_day", "target")


def _cancel(chance: random.Random, owed: Decimal) -> ActionPlan:
    """It moves nothing, so that nothing caps it but how often it may act."""
    made = _common(chance, "cancel_orders", "free-locked", owed, "cross", [])
    lines = tuple(line for line in made.lines if not line.startswith(MEANT_FOR_AMOUNTS))
    return replace(made, limits=replace(made.limits, max_amount=None, max_per_day=None), lines=lines)


ACTION_KINDS: tuple[tuple[Callable[[random.Random, Decimal], ActionPlan], float], ...] = (
    (_cancel, 0.3),
    (_repay, 0.8),
    (_bring_in, 0.6),
    (_reduce, 0.4),
    (_bring_into_pair, 0.3),
    (_repay_pair, 0.2),
    (_reduce_pair, 0.2),
)
"""Every kind of action that a plan may hold, and how often."""


def _rules(chance: random.Random, actions: Sequence[ActionPlan], rungs: Mapping[str, bool]) -> str:
    """A rung at which the actions hang, and a worse one above it for those that `rungs` says have one."""
    text = ""
    for rule, scope in (("cross", "cross"), ("pair", "isolated")):
        names = ", ".join(f'"{action.limits.name}"' for action in actions if action.rule == rule)
        if not names:
            continue
        head = f'[[rules]]\nscope = "{scope}"\nladder = "{rule}"\nseverity = "critical"\nrepeat = "20s"\n'
        at = chance.choice(["1.45", "1.5", "1.55"]) if rule == "cross" else chance.choice(["1.3", "1.4"])
        clear = chance.choice(["", 'clear = "margin_level > 1.62"\n', 'clear = "margin_level > 1.56"\n'])
        text += f'{head}name = "{rule}-low"\nwhen = "margin_level < {at}"\n{clear}actions = [{names}]\n\n'
        if rungs[rule]:
            text += f'{head}name = "{rule}-worse"\nwhen = "margin_level < 1.25"\nactions = [{names}]\n\n'
    return text


def _timed(chance: random.Random, active_s: float, settle_s: int) -> list[Timed]:
    found = [Timed(chance.uniform(0, active_s), money_fault(chance, settle_s)) for _ in range(chance.randint(1, 4))]
    found += [Timed(chance.uniform(0, active_s), read_fault(chance)) for _ in range(chance.randint(0, 3))]
    found += [Timed(chance.uniform(0, active_s), stream_fault(chance)) for _ in range(chance.randint(0, 3))]
    if chance.random() < 0.4:
        ways: tuple[tuple[Act, Act], ...] = (("pause", "resume"), ("pause file", "no pause file"))
        pauses = chance.choice(ways)
        since = chance.uniform(0, active_s * 0.8)
        found += [Timed(since, pauses[0]), Timed(since + chance.uniform(0.2, 2), pauses[1])]
    acts: tuple[Act, ...] = ("repay by hand", "deposit", "charge interest", "sell order by hand", "buy order by hand")
    return found + [Timed(chance.uniform(0, active_s), act) for act in acts if chance.random() < 0.25]


def _kill(chance: random.Random, active_s: float) -> Kill:
    """At any instant, above all around those at which money moves or words leave."""
    triggers: tuple[Trigger, ...] = ("time", "asked", "log")
    words = (
        "audit.head", "intent.claimed", "intent.acknowledged", "intent.uncertain", "intent.confirmed", "intent.failed",
        "intent.refused", "notification.sent", "daemon.started",
    )  # fmt: skip
    return Kill(
        chance.choices(triggers, [3, 4, 5])[0],
        word=chance.choice(words),
        nth=chance.choice([1, 1, 2, 3]),
        after_s=chance.uniform(0.1, active_s * 0.7),
        jitter_s=chance.choice([0.0, chance.uniform(0, 0.01), chance.uniform(0, 0.2)]),
        down_s=chance.choice([0.0, 0.0, chance.uniform(0, 0.6)]),
    )


def _answers(chance: random.Random, seed: int) -> tuple[bool, ...]:
    """Drawn in any case, so that the rest of a seed is the same whether its owner is away."""
    given = tuple(chance.random() < 0.7 for _ in range(20))
    return () if random.Random(f"owner of {seed}").random() < AWAY_SHARE else given


def _money(chance: random.Random, least: int, most: int) -> Decimal:
    return Decimal(chance.randint(least * 100, most * 100)) / 100


def _share(chance: random.Random, least: int, most: int) -> Decimal:
    return Decimal(chance.randint(least, most)) / 100

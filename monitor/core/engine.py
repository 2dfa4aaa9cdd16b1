"""One step: an event comes in, a new state and everything to remember come out. No IO, no clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.core.actions.decide import decide
from monitor.core.actions.spec import ActionSpec, Safety
from monitor.core.events import (
    ActionSettled,
    AssetMoved,
    BalancesChanged,
    CrossRead,
    Event,
    InterestRead,
    IsolatedRead,
    MarginNotice,
    PricesRead,
    ReadFailed,
    StreamAlive,
    StreamChanged,
    StreamEvent,
)
from monitor.core.figures import Figures
from monitor.core.journal import Entry
from monitor.core.judgement import judge
from monitor.core.rules import Rule
from monitor.core.sampling import due_samples
from monitor.core.state import AccountState, Settings, apply
from monitor.core.subjects import Subject, figures_of, subjects


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner of the account has ordered: the configuration as decisions see it."""

    settings: Settings
    rules: tuple[Rule, ...] = ()
    channels: tuple[str, ...] = ()
    actions: tuple[ActionSpec, ...] = ()
    safety: Safety = field(default_factory=Safety)


@dataclass(frozen=True, slots=True)
class Ids:
    """Where new numbers come from: rising, never reused, shared by all accounts of the daemon."""

    alert: Callable[[], int]
    intent: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one event. `wants` names the reads that should be made as soon as may be."""

    state: AccountState
    entry: Entry
    wants: frozenset[str]


def step(before: AccountState, event: Event, policy: Policy, now: datetime, ids: Ids) -> Step:
    """apply → metrics → rules → alerts → actions → guards, in that order and nothing else."""
    settings = policy.settings
    applied = apply(before, event, now)
    figures = _measured(applied, event, settings, now)
    judged = judge(applied, figures, policy.rules, policy.channels, settings, now, ids.alert)
    state = replace(applied, alerts=judged.open)
    decided = decide(state, figures, policy.rules, policy.actions, policy.safety, settings, now, ids.intent)
    samples, sampled = due_samples(before.sampled, figures, event, now)
    state = replace(
        state,
        blocked=decided.blocked,
        intents={**state.intents, **{intent.id: intent for intent in decided.intents}},
        sampled=sampled,
    )
    entry = Entry(
        account=state.account,
        at=now,
        events=(event,) if isinstance(event, StreamEvent) else (),
        failures=(event,) if isinstance(event, ReadFailed) else (),
        interest=event.charges if isinstance(event, InterestRead) else (),
        samples=samples,
        alerts=judged.changed,
        transitions=judged.transitions,
        notifications=judged.notifications,
        intents=decided.intents,
        intent_steps=decided.steps,
    )
    return Step(state, entry, _wants(before, state, event) | decided.wants)


def _measured(state: AccountState, event: Event, settings: Settings, now: datetime) -> Mapping[Subject, Figures]:
    """The figures of every subject that the event may have changed."""
    match event:
        case StreamAlive() | StreamEvent() | InterestRead():
            return {}
        case PricesRead(prices):
            touched: tuple[Subject, ...] = tuple(
                (kind, name)
                for kind, name in subjects(state, settings)
                if kind == "cross" or (kind == "isolated" and name in prices)
            )
        case _:
            touched = subjects(state, settings)
    return {subject: figures_of(state, settings, subject, now) for subject in touched}


def _wants(before: AccountState, after: AccountState, event: Event) -> frozenset[str]:
    """Reads that the event calls for: streams are hints, only a read is believed."""
    match event:
        case StreamChanged() | ActionSettled():
            return frozenset({"cross", "isolated"})
        case StreamEvent(scope=scope, meaning=BalancesChanged() | AssetMoved() | MarginNotice()):
            return frozenset({"isolated" if scope.symbol else "cross"})
        case StreamEvent(stream="risk"):
            return frozenset({"cross"})
        case PricesRead() if not before.prices:
            # Own and polled level can only be compared at prices known when the snapshot came.
            return frozenset({"cross", "isolated"})
        case CrossRead() | IsolatedRead():
            return _unpriced(after) | _new_pairs(before, after)
        case _:
            return frozenset()


def _unpriced(state: AccountState) -> frozenset[str]:
    market = state.streams.get("market")
    blind = market is None or not market.connected
    return frozenset({"prices"}) if blind or not state.prices else frozenset()


def _new_pairs(before: AccountState, after: AccountState) -> frozenset[str]:
    known = before.isolated.pairs if before.isolated is not None else {}
    found = after.isolated.pairs if after.isolated is not None else {}
    return frozenset({"reference_data", "interest"}) if found.keys() - known.keys() else frozenset()

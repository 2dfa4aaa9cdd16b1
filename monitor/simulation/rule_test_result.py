"""What a test of rules found: at each moment what was expected, and what there was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase

from monitor.core.engine.step import Policy
from monitor.core.model.account import Scope
from monitor.core.model.alert import Alert, AlertState
from monitor.core.model.intent import Intent
from monitor.core.model.order import Transfer
from monitor.core.numbers.amounts import plain
from monitor.simulation.rule_test import Expectation, ExpectedAction, ExpectedAlert, RuleTest, frames_of
from monitor.simulation.simulator import rehearse
from monitor.simulation.timeline import Chronicle, Hears

Line = Mapping[str, object]
"""An alert or an action in words, as documents show it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One list at one moment. `missing` and `surplus` are what makes it fail; both empty: it is as expected."""

    at: timedelta
    what: str
    expected: tuple[Line, ...]
    got: tuple[Line, ...]
    missing: tuple[Line, ...]
    surplus: tuple[Line, ...]

    @property
    def is_ok(self) -> bool:
        return not self.missing and not self.surplus


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one test."""

    name: str
    compared: tuple[Compared, ...]

    @property
    def is_ok(self) -> bool:
        return all(each.is_ok for each in self.compared)


def try_rules(test: RuleTest, policy: Policy, hears: Hears) -> Verdict:
    """The test carried out: its series in virtual time, and what of its expectations came true."""
    chronicle = Chronicle(hears)
    waiting = sorted(test.expectations, key=lambda expected: expected.at)
    compared: list[Compared] = []
    for moment in rehearse(policy, test.portfolio, frames_of(test), gap=test.gap):
        while waiting and test.start + waiting[0].at < moment.at:
            compared += _compared(waiting.pop(0), chronicle)
        chronicle.note(moment)
    for expected in waiting:
        compared += _compared(expected, chronicle)
    return Verdict(test.name, tuple(compared))


def _compared(expected: Expectation, chronicle: Chronicle) -> list[Compared]:
    found: list[Compared] = []
    if expected.alerts is not None:
        wanted = [_alert_wanted(each) for each in expected.alerts]
        with_ended = any(each.state == "resolved" for each in expected.alerts)
        there = [
            _alert_line(alert, chronicle)
            for alert in chronicle.alerts.values()
            if _is_meant(alert, expected.rules) and (alert in chronicle.open or with_ended)
        ]
        found.append(_matched(expected.at, "alerts", wanted, there))
    if expected.actions is not None:
        wanted = [_action_wanted(each) for each in expected.actions]
        there = [_action_line(intent) for intent in chronicle.done]
        there += [
            {"action": key[1], "blocked": chronicle.blocked[key]} for key in sorted(chronicle.blocked, key=_by_action)
        ]
        found.append(_matched(expected.at, "actions", wanted, there))
    return found


def _by_action(blocked: tuple[Scope, str]) -> tuple[str, str]:
    scope, action = blocked
    return action, str(scope)


def _matched(at: timedelta, what: str, expected: Sequence[Line], got: Sequence[Line]) -> Compared:
    """Each expected line takes the first line that has all it says; ended alerts need not be expected."""
    left = list(got)
    missing: list[Line] = []
    for line in expected:
        fitting = next((each for each in left if _fits(line, each)), None)
        if fitting is None:
            missing.append(line)
        else:
            left.remove(fitting)
    surplus = [line for line in left if line.get("state") not in ("resolved", "inactive")]
    return Compared(at, what, tuple(expected), tuple(got), tuple(missing), tuple(surplus))


def _fits(expected: Line, got: Line) -> bool:
    return all(
        str(value) in str(got.get(name, "")) and name in got if name == "blocked" else got.get(name) == value
        for name, value in expected.items()
    )


def _is_meant(alert: Alert, rules: Sequence[str] | None) -> bool:
    if alert.state is AlertState.INACTIVE:
        return False
    return rules is None or any(fnmatchcase(alert.key.rule, pattern) for pattern in rules)


def _alert_wanted(expected: ExpectedAlert) -> Line:
    line: dict[str, object] = {"rule": expected.rule, "state": expected.state}
    if expected.scope is not None:
        line["scope"] = expected.scope
    if expected.subject is not None:
        line["subject"] = expected.subject
    if expected.severity is not None:
        line["severity"] = expected.severity
    if expected.labels is not None:
        line["labels"] = dict(expected.labels)
    if expected.told is not None:
        line["told"] = sorted(expected.told)
    return line


def _alert_line(alert: Alert, chronicle: Chronicle) -> Line:
    line: dict[str, object] = {"rule": alert.key.rule, "state": alert.state.value, "scope": alert.key.scope}
    if alert.key.subject:
        line["subject"] = alert.key.subject
    return {
        **line,
        "severity": alert.severity,
        "labels": dict(alert.labels),
        "told": sorted(chronicle.told.get(alert.id, [])),
    }


def _action_wanted(expected: ExpectedAction) -> Line:
    named = {
        "action": expected.action,
        "kind": expected.kind,
        "asset": expected.asset,
        "amount": None if expected.amount is None else plain(expected.amount),
        "source": expected.source,
        "symbol": expected.symbol,
        "blocked": expected.blocked,
    }
    return {name: value for name, value in named.items() if value is not None}


def _action_line(intent: Intent) -> Line:
    line: dict[str, object] = {
        "action": intent.action,
        "kind": intent.kind,
        "asset": intent.asset,
        "amount": plain(intent.amount),
    }
    if isinstance(intent.order, Transfer):
        line["source"] = intent.order.source
    if intent.scope.symbol:
        line["symbol"] = intent.scope.symbol
    return line

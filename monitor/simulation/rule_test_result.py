"""Result of a rule test: expected alerts and actions against those of the simulation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase

from monitor.core.engine.step import Policy
from monitor.core.model.account import Scope
from monitor.core.model.alert import Alert, AlertState
from monitor.core.model.intent import Intent
from monitor.core.model.order import Transfer
from monitor.core.numbers.amounts import format_decimal
from monitor.simulation.rule_test import Expectation, ExpectedAction, ExpectedAlert, RuleTest, rule_test_frames
from monitor.simulation.simulator import simulate
from monitor.simulation.timeline import ChannelSeverities, SimulationTimeline

ResultLine = Mapping[str, object]
"""An alert or an action as documents show it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of one list at one moment. It fails unless `missing` and `surplus` are empty."""

    at: timedelta
    what: str
    expected: tuple[ResultLine, ...]
    got: tuple[ResultLine, ...]
    missing: tuple[ResultLine, ...]
    surplus: tuple[ResultLine, ...]

    @property
    def is_ok(self) -> bool:
        return not self.missing and not self.surplus


@dataclass(frozen=True, slots=True)
class RuleTestResult:
    """Result of one test."""

    name: str
    comparisons: tuple[Comparison, ...]

    @property
    def is_ok(self) -> bool:
        return all(comparison.is_ok for comparison in self.comparisons)


def run_rule_test(test: RuleTest, policy: Policy, channel_severities: ChannelSeverities) -> RuleTestResult:
    """Run a test: simulate its series in virtual time and compare the timeline with its expectations."""
    timeline = SimulationTimeline(channel_severities)
    pending = sorted(test.expectations, key=lambda expected: expected.at)
    comparisons: list[Comparison] = []
    for moment in simulate(policy, test.portfolio, rule_test_frames(test), gap=test.gap):
        while pending and test.start + pending[0].at < moment.at:
            comparisons += _compare(pending.pop(0), timeline)
        timeline.record(moment)
    for expected in pending:
        comparisons += _compare(expected, timeline)
    return RuleTestResult(test.name, tuple(comparisons))


def _compare(expected: Expectation, timeline: SimulationTimeline) -> list[Comparison]:
    found: list[Comparison] = []
    if expected.alerts is not None:
        wanted = [_expected_alert_line(alert) for alert in expected.alerts]
        with_ended = any(alert.state == "resolved" for alert in expected.alerts)
        actual = [
            _alert_line(alert, timeline)
            for alert in timeline.alerts.values()
            if _is_selected(alert, expected.rules) and (alert in timeline.open or with_ended)
        ]
        found.append(_match_lines(expected.at, "alerts", wanted, actual))
    if expected.actions is not None:
        wanted = [_expected_action_line(action) for action in expected.actions]
        actual = [_action_line(intent) for intent in timeline.executed]
        actual += [
            {"action": key[1], "blocked": timeline.current_blocks[key]}
            for key in sorted(timeline.current_blocks, key=_by_action)
        ]
        found.append(_match_lines(expected.at, "actions", wanted, actual))
    return found


def _by_action(blocked: tuple[Scope, str]) -> tuple[str, str]:
    scope, action = blocked
    return action, str(scope)


def _match_lines(at: timedelta, what: str, expected: Sequence[ResultLine], got: Sequence[ResultLine]) -> Comparison:
    """Match each expected line with the first line that has all its fields. Ended alerts need not be expected."""
    left = list(got)
    missing: list[ResultLine] = []
    for line in expected:
        fitting = next((candidate for candidate in left if _line_matches(line, candidate)), None)
        if fitting is None:
            missing.append(line)
        else:
            left.remove(fitting)
    surplus = [line for line in left if line.get("state") not in ("resolved", "inactive")]
    return Comparison(at, what, tuple(expected), tuple(got), tuple(missing), tuple(surplus))


def _line_matches(expected: ResultLine, got: ResultLine) -> bool:
    return all(
        str(value) in str(got.get(name, "")) and name in got if name == "blocked" else got.get(name) == value
        for name, value in expected.items()
    )


def _is_selected(alert: Alert, rules: Sequence[str] | None) -> bool:
    if alert.state is AlertState.INACTIVE:
        return False
    return rules is None or any(fnmatchcase(alert.key.rule, pattern) for pattern in rules)


def _expected_alert_line(expected: ExpectedAlert) -> ResultLine:
    line: dict[str, object] = {"rule": expected.rule, "state": expected.state}
    if expected.scope is not None:
        line["scope"] = expected.scope
    if expected.subject is not None:
        line["subject"] = expected.subject
    if expected.severity is not None:
        line["severity"] = expected.severity
    if expected.labels is not None:
        line["labels"] = dict(expected.labels)
    if expected.notified is not None:
        line["told"] = sorted(expected.notified)
    return line


def _alert_line(alert: Alert, timeline: SimulationTimeline) -> ResultLine:
    line: dict[str, object] = {"rule": alert.key.rule, "state": alert.state.value, "scope": alert.key.scope}
    if alert.key.subject:
        line["subject"] = alert.key.subject
    return {
        **line,
        "severity": alert.severity,
        "labels": dict(alert.labels),
        "told": sorted(timeline.notified_channels.get(alert.id, [])),
    }


def _expected_action_line(expected: ExpectedAction) -> ResultLine:
    fields = {
        "action": expected.action,
        "kind": expected.kind,
        "asset": expected.asset,
        "amount": None if expected.amount is None else format_decimal(expected.amount),
        "source": expected.source,
        "symbol": expected.symbol,
        "blocked": expected.blocked,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _action_line(intent: Intent) -> ResultLine:
    line: dict[str, object] = {
        "action": intent.action,
        "kind": intent.kind,
        "asset": intent.asset,
        "amount": format_decimal(intent.amount),
    }
    if isinstance(intent.order, Transfer):
        line["source"] = intent.order.source
    if intent.scope.symbol:
        line["symbol"] = intent.scope.symbol
    return line

"""Expectations of a rule test."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

from monitor.config.config_key import keys_of
from monitor.config.consistency import check_names
from monitor.config.errors import ErrorList, Location
from monitor.config.model import Config
from monitor.config.parsing import check_unknown_keys, read_table
from monitor.config.simulation.rule_test_schema import ExpectedActionTable, ExpectedAlertTable, ExpectTable
from monitor.core.model.alert import Severity
from monitor.simulation.rule_test import Expectation, ExpectedAction, ExpectedAlert

T = TypeVar("T")
_LISTS = ("alerts", "actions")


def read_expectations(content: object, place: Location, config: Config, mistakes: ErrorList) -> tuple[Expectation, ...]:
    """The valid expectations; every error is collected. A test without any proves nothing: an error."""
    if not isinstance(content, list) or not content:
        mistakes.add(place, "is missing", "write [[tests.expect]] with at, and alerts or actions")
        return ()
    found: list[Expectation] = []
    for index, table in enumerate(content):
        read = _expectation(table, place.item(index), config, mistakes)
        found += [read] if read is not None else []
    return tuple(found)


def _expectation(table: object, place: Location, config: Config, mistakes: ErrorList) -> Expectation | None:
    if not isinstance(table, dict):
        mistakes.add(place, "must be a table", "write [[tests.expect]] above its keys")
        return None
    check_unknown_keys(table, (*keys_of(ExpectTable), *_LISTS), place, mistakes)
    plain = {name: value for name, value in table.items() if name in keys_of(ExpectTable)}
    head = read_table(ExpectTable, plain, "expect", place, mistakes)
    if head is None:
        return None
    if not any(name in table for name in _LISTS):
        mistakes.add(place, "expects nothing", "write alerts = [] where nothing fires, or actions = []")
    return Expectation(
        at=head.at,
        rules=head.rules,
        alerts=_alerts(table, place.key("alerts"), config, mistakes) if "alerts" in table else None,
        actions=_actions(table, place.key("actions"), config, mistakes) if "actions" in table else None,
    )


def _alerts(
    table: Mapping[str, Any], place: Location, config: Config, mistakes: ErrorList
) -> tuple[ExpectedAlert, ...]:
    found: list[ExpectedAlert] = []
    for here, each in _items(table["alerts"], place, mistakes):
        labels = each.get("labels")
        if labels is not None and not (isinstance(labels, dict) and all(isinstance(v, str) for v in labels.values())):
            mistakes.add(here.key("labels"), "must be a table of texts", 'write { team = "me" }')
            continue
        plain = {name: value for name, value in each.items() if name != "labels"}
        read = read_table(ExpectedAlertTable, plain, "alerts", here, mistakes)
        if read is None:
            continue
        check_names([read.rule], [rule.name for rule in config.rules], "rule", here.key("rule"), mistakes)
        channels = [channel.name for channel in config.channels]
        check_names(read.told or (), channels, "channel", here.key("told"), mistakes)
        severity = cast("Severity | None", read.severity)
        told = None if read.told is None else frozenset(read.told)
        found.append(ExpectedAlert(read.rule, read.scope, read.subject, read.state, severity, labels, told))
    return tuple(found)


def _actions(
    table: Mapping[str, Any], place: Location, config: Config, mistakes: ErrorList
) -> tuple[ExpectedAction, ...]:
    found: list[ExpectedAction] = []
    for here, each in _items(table["actions"], place, mistakes):
        read = read_table(ExpectedActionTable, each, "actions", here, mistakes)
        if read is None:
            continue
        names = [read.action] if read.action is not None else []
        check_names(names, [spec.name for spec in config.actions], "action", here.key("action"), mistakes)
        found.append(
            ExpectedAction(read.action, read.kind, read.asset, read.amount, read.source, read.symbol, read.blocked)
        )
    return tuple(found)


def _items(content: object, place: Location, mistakes: ErrorList) -> Iterable[tuple[Location, dict[str, Any]]]:
    if not isinstance(content, list):
        mistakes.add(place, "must be a list of tables", "write [{ … }, { … }], or [] for none")
        return
    for index, each in enumerate(content):
        if isinstance(each, dict):
            yield place.item(index), each
        else:
            mistakes.add(place.item(index), "must be a table", "write { … }")

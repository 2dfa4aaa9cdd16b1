"""Rules: merged, and evaluated on one subject."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from monitor.config.rules.rule_files import parse_rules
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.numbers.amounts import INFINITE
from monitor.core.rules.rule import Rule, RuleError, evaluate_rule, merge_rules, rule_applies

UNAVAILABLE = MissingValue.UNAVAILABLE
NOT_APPLICABLE = MissingValue.NOT_APPLICABLE


def table(**keys: object) -> dict[str, object]:
    return {"name": "low", "scope": "cross", "when": "margin_level < 1.5", **keys}


def rule(**keys: object) -> Rule:
    return parse_rules([table(**keys)], "config.toml")[0]


def reading(**values: str | MissingValue) -> Callable[[str], MetricValue]:
    known = {name: value if isinstance(value, MissingValue) else Decimal(value) for name, value in values.items()}
    return known.__getitem__


def test_names_are_those_of_when_and_clear_once() -> None:
    both = rule(clear="margin_level > initial_level")
    assert both.metric_names == ("margin_level", "initial_level")


def test_rules_of_a_file_count_their_rungs_by_ladder() -> None:
    rules = parse_rules(
        [
            table(name="a", ladder="x"),
            table(name="b"),
            table(name="c", ladder="y"),
            table(name="d", ladder="x"),
        ],
        "config.toml",
    )
    assert [(rule.name, rule.rung) for rule in rules] == [("a", 1), ("b", 0), ("c", 1), ("d", 2)]
    assert rules[3].where == 'config.toml: rules[3] "d"'


def test_own_rule_replaces_the_shipped_rule_of_its_name() -> None:
    shipped = parse_rules([table(name="mild", ladder="level"), table(name="bad", ladder="level")], "ladder.toml")
    own = parse_rules(
        [table(name="new", ladder="level"), table(name="mild", ladder="level", severity="critical")], "mine"
    )
    merged = merge_rules(shipped, own)
    assert [(rule.name, rule.severity, rule.rung) for rule in merged] == [
        ("mild", "critical", 1),
        ("bad", "warning", 2),
        ("new", "warning", 3),
    ]


def test_two_files_of_ones_own_can_not_share_a_name() -> None:
    one, other = parse_rules([table()], "a.toml"), parse_rules([table()], "b.toml")
    with pytest.raises(RuleError, match=r'^b\.toml: rules\[0\] "low": the name "low" is taken \(first in a\.toml'):
        merge_rules((), (*one, *other))


@pytest.mark.parametrize(
    ("level", "holds", "clears"),
    [
        ("1.4", True, False),
        ("1.5", False, False),
        ("1.6", False, False),
        ("1.61", False, True),
        ("Infinity", False, True),
        (UNAVAILABLE, UNAVAILABLE, UNAVAILABLE),
        (NOT_APPLICABLE, NOT_APPLICABLE, NOT_APPLICABLE),
    ],
)
def test_between_when_and_clear_nothing_changes(
    level: str | MissingValue, holds: bool | MissingValue, clears: bool | MissingValue
) -> None:
    finding = evaluate_rule(rule(clear="margin_level > 1.6"), reading(margin_level=level))
    assert (finding.holds, finding.clears) == (holds, clears)
    assert finding.value == (None if isinstance(level, MissingValue) else Decimal(level))


def test_without_clear_it_clears_when_it_does_not_hold() -> None:
    assert evaluate_rule(rule(), reading(margin_level="1.5")).clears is True
    assert evaluate_rule(rule(), reading(margin_level="1.4")).clears is False
    assert evaluate_rule(rule(), reading(margin_level=str(INFINITE))).clears is True


def test_clear_that_overlaps_does_not_clear_while_it_holds() -> None:
    finding = evaluate_rule(rule(clear="margin_level > 1"), reading(margin_level="1.4"))
    assert (finding.holds, finding.clears) == (True, False)


@pytest.mark.parametrize(
    ("clear", "clears"),
    [
        ("margin_level > initial_level", UNAVAILABLE),
        ("margin_level > 1.6 and margin_level > initial_level", UNAVAILABLE),
        ("margin_level > 1.8 and margin_level > initial_level", False),
        ("margin_level > initial_level or margin_level > 1.6", True),
    ],
)
def test_clear_that_reads_something_unavailable(clear: str, clears: bool | MissingValue) -> None:
    finding = evaluate_rule(rule(clear=clear), reading(margin_level="1.7", initial_level=UNAVAILABLE))
    assert (finding.holds, finding.clears) == (False, clears)


@pytest.mark.parametrize(
    ("keys", "account", "scope", "subject", "looks"),
    [
        ({}, "main", "cross", "", True),
        ({}, "main", "isolated", "BTCUSDT", False),
        ({"accounts": ["sub-*"]}, "sub-1", "cross", "", True),
        ({"accounts": ["sub-*"]}, "main", "cross", "", False),
        ({"scope": ["cross", "isolated"], "symbols": ["BTC*"]}, "main", "isolated", "BTCUSDT", True),
        ({"scope": ["cross", "isolated"], "symbols": ["BTC*"]}, "main", "isolated", "ETHUSDT", False),
        ({"scope": ["cross", "isolated"], "symbols": ["BTC*"]}, "main", "cross", "", True),
        ({"scope": "isolated", "symbols": ["btc*"]}, "main", "isolated", "BTCUSDT", False),
        ({"scope": "asset", "when": "held > 0", "assets": ["SOL", "BTC"]}, "main", "asset", "BTC", True),
        ({"scope": "asset", "when": "held > 0", "assets": ["SOL"]}, "main", "asset", "BTC", False),
        ({"scope": "monitor", "when": "data_age > 10s"}, "", "monitor", "", True),
        ({"scope": "monitor", "when": "data_age > 10s", "accounts": ["main"]}, "", "monitor", "", False),
    ],
)
def test_rule_covers_subjects_that_match_its_patterns(
    keys: dict[str, object], account: str, scope: MetricScope, subject: str, looks: bool
) -> None:
    assert rule_applies(rule(**keys), account, scope, subject) is looks

"""Rules: read from tables, rejected with location and fix, evaluated on one subject."""

from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest

from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import MetricValue, Missing
from monitor.core.numbers.amounts import INFINITE
from monitor.core.rules.rule import (
    EscalationStep,
    Rule,
    RuleError,
    build_rule,
    evaluate_rule,
    merge_rules,
    parse_rules,
    rule_applies,
)
from monitor.errors import Exit

WHERE = "config.toml: rules[0]"
UNAVAILABLE = Missing.UNAVAILABLE
NOT_APPLICABLE = Missing.NOT_APPLICABLE


def table(**keys: object) -> dict[str, object]:
    return {"name": "low", "scope": "cross", "when": "margin_level < 1.5", **keys}


def rule(**keys: object) -> Rule:
    return build_rule(table(**keys), WHERE)


def refusal(keys: Mapping[str, object]) -> str:
    with pytest.raises(RuleError) as caught:
        build_rule(keys, WHERE)
    assert caught.value.exit_code is Exit.CONFIG
    return str(caught.value)


def reading(**values: str | Missing) -> Callable[[str], MetricValue]:
    known = {name: value if isinstance(value, Missing) else Decimal(value) for name, value in values.items()}
    return known.__getitem__


def test_smallest_rule_has_the_documented_defaults() -> None:
    assert rule() == Rule(name="low", scopes=("cross",), when=rule().when, repeat_s=Decimal(3600))
    small = rule()
    assert [small.severity, small.for_s, small.keep_firing_for_s, small.clear] == ["warning", 0, 0, None]
    assert (small.accounts, small.symbols, small.assets, small.channels) == (("*",), ("*",), ("*",), None)
    assert (small.escalate, small.actions, small.ladder, small.rung, dict(small.labels)) == ((), (), None, 0, {})


@pytest.mark.parametrize(("severity", "seconds"), [("info", 86_400), ("warning", 3_600), ("critical", 300)])
def test_reminders_default_to_the_severity(severity: str, seconds: int) -> None:
    assert rule(severity=severity).repeat_s == seconds


def test_every_key_is_read() -> None:
    full = rule(
        scope=["isolated", "asset"],
        accounts=["main", "sub-*"],
        symbols=["BTC*"],
        assets=["BTC"],
        when="time_to_delist < 7d",
        clear="time_to_delist > 8d",
        **{"for": "30s"},
        keep_firing_for="2m",
        severity="warning",
        channels=["phone"],
        repeat="2h",
        escalate=[{"after": "5m", "fallbacks": True}, {"after": "10m", "severity": "critical", "channels": ["call"]}],
        labels={"team": "me"},
        ladder="mine",
        actions=["repay-usdt", "top-up"],
    )
    assert full.scopes == ("isolated", "asset")
    assert (full.accounts, full.symbols, full.assets) == (("main", "sub-*"), ("BTC*",), ("BTC",))
    assert full.clear is not None
    assert (full.when.text, full.clear.text) == ("time_to_delist < 7d", "time_to_delist > 8d")
    assert [full.for_s, full.keep_firing_for_s, full.repeat_s] == [Decimal(30), Decimal(120), Decimal(7200)]
    assert full.channels == ("phone",)
    assert full.escalate == (
        EscalationStep(Decimal(300), fallbacks=True),
        EscalationStep(Decimal(600), "critical", ("call",)),
    )
    assert full.labels == {"team": "me"}
    assert (full.ladder, full.actions, full.where) == ("mine", ("repay-usdt", "top-up"), f'{WHERE} "low"')


def test_action_is_short_for_one() -> None:
    assert rule(action="repay").actions == ("repay",)


def test_no_channels_means_recorded_only() -> None:
    assert rule(channels=[]).channels == ()


def test_names_are_those_of_when_and_clear_once() -> None:
    both = rule(clear="margin_level > initial_level")
    assert both.metric_names == ("margin_level", "initial_level")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({}, f'{WHERE}: a rule needs a name; write name = "…"'),
        ({"name": ""}, f"{WHERE}.name: is empty"),
        ({"name": 3}, f'{WHERE}.name: 3 is not a text; write name = "…"'),
        ({"name": "a\nb"}, f'{WHERE}.name: can\'t be "a\\nb"; up to 100 characters, one line'),
        (
            {"name": "low"},
            f'{WHERE} "low": a rule needs a scope; one of cross, isolated, asset, account, monitor, or a list of them',
        ),
        ({"name": "low", "scope": "cross"}, f'{WHERE} "low": a rule needs `when`; write when = "margin_level < 1.5"'),
        (table(whn="x"), f'{WHERE} "low".whn: unknown key; did you mean "when"?'),
        (table(zzzzz="x"), f'{WHERE} "low".zzzzz: unknown key'),
        (table(scope="crss"), f'{WHERE} "low".scope: unknown scope "crss"; did you mean "cross"?'),
        (
            table(scope=["cross", "x"]),
            f'{WHERE} "low".scope: unknown scope "x"; one of cross, isolated, asset, account, monitor',
        ),
        (
            table(scope=[]),
            f'{WHERE} "low".scope: an empty list matches nothing; one of cross, isolated, asset, account, monitor',
        ),
        (table(scope=3), f'{WHERE} "low".scope: 3 is not a list; write scope = ["…"]'),
        (
            table(when="margin_lvel < 1.5"),
            f'{WHERE} "low".when: column 1: unknown name `margin_lvel`; did you mean `margin_level`?',
        ),
        (
            table(clear="margin_level > 160"),
            f'{WHERE} "low".clear: column 16: `margin_level` goes from 0 to 100, never to 160',
        ),
        (table(when=1.5), f'{WHERE} "low".when: 1.5 is not a text; write when = "…"'),
        (table(**{"for": 30}), f'{WHERE} "low".for: 30 is not a duration; write for = "30s"'),
        (table(**{"for": "30"}), f"{WHERE} \"low\".for: '30' has no unit; write 30s, 30m or 30h"),
        (table(repeat="0"), f'{WHERE} "low".repeat: reminders need time between them; write repeat = "1m" or more'),
        (table(severity="warn"), f'{WHERE} "low".severity: unknown severity "warn"; did you mean "warning"?'),
        (table(severity="page"), f'{WHERE} "low".severity: unknown severity "page"; one of info, warning, critical'),
        (table(accounts=[]), f'{WHERE} "low".accounts: an empty list matches nothing; leave the key out to match all'),
        (table(accounts="main"), f'{WHERE} "low".accounts: "main" is not a list; write accounts = ["…"]'),
        (table(symbols=[1]), f'{WHERE} "low".symbols: 1 is not a text; write symbols = "…"'),
        (
            table(symbols=["BTC*"]),
            f'{WHERE} "low".symbols: means nothing for scope cross; remove it, or write scope = "isolated"',
        ),
        (
            table(scope=["cross", "isolated"], assets=["BTC"]),
            f'{WHERE} "low".assets: means nothing for scope cross, isolated; remove it, or write scope = "asset"',
        ),
        (table(channels=[""]), f'{WHERE} "low".channels: is empty'),
        (table(labels="x"), f'{WHERE} "low".labels: labels are a table; write labels = {{ team = "me" }}'),
        (table(labels={"team": 1}), f'{WHERE} "low".labels.team: 1 is not a text; write team = "…"'),
        (
            table(labels={"severity": "x"}),
            f'{WHERE} "low".labels.severity: every alert has this label already; choose another name',
        ),
        (table(labels={"a-b": "x"}), f'{WHERE} "low".labels: can\'t name a label "a-b"; letters, digits and _ only'),
        (
            table(escalate={"after": "1m"}),
            f'{WHERE} "low".escalate: escalation is a list of steps; write escalate = [{{ after = "10m" }}]',
        ),
        (table(escalate=["1m"]), f'{WHERE} "low".escalate[0]: a step is a table; write {{ after = "10m" }}'),
        (table(escalate=[{}]), f'{WHERE} "low".escalate[0]: a step needs `after`; write after = "10m"'),
        (table(escalate=[{"aftr": "1m"}]), f'{WHERE} "low".escalate[0].aftr: unknown key; did you mean "after"?'),
        (
            table(escalate=[{"after": "1m", "fallbacks": "yes"}]),
            f'{WHERE} "low".escalate[0].fallbacks: "yes" is neither true nor false',
        ),
        (
            table(escalate=[{"after": "5m"}, {"after": "5m"}]),
            f'{WHERE} "low".escalate[1].after: comes before the step above it; order the steps by time',
        ),
        (
            table(escalate=[{"after": "5m", "severity": "info"}]),
            f'{WHERE} "low".escalate[0].severity: info is milder than the rule\'s warning',
        ),
        (table(ladder=""), f'{WHERE} "low".ladder: is empty'),
        (
            table(action="a", actions=["b"]),
            f'{WHERE} "low".action: is short for `actions`, which is there too; keep one of them',
        ),
    ],
)
def test_mistake_is_reported_with_its_place_and_fix(keys: dict[str, object], says: str) -> None:
    assert refusal(keys) == says


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


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(RuleError) as caught:
        parse_rules([table(name="a"), table(name="b"), table(name="a")], "config.toml")
    assert str(caught.value) == (
        'config.toml: rules[2] "a": the name "a" is taken (first in config.toml: rules[0] "a"); '
        "give each rule a name of its own"
    )


def test_rule_that_is_no_table_is_refused() -> None:
    with pytest.raises(RuleError, match=r"^config\.toml: rules\[0\]: a rule is a table; write it as \[\[rules\]\]$"):
        parse_rules(["margin_level < 1.5"], "config.toml")


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
    level: str | Missing, holds: bool | Missing, clears: bool | Missing
) -> None:
    finding = evaluate_rule(rule(clear="margin_level > 1.6"), reading(margin_level=level))
    assert (finding.holds, finding.clears) == (holds, clears)
    assert finding.value == (None if isinstance(level, Missing) else Decimal(level))


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
def test_clear_that_reads_something_unavailable(clear: str, clears: bool | Missing) -> None:
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

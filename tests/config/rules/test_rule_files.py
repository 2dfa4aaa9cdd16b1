"""Tables of `[[rules]]`: read, or rejected with location and fix."""

from decimal import Decimal

import pytest

from monitor.config.rules.rule_files import parse_rules
from monitor.core.rules.rule import EscalationStep, Rule
from monitor.errors import ConfigError, ExitCode

WHERE = "config.toml: rules[0]"


def table(**keys: object) -> dict[str, object]:
    return {"name": "low", "scope": "cross", "when": "margin_level < 1.5", **keys}


def rule(**keys: object) -> Rule:
    return parse_rules([table(**keys)], "config.toml")[0]


def refusal(*tables: object) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_rules(tables, "config.toml")
    assert caught.value.exit_code is ExitCode.CONFIG
    return caught.value


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
    assert str(refusal(keys)) == says


def test_every_mistake_of_a_rule_is_reported_at_once() -> None:
    first = refusal(table(severity="warn", repeat="0", escalate=[{"after": 5}, {"aftr": "1m"}]))
    assert [mistake.where for mistake in (first, *first.others)] == [
        f'{WHERE} "low".{key}' for key in ("severity", "repeat")
    ]
    first = refusal(
        table(symbols=["BTC*"], clear="x < 1", escalate=[{"after": 5}, {"after": "1m", "severity": "info"}])
    )
    assert [mistake.where for mistake in (first, *first.others)] == [
        f'{WHERE} "low".{key}' for key in ("symbols", "clear", "escalate[0].after", "escalate[1].severity")
    ]


def test_two_rules_of_one_name_are_refused() -> None:
    assert str(refusal(table(name="a"), table(name="b"), table(name="a"))) == (
        'config.toml: rules[2] "a".name: rules[0] has the same name; give each its own'
    )


def test_rule_that_is_no_table_is_refused() -> None:
    says = "config.toml: rules[0]: must be a table; write [[rules]] above its keys"
    assert str(refusal("margin_level < 1.5")) == says

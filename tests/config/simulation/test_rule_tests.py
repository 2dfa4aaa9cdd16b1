"""Files of tests for rules: what they say comes true or is told, and what is wrong in them has a place."""

from pathlib import Path

import pytest

from monitor.config import policies
from monitor.config.loading import build_config
from monitor.config.simulation.rule_tests import read_rule_tests
from monitor.errors import ConfigError
from monitor.simulation.rule_test_result import RuleTestResult, run_rule_test
from monitor.view.terminal.rule_tests import difference_lines

RULES = """
[[channels]]
name = "phone"
severities = ["critical"]
[[channels]]
name = "mail"

[[rules]]
name = "low"
scope = "cross"
ladder = "mine"
when = "margin_level < 1.5"
clear = "margin_level > 1.6"
for = "30s"
labels = { team = "me" }
escalate = [{ after = "2m", severity = "critical" }]

[[rules]]
name = "lower"
scope = "cross"
ladder = "mine"
when = "margin_level < 1.35"
severity = "critical"
channels = ["phone"]
actions = ["repay-usdt"]

[[actions]]
name = "repay-usdt"
kind = "repay"
asset = "USDT"
target = "margin_level >= 1.5"
max_amount = "500"
max_per_day = "600"
"""

LEVELS = """
[[tests]]
name = "levels"
[[tests.series]]
metric = "margin_level"
values = "1.8 1.45x3 _ stale 1.55 1.7"
"""

MONEY = """
[[tests]]
name = "money"
[tests.portfolio.cross]
initial_level = "1.5"
margin_call_level = "1.3"
liquidation_level = "1.1"
balances = [{ asset = "BTC", free = "1" }, { asset = "USDT", free = "2000", borrowed = "40000" }]
[[tests.series]]
price = "BTCUSDT"
values = "60000 51000x2"
"""


def expect(at: str, what: str) -> str:
    return f'[[tests.expect]]\nat = "{at}"\n{what}\n'


def verdicts(folder: Path, text: str) -> list[RuleTestResult]:
    path = folder / "mine.toml"
    path.write_text(text)
    path.chmod(0o644)
    file = read_rule_tests(path, lambda: pytest.fail("it brings its own rules"), {})
    hears = policies.severities_by_channel(file.config)
    return [run_rule_test(test, policies.build_policy(file.config, test.account), hears) for test in file.tests]


def output_lines(folder: Path, text: str) -> list[str]:
    """What of the one test is not as expected."""
    (verdict,) = verdicts(folder, text)
    return difference_lines(verdict)


@pytest.mark.parametrize(
    ("at", "what"),
    [
        ("0s", "alerts = []"),
        ("1m", 'alerts = [{ rule = "low", state = "pending", told = [] }]'),
        ("1m30s", 'alerts = [{ rule = "low", severity = "warning", told = ["mail"], labels = { team = "me" } }]'),
        ("4m", 'alerts = [{ rule = "low", severity = "critical", told = ["mail", "phone"] }]'),
        ("5m", 'alerts = [{ rule = "low" }]'),
        ("6m30s", 'alerts = [{ rule = "low", scope = "cross" }]'),
        ("8m", 'alerts = [{ rule = "low", state = "resolved" }]\nactions = []'),
        ("8m", "alerts = []"),
    ],
)
def test_levels_alone_make_rules_fire_escalate_and_resolve(tmp_path: Path, at: str, what: str) -> None:
    assert output_lines(tmp_path, RULES + LEVELS + expect(at, what)) == []


def test_actions_are_sized_on_the_portfolio_and_stopped_by_their_limits(tmp_path: Path) -> None:
    # 53,000 ÷ 40,000 is 1.325: 500 go at once, 100 after the cool-down of a minute, then the day's 600 are used up.
    first = 'actions = [{ kind = "repay", asset = "USDT", amount = "500" }]'
    last = 'actions = [{ amount = "500" }, { amount = "100" }, { action = "repay-usdt", blocked = "max_per_day" }]'
    both = 'alerts = [{ rule = "lower" }, { rule = "low", state = "pending" }]\n'
    assert output_lines(tmp_path, RULES + MONEY + expect("1m", both + first) + expect("2m30s", last)) == []


def test_pause_stops_simulated_actions(tmp_path: Path) -> None:
    paused = RULES + MONEY.replace('"money"', '"money"\npaused = true')
    what = 'actions = [{ action = "repay-usdt", blocked = "paused" }]'
    assert output_lines(tmp_path, paused + expect("1m", what)) == []


def test_differences_are_shown_side_by_side(tmp_path: Path) -> None:
    alerts = 'alerts = [{ rule = "low", state = "firing", severity = "critical" }]'
    actions = 'actions = [{ kind = "repay", amount = "400" }]'
    assert output_lines(tmp_path, RULES + MONEY + expect("1m", f"{alerts}\n{actions}")) == [
        "  at 1m, alerts:",
        "    - rule=low state=firing severity=critical",
        "    + rule=low state=pending scope=cross severity=warning team=me told=nobody",
        "    + rule=lower state=firing scope=cross severity=critical told=phone",
        "  at 1m, actions:",
        "    - kind=repay amount=400",
        "    + action=repay-usdt kind=repay asset=USDT amount=500",
    ]


def test_only_the_named_rules_are_tested(tmp_path: Path) -> None:
    what = 'rules = ["lowe*"]\nalerts = [{ rule = "lower" }]'
    assert output_lines(tmp_path, RULES + MONEY + expect("1m", what)) == []


def test_shipped_ladder_is_tested_on_request(tmp_path: Path) -> None:
    text = "default_rules = true\n" + MONEY + expect("1m", 'rules = ["near-call"]\nalerts = [{ rule = "near-call" }]')
    assert output_lines(tmp_path, text) == []


def test_a_pair_and_an_asset_are_given_by_name(tmp_path: Path) -> None:
    rules = """
[[rules]]
name = "pair"
scope = "isolated"
symbols = ["BTC*"]
when = "status >= MARGIN_CALL"
[[rules]]
name = "peg"
scope = "asset"
when = "peg_deviation < -2%"
[[tests]]
name = "both"
interval = "10s"
series = [
  { metric = "status", subject = "BTCUSDT", values = "NORMAL MARGIN_CALL" },
  { metric = "status", subject = "ETHUSDT", values = "PRE_LIQUIDATION" },
  { metric = "peg_deviation", subject = "DAI", values = "0% -3%" },
]
"""
    what = 'alerts = [{ rule = "pair", subject = "BTCUSDT" }, { rule = "peg", subject = "DAI" }]'
    assert output_lines(tmp_path, rules + expect("10s", what)) == []


def test_a_file_without_rules_takes_those_of_the_configuration(tmp_path: Path) -> None:
    account = '[[accounts]]\nname = "main"\napi_key = "env:A"\napi_secret = "env:B"\n'
    config = build_config(f"default_rules = false\n{account}".encode(), tmp_path / "config.toml", {})
    path = tmp_path / "mine.toml"
    path.write_text(LEVELS + expect("0s", "alerts = []"))
    assert read_rule_tests(path, lambda: config, {}).config is config


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "mine.toml: tests: is missing"),
        ('[[test]]\nname = "x"', 'mine.toml: test: unknown key; did you mean "tests"?'),
        (LEVELS, 'mine.toml: tests[0] "levels".expect: is missing'),
        (LEVELS + expect("1m", ""), 'tests[0] "levels".expect[0]: expects nothing'),
        (LEVELS + expect("1m", 'alerts = [{ rule = "lwo" }]'), 'no rule is called "lwo"; did you mean "low"?'),
        (LEVELS + expect("1m", 'alerts = [{ rule = "low", sate = "x" }]'), 'unknown key; did you mean "state"?'),
        (LEVELS + expect("1m", 'actions = [{ action = "repay" }]'), 'did you mean "repay-usdt"?'),
        (LEVELS.replace("1.45x3", "1.45y3") + expect("1m", "alerts = []"), "series[0].values: value 2, `1.45y3`"),
        (LEVELS.replace("margin_level", "margin_levle") + expect("1m", "alerts = []"), 'did you mean "margin_level"?'),
        (LEVELS.replace('"margin_level"', '"held"') + expect("1m", "alerts = []"), ".series[0].subject: is missing"),
        (MONEY.replace("BTCUSDT", "ETHUSDT") + expect("1m", "alerts = []"), "the price of BTCUSDT is missing"),
        (MONEY.replace('"1.3"', '"1.7"') + expect("1m", "alerts = []"), "its bars are not in order"),
        (MONEY.replace("free =", "fre =") + expect("1m", "alerts = []"), 'unknown key; did you mean "free"?'),
    ],
)  # fmt: skip
def test_mistake_is_reported_with_its_place(tmp_path: Path, more: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        verdicts(tmp_path, RULES + more)
    assert told in " | ".join(str(each) for each in (raised.value, *raised.value.others))

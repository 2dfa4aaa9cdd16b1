"""The shipped ladder: its rungs, and which of them hold at worked levels for the bars of each leverage."""

import tomllib
from decimal import Decimal

import pytest

from monitor.config.rules.rule_files import parse_rules
from monitor.core.model.account import PairStatus
from monitor.core.model.alert import SEVERITIES, MetricScope
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.rules.rule import Finding, Rule, evaluate_rule, merge_rules, rule_applies
from monitor.resources import packaged_path

FILE = packaged_path("config", "rules", "ladder.toml")
RULES = parse_rules(tomllib.loads(FILE.read_text())["rules"], FILE.name)
BY_NAME = {rule.name: rule for rule in RULES}

CROSS_3X = ("1.5", "1.3", "1.1")
CROSS_5X = ("1.25", "1.16", "1.1")
ISOLATED_5X = ("1.25", "1.19", "1.15")


def found(name: str, **values: str | MissingValue) -> Finding:
    known: dict[str, MetricValue] = {
        metric: value if isinstance(value, MissingValue) else Decimal(value) for metric, value in values.items()
    }
    return evaluate_rule(BY_NAME[name], known.__getitem__)


def rungs_that_hold(level: str, bars: tuple[str, str, str], scope: MetricScope, status: PairStatus) -> list[str]:
    initial, call, liquidation = (Decimal(bar) for bar in bars)
    known: dict[str, MetricValue] = {
        "margin_level": Decimal(level),
        "initial_level": initial,
        "margin_call_level": call,
        "liquidation_level": liquidation,
        "distance_to_liquidation": max(Decimal(0), 1 - liquidation / Decimal(level)),
        "status": Decimal(int(status)),
    }
    ladder = [rule for rule in RULES if rule.ladder == "level" and rule_applies(rule, "main", scope, "")]
    return [rule.name for rule in ladder if evaluate_rule(rule, known.__getitem__).holds is True]


def test_the_ladder_ships_every_rule_in_its_order() -> None:
    assert list(BY_NAME) == [
        "thin",
        "below-initial",
        "near-call",
        "margin-call",
        "margin-call-isolated",
        "liquidation-near",
        "worst-day",
        "odds-high",
        "odds-high-critical",
        "falling-fast",
        "liquidated",
        "depeg",
        "depeg-critical",
        "blind",
        "very-blind",
        "prices-dead",
        "stream-down",
        "drift",
        "conditions-unknown",
        "mute",
        "space-low",
        "cannot-record",
        "account-failing",
        "rate-spike",
        "interest-eats",
        "monitoring-tag",
        "delisting",
        "delisting-critical",
        "key-refused",
        "key-unsafe",
        "key-expiring",
        "foreign-hand",
        "clock-off",
        "clock-off-critical",
        "cannot-act",
    ]


@pytest.mark.parametrize("ladder", ["level", "odds", "depeg", "blind", "delisting"])
def test_rungs_grow_worse_in_file_order(ladder: str) -> None:
    rungs = [rule for rule in RULES if rule.ladder == ladder]
    assert [rule.rung for rule in rungs] == list(range(1, len(rungs) + 1))
    severities = [SEVERITIES.index(rule.severity) for rule in rungs]
    assert severities == sorted(severities)
    assert len(rungs) > 1


def test_level_rungs_have_no_waiting_time() -> None:
    assert {rule.name: rule.for_s for rule in RULES if rule.ladder == "level" and rule.for_s} == {}


def test_key_rules_are_three_without_ladder() -> None:
    assert [BY_NAME[name].ladder for name in ("key-refused", "key-unsafe", "key-expiring")] == [None] * 3


@pytest.mark.parametrize(
    ("name", "for_s", "severity", "repeat_s"),
    [
        ("thin", 0, "info", 86_400),
        ("below-initial", 0, "warning", 3_600),
        ("near-call", 0, "critical", 300),
        ("margin-call", 0, "critical", 120),
        ("margin-call-isolated", 0, "critical", 120),
        ("liquidation-near", 0, "critical", 60),
        ("worst-day", 900, "warning", 604_800),
        ("odds-high", 900, "warning", 86_400),
        ("odds-high-critical", 900, "critical", 14_400),
        ("falling-fast", 0, "critical", 300),
        ("liquidated", 0, "critical", 86_400),
        ("depeg", 60, "warning", 3_600),
        ("depeg-critical", 0, "critical", 300),
        ("blind", 0, "warning", 3_600),
        ("very-blind", 0, "critical", 300),
        ("prices-dead", 10, "warning", 3_600),
        ("stream-down", 120, "info", 86_400),
        ("drift", 120, "warning", 3_600),
        ("conditions-unknown", 0, "critical", 300),
        ("mute", 60, "critical", 300),
        ("space-low", 60, "warning", 86400),
        ("cannot-record", 30, "critical", 300),
        ("account-failing", 10, "critical", 300),
        ("rate-spike", 0, "info", 86_400),
        ("interest-eats", 3_600, "warning", 86_400),
        ("delisting", 0, "warning", 3_600),
        ("delisting-critical", 0, "critical", 300),
        ("key-refused", 0, "critical", 300),
        ("key-unsafe", 0, "critical", 300),
        ("key-expiring", 0, "critical", 300),
        ("foreign-hand", 0, "critical", 86_400),
        ("clock-off", 30, "warning", 3_600),
        ("clock-off-critical", 30, "critical", 300),
        ("cannot-act", 0, "critical", 300),
    ],
)
def test_rule_waits_and_repeats_as_designed(name: str, for_s: int, severity: str, repeat_s: int) -> None:
    rule = BY_NAME[name]
    assert [rule.for_s, rule.severity, rule.repeat_s] == [for_s, severity, repeat_s]


def test_unanswered_alerts_escalate() -> None:
    (to_critical,) = BY_NAME["below-initial"].escalate
    assert [to_critical.after_s, to_critical.severity, to_critical.fallbacks] == [300, "critical", False]
    (to_fallbacks,) = BY_NAME["near-call"].escalate
    assert [to_fallbacks.after_s, to_fallbacks.severity, to_fallbacks.fallbacks] == [180, None, True]


def test_every_rule_reaches_every_channel_and_none_acts() -> None:
    assert all(rule.channels is None and rule.actions == () for rule in RULES)


NONE: list[str] = []
THIN = ["thin"]
INITIAL = ["thin", "below-initial"]
NEAR = [*INITIAL, "near-call"]
CALL = [*NEAR, "margin-call"]
LAST = [*CALL, "liquidation-near"]
CALL_PAIR = [*NEAR, "margin-call-isolated"]
LAST_PAIR = [*CALL_PAIR, "liquidation-near"]


@pytest.mark.parametrize(
    ("level", "bars", "rungs"),
    [
        # distance < 30 % below 1.1 ÷ 0.7 = 1.5714; near-call below (1.5 + 1.3) ÷ 2 = 1.4; the last below 1.2
        ("1.58", CROSS_3X, NONE),
        ("1.57", CROSS_3X, THIN),
        ("1.50", CROSS_3X, THIN),
        ("1.499", CROSS_3X, INITIAL),
        ("1.40", CROSS_3X, INITIAL),
        ("1.399", CROSS_3X, NEAR),
        ("1.301", CROSS_3X, NEAR),
        ("1.30", CROSS_3X, CALL),
        ("1.20", CROSS_3X, CALL),
        ("1.199", CROSS_3X, LAST),
        ("1.05", CROSS_3X, LAST),
        # near-call below (1.25 + 1.16) ÷ 2 = 1.205; the last below (1.16 + 1.1) ÷ 2 = 1.13
        ("1.25", CROSS_5X, THIN),
        ("1.249", CROSS_5X, INITIAL),
        ("1.205", CROSS_5X, INITIAL),
        ("1.204", CROSS_5X, NEAR),
        ("1.16", CROSS_5X, CALL),
        ("1.13", CROSS_5X, CALL),
        ("1.129", CROSS_5X, LAST),
    ],
)
def test_cross_rungs_hold_at_the_thresholds_of_the_account(
    level: str, bars: tuple[str, str, str], rungs: list[str]
) -> None:
    assert rungs_that_hold(level, bars, "cross", PairStatus.NORMAL) == rungs


@pytest.mark.parametrize(
    ("level", "status", "rungs"),
    [
        # near-call below (1.25 + 1.19) ÷ 2 = 1.22; the last below 1.17, or 2 % from 1.15: below 1.1735
        ("1.25", PairStatus.NORMAL, THIN),
        ("1.249", PairStatus.NORMAL, INITIAL),
        ("1.22", PairStatus.NORMAL, INITIAL),
        ("1.219", PairStatus.NORMAL, NEAR),
        ("1.19", PairStatus.NORMAL, CALL_PAIR),
        ("1.174", PairStatus.MARGIN_CALL, CALL_PAIR),
        ("1.173", PairStatus.MARGIN_CALL, LAST_PAIR),
        ("1.15", PairStatus.FORCE_LIQUIDATION, LAST_PAIR),
        ("1.24", PairStatus.MARGIN_CALL, [*INITIAL, "margin-call-isolated"]),
    ],
)
def test_isolated_rungs_hold_at_the_levels_of_the_tier(level: str, status: PairStatus, rungs: list[str]) -> None:
    assert rungs_that_hold(level, ISOLATED_5X, "isolated", status) == rungs


@pytest.mark.parametrize(
    ("odds", "rungs"),
    [
        ("0", NONE),
        ("0.000001", ["worst-day"]),
        ("0.02", ["worst-day"]),
        ("0.021", ["worst-day", "odds-high"]),
        ("0.101", ["worst-day", "odds-high", "odds-high-critical"]),
    ],
)
def test_odds_rungs_hold_at_one_window_and_above_two_and_ten_per_cent(odds: str, rungs: list[str]) -> None:
    edge = {"worst_level_1d": "1.1", "liquidation_level": "1.1"}
    assert [
        rule.name
        for rule in RULES
        if rule.ladder == "odds" and found(rule.name, liquidation_odds_1d=odds, **edge).holds
    ] == rungs


def test_odds_clear_with_hysteresis() -> None:
    values = {"liquidation_odds_1d": "0", "liquidation_level": "1.1"}
    assert found("worst-day", worst_level_1d="1.133", **values).clears is False
    assert found("worst-day", worst_level_1d="1.134", **values).clears is True
    assert found("worst-day", worst_level_1d="Infinity", **values).clears is True
    assert found("odds-high", liquidation_odds_1d="0.01").clears is False
    assert found("odds-high", liquidation_odds_1d="0.009").clears is True
    assert found("odds-high-critical", liquidation_odds_1d="0.07").clears is False
    assert found("odds-high-critical", liquidation_odds_1d="0.069").clears is True


def test_levels_clear_with_hysteresis() -> None:
    bars = {"initial_level": "1.5", "margin_call_level": "1.3", "liquidation_level": "1.1"}
    assert found("below-initial", margin_level="1.53", **bars).clears is False
    assert found("below-initial", margin_level="1.531", **bars).clears is True
    assert found("near-call", margin_level="1.5", **bars).clears is False
    assert found("near-call", margin_level="1.51", **bars).clears is True
    assert found("margin-call", margin_level="1.326", **bars).clears is False
    assert found("margin-call", margin_level="1.327", **bars).clears is True
    last = found("liquidation-near", margin_level="1.31", distance_to_liquidation="0.16", **bars)
    assert last.clears is True


def test_after_full_repayment_every_level_rung_clears() -> None:
    values: dict[str, str | MissingValue] = {
        "margin_level": "Infinity",
        "distance_to_liquidation": "Infinity",
        "initial_level": "1.5",
        "margin_call_level": "1.3",
        "liquidation_level": "1.1",
        "margin_level_change_5m": "0",
        "status": "0",
    }
    names = [rule.name for rule in RULES if rule.ladder == "level"] + ["falling-fast"]
    assert [found(name, **values).clears for name in names] == [True] * len(names)


def test_falling_fast_holds_when_ten_minutes_of_this_pace_end_in_liquidation() -> None:
    assert (
        found("falling-fast", margin_level="1.5", margin_level_change_5m="-0.2", liquidation_level="1.1").holds is True
    )
    assert (
        found("falling-fast", margin_level="1.5", margin_level_change_5m="-0.19", liquidation_level="1.1").holds
        is False
    )


@pytest.mark.parametrize(
    ("initial", "call", "end"),
    [
        ("1.5", "1.3", "1.1"),
        ("1.25", "1.16", "1.1"),
        ("1.5", "1.22", "1.18"),
        ("1.25", "1.19", "1.15"),
        ("1.111", "1.1", "1.05"),
    ],
)
def test_falling_fast_goes_on_near_liquidation_alone_where_near_call_fires_too(
    initial: str, call: str, end: str
) -> None:
    def flat(level: Decimal) -> Finding:
        return found("falling-fast", margin_level=str(level), margin_level_change_5m="0", liquidation_level=end)

    edge = Decimal(end) * Decimal("1.05")
    assert (flat(edge).holds, flat(edge).clears) == (False, False)
    assert flat(edge + Decimal("0.0001")).clears is True
    bars = {"initial_level": initial, "margin_call_level": call}
    assert found("near-call", margin_level=str(edge), **bars).holds is True


@pytest.mark.parametrize(
    ("age", "interval", "blind", "very_blind"),
    [
        ("180", "60", False, False),
        ("181", "60", True, False),
        ("361", "60", True, True),
        ("10", "2", False, False),
        ("11", "2", True, False),
        ("31", "2", True, True),
    ],
)
def test_stale_data_alert_fires_after_three_minutes_or_ten_seconds(
    age: str, interval: str, blind: bool, very_blind: bool
) -> None:
    assert found("blind", data_age=age, poll_interval=interval).holds is blind
    assert found("very-blind", data_age=age, poll_interval=interval).holds is very_blind


def test_asset_without_peg_is_left_out_of_depeg() -> None:
    finding = found("depeg", peg_deviation=MissingValue.NOT_APPLICABLE, held="1")
    assert (finding.holds, finding.clears) == (MissingValue.NOT_APPLICABLE, MissingValue.NOT_APPLICABLE)


def test_depeg_holds_only_while_the_asset_is_held() -> None:
    assert found("depeg", peg_deviation="-0.021", held="1").holds is True
    assert found("depeg", peg_deviation="-0.021", held="0").clears is True
    assert found("depeg", peg_deviation="-0.015", held="1").clears is False
    assert found("depeg-critical", peg_deviation="-0.051", held="1").holds is True


def test_rate_spike_needs_debt() -> None:
    assert found("rate-spike", annual_rate="0.31", rate_change_24h="0", owed="1").holds is True
    assert found("rate-spike", annual_rate="0.1", rate_change_24h="1.01", owed="1").holds is True
    assert found("rate-spike", annual_rate="0.31", rate_change_24h="0", owed="0").clears is True
    assert found("rate-spike", annual_rate="0.27", rate_change_24h="0", owed="1").clears is False


def test_nothing_scheduled_is_no_delisting() -> None:
    assert found("delisting", time_to_delist="Infinity").holds is False
    assert found("delisting", time_to_delist="604799").holds is True
    assert found("delisting-critical", time_to_delist="86399").holds is True


def uncommented_actions() -> dict[str, list[dict[str, object]]]:
    """What a reader gets who copies the commented part as the file says."""
    text = FILE.read_text()
    part = text[text.index("# [[rules]]") :]
    lines = [line.removeprefix("#").removeprefix(" ") for line in part.splitlines()]
    loaded: dict[str, list[dict[str, object]]] = tomllib.loads("\n".join(lines))
    return loaded


def test_action_rung_is_commented_out_and_replaces_near_call_in_its_place() -> None:
    tables = uncommented_actions()
    own = parse_rules(tables["rules"], "config.toml")
    merged = {rule.name: rule for rule in merge_rules(RULES, own)}
    with_actions, without = merged["near-call"], BY_NAME["near-call"]
    assert with_actions.actions == ("repay-idle", "top-up")
    assert [_but_actions(with_actions)] == [_but_actions(without)]
    assert [(table["name"], table["kind"], table["mode"]) for table in tables["actions"]] == [
        ("repay-idle", "repay", "dry-run"),
        ("top-up", "transfer_in", "dry-run"),
    ]


def _but_actions(rule: Rule) -> tuple[object, ...]:
    return (rule.rung, rule.scopes, rule.when, rule.clear, rule.severity, rule.repeat_s, rule.escalate, rule.ladder)

"""Every kind of flaw: a good configuration has none, and one with a single change has exactly that flaw."""

import tomllib
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from monitor import resources
from monitor.config.rules.rule_files import parse_rules
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import parse_sizing_target
from monitor.core.model.account import Thresholds
from monitor.core.model.alert import SEVERITIES
from monitor.core.rules.rule import merge_rules
from monitor.lint.checks import run_checks
from monitor.lint.flaws import AccountCoverage, ChannelInfo, Flaw, LintInput

LADDER = parse_rules(
    tomllib.loads(resources.packaged_path("config", "rules", "ladder.toml").read_text())["rules"], "ladder"
)
ALL = frozenset(SEVERITIES)
PHONE, MAIL = ChannelInfo("phone", ALL, fallback="mail"), ChannelInfo("mail", ALL, fallback="phone", wakes=False)
REPAY = ActionSpec(
    "repay",
    "repay",
    asset="USDT",
    target=parse_sizing_target("margin_level >= initial_level * 1.05"),
    max_amount=Decimal(1000),
)
OWN_RULE: dict[str, Any] = {
    "name": "near-call",
    "scope": ["cross", "isolated"],
    "ladder": "level",
    "when": "margin_level < (initial_level + margin_call_level) / 2",
    "clear": "margin_level > initial_level",
    "severity": "critical",
    "actions": ["repay"],
}


def good_setup(*own: dict[str, Any], without: str = "", **changed: Any) -> LintInput:
    """Input of a good configuration, with own rules added, or without a rule of the ladder."""
    shipped = [rule for rule in LADDER if rule.name != without]
    good = LintInput(
        rules=merge_rules(
            shipped, parse_rules([entry for entry in (OWN_RULE, *own) if entry["name"] != without], "mine")
        ),
        actions=(REPAY,),
        channels=(PHONE, MAIL),
        accounts=(AccountCoverage("main"),),
        default_rules=frozenset(rule.name for rule in shipped),
        has_heartbeat=True,
        prices_usdt={"USDT": Decimal(1)},
    )
    return replace(good, **changed)


def rule(name: str, when: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "scope": "cross", "when": when, **keys}


def flaws_after(altered: LintInput) -> list[tuple[str, str | None]]:
    return [(flaw.kind, flaw.rule) for flaw in run_checks(altered)]


def test_the_shipped_ladder_with_two_channels_and_a_heartbeat_has_no_flaw() -> None:
    assert run_checks(good_setup()) == ()


@pytest.mark.parametrize(
    "own",
    [
        rule("coins", "owed > 0", scope="asset"),
        rule("two", "margin_level < 1.4 and assets_usdt > 1000", clear="margin_level > 1.5"),
        rule("pair", "status >= MARGIN_CALL or margin_level < 1.2", scope="isolated", clear="margin_level > 1.3"),
        rule("falling", "margin_level + 3 * margin_level_change_5m < liquidation_level"),
        rule("off", "stream_connected == 0", scope="monitor", clear="stream_connected == 1"),
        rule("rates", "annual_rate > 30% and owed > 0", scope="asset", clear="annual_rate < 25% or owed == 0"),
    ],
    ids=lambda own: str(own["name"]),
)
def test_good_own_rule_has_no_flaw(own: dict[str, Any]) -> None:
    assert run_checks(good_setup(own)) == ()


@pytest.mark.parametrize("without", ["near-call", "below-initial"])
def test_a_missing_rung_is_a_gap(without: str) -> None:
    flaws = run_checks(good_setup(without=without))
    assert {flaw.kind for flaw in flaws} == {"ladder-gap"}


@pytest.mark.parametrize(
    ("rungs", "named"),
    [
        # Between 1.3 and 1.2 nothing holds.
        (
            [
                rule("early", "margin_level < 1.6 and margin_level > 1.3", ladder="mine", severity="critical"),
                rule("late", "margin_level < 1.2", ladder="mine", severity="critical"),
            ],
            "early",
        ),
        # The worse one begins first.
        (
            [
                rule("low", "margin_level < 1.35", ladder="mine", severity="critical"),
                rule("lower", "margin_level < 1.5", ladder="mine", severity="critical"),
            ],
            "lower",
        ),
        # The rungs are in reverse order.
        (
            [
                rule("worst", "margin_level < 1.55", ladder="mine", severity="critical"),
                rule("mild", "margin_level < 1.5", ladder="mine", severity="warning"),
            ],
            "mild",
        ),
        # On another metric.
        (
            [
                rule("risky", "liquidation_odds_1d > 10%", ladder="mine"),
                rule("riskier", "liquidation_odds_1d > 2%", ladder="mine"),
            ],
            "riskier",
        ),
        (
            [
                rule("dear", "annual_rate > 50%", scope="asset", ladder="mine"),
                rule("dearer", "annual_rate > 20%", scope="asset", ladder="mine"),
            ],
            "dearer",
        ),
    ],
)
def test_a_gap_in_a_ladder_is_named(rungs: list[dict[str, Any]], named: str) -> None:
    assert ("ladder-gap", named) in flaws_after(good_setup(*rungs))
    assert {kind for kind, _ in flaws_after(good_setup(*rungs))} == {"ladder-gap"}


@pytest.mark.parametrize(
    "own",
    [
        rule("never", "margin_level < 1.2 and margin_level > 1.5"),
        rule("never", "margin_level < 1.05"),
        rule("never", "held < 0", scope="asset"),
        rule("never", "owed > 5 and owed == 0", scope="asset"),
        rule("never", "margin_call_level > initial_level"),
    ],
    ids=lambda own: str(own["when"]),
)
def test_a_rule_that_can_never_fire_is_named(own: dict[str, Any]) -> None:
    assert flaws_after(good_setup(own)) == [("never-fires", "never")]


def test_rule_without_subjects_is_a_flaw() -> None:
    only_pairs = (AccountCoverage("main", cross=False, pairs=("BTCUSDT",)),)
    assert flaws_after(good_setup(rule("mine", "margin_level < 1.5"), accounts=only_pairs)) == [("never-fires", "mine")]
    eth = rule("mine", "margin_level < 1.5", scope="isolated", symbols=["ETH*"])
    assert flaws_after(good_setup(eth, accounts=only_pairs)) == [("never-fires", "mine")]
    assert run_checks(good_setup({**eth, "symbols": ["BTC*"]}, accounts=only_pairs)) == ()
    peg = rule("mine", "peg_deviation < -2%", scope="asset", assets=["BTC"])
    assert flaws_after(good_setup(peg, pegged_assets=frozenset({"DAI"}))) == [("never-fires", "mine")]


@pytest.mark.parametrize(
    ("when", "clear"),
    [
        ("margin_level < 1.5", "margin_level > 1.4"),
        ("margin_level < 1.5", "margin_level < 1.6"),
        ("margin_level < initial_level", "margin_level > margin_call_level"),
        ("distance_to_liquidation < 20%", "distance_to_liquidation > 10%"),
        ("margin_level < 1.5", "margin_level > 1.6 and margin_level < 1.55"),
    ],
)
def test_hysteresis_upside_down_is_named(when: str, clear: str) -> None:
    assert flaws_after(good_setup(rule("mine", when, clear=clear))) == [("hysteresis", "mine")]


def test_a_target_below_its_own_trigger_is_named() -> None:
    low = replace(REPAY, target=parse_sizing_target("margin_level >= margin_call_level"))
    assert flaws_after(good_setup(actions=(low,))) == [("target", "near-call")]
    high = rule("mine", "margin_level < 1.6", clear="margin_level > 1.7", actions=["repay"])
    assert flaws_after(good_setup(high)) == [("target", "mine")]


def test_a_target_is_held_against_the_bars_that_the_account_has() -> None:
    mine = rule("mine", "margin_level < 1.5", clear="margin_level > 1.55", actions=["repay"])
    # 1.5 × 1.05 is above the trigger, 1.25 × 1.05 is not.
    assert run_checks(good_setup(mine)) == ()
    five = Thresholds(Decimal("1.25"), Decimal("1.16"), Decimal("1.1"))
    assert ("target", "mine") in flaws_after(good_setup(mine, thresholds={"cross": (five,)}))


def test_critical_rule_without_a_waking_channel_is_a_flaw() -> None:
    quiet = rule("mine", "margin_level < 1.5", severity="critical", channels=["mail"])
    assert flaws_after(good_setup(quiet)) == [("silent-at-night", "mine")]
    deaf = (replace(PHONE, severities=frozenset({"warning"})), MAIL)
    assert flaws_after(good_setup(channels=deaf)) == [("silent-at-night", None)]
    assert flaws_after(good_setup(channels=())) == [("silent-at-night", None)]


def test_a_channel_without_fallback_is_named() -> None:
    (flaw,) = run_checks(good_setup(channels=(replace(PHONE, fallback=None), MAIL)))
    assert (flaw.kind, '"phone"' in flaw.detail) == ("no-fallback", True)


def test_account_without_a_stale_data_rule_is_a_flaw() -> None:
    def flaws(watched: str, *, accounts: str) -> list[Flaw]:
        blind = rule("blind", "data_age > 3m", scope="monitor", accounts=[accounts])
        rules = tuple(rule for rule in LADDER if "data_age" not in rule.metric_names)
        merged = merge_rules(rules, parse_rules([blind], "mine"))
        return list(run_checks(good_setup(rules=merged, actions=(), accounts=(AccountCoverage(watched),))))

    assert flaws("main", accounts="main") == []
    (flaw,) = flaws("main", accounts="second")
    assert (flaw.kind, "main" in flaw.detail) == ("no-blindness-rule", True)


def test_no_heartbeat_is_named() -> None:
    assert flaws_after(good_setup(has_heartbeat=False)) == [("no-heartbeat", None)]


@pytest.mark.parametrize(
    "small",
    [
        {"max_amount": Decimal(5)},
        {"max_per_day": Decimal(5)},
        {"max_amount_usdt": Decimal(5)},
        {"asset": "BTC", "max_amount": Decimal("0.0001")},
    ],
    ids=lambda small: ",".join(small),
)
def test_a_cap_too_small_for_one_useful_repayment_is_named(small: dict[str, Any]) -> None:
    altered = good_setup(actions=(replace(REPAY, **small),), prices_usdt={"USDT": Decimal(1), "BTC": Decimal(60_000)})
    assert flaws_after(altered) == [("small-cap", None)]


def test_a_cap_is_held_against_the_debt_that_is_known() -> None:
    # 1,000 of 50,000 raise a level of 1.4 by 1,000 × 0.4 ÷ 49,000 = 0.008.
    assert flaws_after(good_setup(largest_debt_usdt=Decimal(50_000))) == [("small-cap", None)]
    assert run_checks(good_setup(largest_debt_usdt=Decimal(30_000))) == ()

"""Simulator: rules and actions in virtual time, against figures worked out by hand."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import parse_sizing_target
from monitor.core.engine.step import Policy
from monitor.core.model.account import CROSS, Balance, Scope, Thresholds
from monitor.simulation.portfolio import PairHolding, SimulatedPortfolio
from monitor.simulation.simulator import MarketFrame, simulate
from monitor.simulation.timeline import SimulationTimeline
from tests.simulation.example_account import LOW_RULE, PORTFOLIO, REPAY, START, TOP_UP, D, frames, policy


def story_lines(policy: Policy, portfolio: SimulatedPortfolio, given: list[MarketFrame]) -> SimulationTimeline:
    chronicle = SimulationTimeline()
    for moment in simulate(policy, portfolio, given):
        chronicle.record(moment)
    return chronicle


def test_a_rule_fires_at_the_level_of_the_prices_and_resolves_by_its_clear() -> None:
    story = story_lines(policy(), PORTFOLIO, frames(60_000, 51_000, 55_000, 57_000))
    # 1.55, 1.325, 1.425 (neither fires nor clears), 1.475.
    (alert,) = story.fired
    assert (alert.fired_at, alert.resolved_at) == (START + timedelta(seconds=20), START + timedelta(seconds=60))
    assert story.lows[CROSS].level == Decimal("1.325")


def test_an_action_is_carried_out_and_the_next_one_follows_it() -> None:
    story = story_lines(policy(REPAY, TOP_UP), PORTFOLIO, frames(60_000, 51_000, 51_000))
    # All that is free is repaid: 51,000 ÷ 38,000 = 1.342. To 1.5 it takes 38,000 − 51,000 ÷ 1.5 = 4,000 more.
    kinds = [f"{intent.kind} {intent.amount.quantize(D(1))} {intent.asset}" for intent in story.executed]
    assert kinds == ["repay 2000 USDT", "transfer_in 4000 USDT", "repay 4000 USDT"]
    at = [(intent.created_at - START).total_seconds() for intent in story.executed]
    assert at == [20, 22, 24]
    (alert,) = story.fired
    assert alert.resolved_at == START + timedelta(seconds=26)


def test_sale_repays_at_the_current_price() -> None:
    sell = ActionSpec("top-up", "reduce", target=parse_sizing_target("margin_level >= 1.5"))
    story = story_lines(policy(sell), PORTFOLIO, frames(60_000, 51_000, 51_000))
    # (1.5·40,000 − 53,000) ÷ (1.5·0.999 − 1) = 14,042.126…
    [sold] = story.executed
    assert (sold.kind, sold.asset, sold.amount.quantize(D(1))) == ("reduce", "USDT", D(14_042))
    (alert,) = story.fired
    assert alert.resolved_at == START + timedelta(seconds=22)


def test_dry_run_and_approve_actions_are_simulated_as_live() -> None:
    for mode in ("dry-run", "approve"):
        story = story_lines(policy(replace(REPAY, mode=mode)), PORTFOLIO, frames(60_000, 51_000))
        assert [intent.amount for intent in story.executed] == [2000]


def test_exhausted_cap_is_reported() -> None:
    capped = replace(TOP_UP, max_amount=D(1000), max_per_day=D(1000), asset="USDT")
    story = story_lines(policy(capped), PORTFOLIO, frames(60_000, 51_000, *[50_000] * 6))
    assert sum(intent.amount for intent in story.executed if intent.kind == "transfer_in") == 1000
    assert story.current_blocks[CROSS, "top-up"].startswith("max_per_day is used up")


def test_account_at_its_liquidation_level_is_liquidated() -> None:
    story = story_lines(policy(), PORTFOLIO, frames(60_000, 42_000, 30_000))
    assert story.liquidated == {CROSS: START + timedelta(seconds=20)}
    assert story.lows[CROSS].level == Decimal("1.1")
    (alert,) = story.fired
    # 44,000 less 40,000 are left, and no debt: the alert is over although the price falls on.
    assert alert.resolved_at == START + timedelta(seconds=40)


def test_a_pair_is_an_account_of_its_own() -> None:
    pair = PairHolding(
        Balance("BTC", free=D(1)), Balance("USDT", borrowed=D(40_000)), Thresholds(D(2), D("1.19"), D("1.15"))
    )
    rule = {**LOW_RULE, "scope": "isolated", "when": "status >= MARGIN_CALL", "clear": "margin_level > 1.45"}
    account = SimulatedPortfolio(pairs={"BTCUSDT": pair})
    story = story_lines(policy(rules=[rule]), account, frames(60_000, 47_000, 46_000))
    assert [alert.key.subject for alert in story.fired] == ["BTCUSDT"]
    # 46,000 ÷ 40,000 is the liquidation ratio of 1.15.
    assert story.liquidated == {Scope("BTCUSDT"): START + timedelta(seconds=40)}


def test_unreadable_account_goes_stale() -> None:
    blind = {"name": "blind", "scope": "monitor", "when": "data_age > 3m", "severity": "warning"}
    given = [replace(frame, is_read=index == 0) for index, frame in enumerate(frames(*[60_000] * 15))]
    (alert,) = story_lines(policy(rules=[blind]), PORTFOLIO, given).fired
    assert alert.fired_at == START + timedelta(seconds=200)


def test_given_metrics_override_computed_ones() -> None:
    given = MarketFrame(
        START, overrides={("cross", ""): {"margin_level": D("1.2")}, ("asset", "DAI"): {"peg_deviation": D(0)}}
    )
    (alert,) = story_lines(policy(), SimulatedPortfolio(), [given]).fired
    assert (alert.key.scope, alert.value) == ("cross", D("1.2"))

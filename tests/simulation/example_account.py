"""Example account of the simulation tests: one coin against borrowed USDT, and a rule with two actions."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from monitor.config.rules.rule_files import parse_rules
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import parse_sizing_target
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.engine.step import Policy
from monitor.core.model.account import Balance, Thresholds
from monitor.core.state.account_settings import AccountSettings
from monitor.simulation.portfolio import SimulatedPortfolio
from monitor.simulation.simulator import MarketFrame

D = Decimal
START = datetime(2025, 10, 10, 21, 0, tzinfo=UTC)
BARS = Thresholds(D("1.5"), D("1.3"), D("1.1"))

PORTFOLIO = SimulatedPortfolio(
    cross={"BTC": Balance("BTC", free=D(1)), "USDT": Balance("USDT", free=D(2000), borrowed=D(40_000))},
    thresholds=BARS,
    wallets={"spot": {"USDT": D(20_000)}},
)
"""At 60,000 its level is 62,000 ÷ 40,000 = 1.55, at 51,000 it is 1.325, at 42,000 it is 1.1."""

LOW_RULE: dict[str, Any] = {
    "name": "low",
    "scope": "cross",
    "when": "margin_level < 1.4",
    "clear": "margin_level > 1.45",
    "severity": "critical",
    "actions": ["repay", "top-up"],
}

REPAY = ActionSpec("repay", "repay", target=parse_sizing_target("margin_level >= 1.5"))
TOP_UP = ActionSpec("top-up", "transfer_in", target=parse_sizing_target("margin_level >= 1.5"), use="repay")


def policy(*actions: ActionSpec, rules: Sequence[dict[str, Any]] = (LOW_RULE,)) -> Policy:
    names = {action.name for action in actions}
    kept = [{**rule, "actions": [name for name in rule.get("actions", []) if name in names]} for rule in rules]
    return Policy(
        AccountSettings("main"),
        parse_rules(kept, "rules.toml"),
        routing=ChannelRouting(channels=("phone", "mail")),
        actions=tuple(replace(action) for action in actions),
    )


def frames(*prices: int, every: timedelta = timedelta(seconds=20)) -> list[MarketFrame]:
    """Frames with the price of BTC, one value after the other."""
    return [MarketFrame(START + every * index, {"BTCUSDT": D(price)}) for index, price in enumerate(prices)]

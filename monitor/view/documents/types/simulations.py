"""Types of rule tests and backtests."""

from typing import Any, TypedDict

from monitor.core.model.account import ScopeKind
from monitor.core.model.alert import MetricScope, Severity
from monitor.view.documents.types.values import Count, DecimalText, TimeText


class RuleTestDocument(TypedDict):
    """One rule test: by the time of each expectation, the expected and the actual alerts or actions."""

    file: str
    name: str
    ok: bool
    expected: list[dict[str, Any]]
    got: list[dict[str, Any]]


class RuleTestListDocument(TypedDict):
    """All tests of one call."""

    passed: Count
    failed: Count
    items: list[RuleTestDocument]


class SimulatedActionDocument(TypedDict):
    """An action that would have acted."""

    action: str
    kind: str
    asset: str
    amount: DecimalText
    amount_usdt: DecimalText
    source: str | None
    at: TimeText
    level_before: DecimalText | None
    level_after: DecimalText | None


class SimulatedAlertDocument(TypedDict):
    """An alert that would have fired."""

    rule: str
    account: str
    scope: MetricScope
    subject: str | None
    severity: Severity
    fired_at: TimeText | None
    resolved_at: TimeText | None
    minutes_before_low: DecimalText | None
    actions: list[SimulatedActionDocument]


class LowDocument(TypedDict):
    """The lowest level of a scope, and its liquidation."""

    level: DecimalText | None
    at: TimeText | None
    liquidated_at: TimeText | None


class ScopeLowDocument(LowDocument):
    """The lowest level with the actions, and without them where any acted."""

    account: str
    scope: ScopeKind
    symbol: str | None
    without_actions: LowDocument | None


class SimulatedAmountDocument(TypedDict):
    """The sum that actions of one kind would have moved."""

    account: str
    kind: str
    asset: str
    amount: DecimalText


class SimulatedBlockDocument(TypedDict):
    """An action that would have been blocked."""

    account: str
    action: str
    reason: str
    since: TimeText


class BacktestDocument(TypedDict):
    """A backtest of all accounts."""

    items: list[SimulatedAlertDocument]
    lows: list[ScopeLowDocument]
    moved: list[SimulatedAmountDocument]
    blocked: list[SimulatedBlockDocument]

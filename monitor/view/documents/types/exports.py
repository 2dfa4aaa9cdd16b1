"""Types of the rows of `export`. The fields, in this order, are the columns of its CSV."""

from typing import TypedDict

from monitor.core.model.account import ScopeKind
from monitor.core.model.alert import AlertState, MetricScope, Severity
from monitor.core.model.intent import IntentMode, IntentState
from monitor.core.model.ledger import MovementKind, MovementOrigin
from monitor.core.model.order import ActionKind, ManualCallKind, OrderSide
from monitor.view.documents.types.values import DecimalText, Number, TimeText


class InterestExportRow(TypedDict):
    """One interest charge. `asset` is what was paid; `raw_asset` what is owed, where the exchange names it."""

    at: TimeText
    account: str
    scope: ScopeKind
    symbol: str | None
    asset: str
    interest: DecimalText
    principal: DecimalText
    daily_rate: DecimalText
    type: str
    raw_asset: str
    tx_id: int


class MovementExportRow(TypedDict):
    """One row of the exchange's histories. `amount` has no sign: `kind` and `type` say the direction."""

    at: TimeText
    account: str
    scope: ScopeKind
    symbol: str | None
    kind: MovementKind
    type: str
    asset: str
    amount: DecimalText
    origin: MovementOrigin
    intent: Number | None
    key: str
    detail: dict[str, str | int | None]
    seen_at: TimeText


class ActionExportRow(TypedDict):
    """One intent as it ended, or stands now."""

    id: Number
    created_at: TimeText
    account: str
    scope: ScopeKind
    symbol: str | None
    action: str
    kind: ActionKind | ManualCallKind
    mode: IntentMode
    state: IntentState
    asset: str
    amount: DecimalText
    amount_usdt: DecimalText
    alert: Number | None
    plan: Number | None
    market: str | None
    side: OrderSide | None
    quantity: DecimalText | None
    price: DecimalText | None
    level_before: DecimalText | None
    level_after: DecimalText | None
    submitted_at: TimeText | None
    settled_at: TimeText | None
    tran_id: str | None
    reason: str | None
    evidence: str | None
    executed_late: bool
    resolved_by: str | None


class AlertExportRow(TypedDict):
    """One alert as it ended, or stands now."""

    id: Number
    since: TimeText
    fired_at: TimeText | None
    resolved_at: TimeText | None
    rule: str
    account: str
    scope: MetricScope
    subject: str | None
    severity: Severity
    state: AlertState
    value: DecimalText | None
    when: str
    clear: str
    summary: str
    acked_by: str | None
    acked_at: TimeText | None
    ack_comment: str | None
    silenced_by: Number | None
    inhibited_by: Number | None
    gone: bool
    labels: dict[str, str]


class SampleExportRow(TypedDict):
    """One sample. Without a value, `missing` says why: `infinite` or `unavailable`."""

    at: TimeText
    account: str
    scope: MetricScope
    subject: str | None
    metric: str
    value: DecimalText | None
    missing: str | None

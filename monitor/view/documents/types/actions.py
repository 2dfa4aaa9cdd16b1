"""Types of intents, and of answers to commands about actions."""

from typing import NotRequired, TypedDict

from monitor.core.model.account import ScopeKind
from monitor.core.model.intent import IntentMode, IntentState
from monitor.core.model.order import ActionKind, ManualCallKind, OrderSide
from monitor.view.documents.types.account import RuleStopDocument
from monitor.view.documents.types.values import Count, DecimalText, Number, TimeText


class TradeDocument(TypedDict):
    """The trade of an order on the market."""

    symbol: str
    side: OrderSide
    quantity: DecimalText
    price: DecimalText
    client_id: str


class IntentStepDocument(TypedDict):
    """One step of an intent; `request` and `answer` where one was sent."""

    state: IntentState
    at: TimeText
    note: str
    request: NotRequired[str]
    answer: NotRequired[str | None]


class ActionDocument(TypedDict):
    """An intent and all its steps, oldest first. `order`: the trade of an order on the market."""

    order: NotRequired[TradeDocument]
    id: Number
    plan: Number | None
    action: str
    kind: ActionKind | ManualCallKind
    mode: IntentMode
    account: str
    scope: ScopeKind
    symbol: str | None
    alert: Number | None
    state: IntentState
    asset: str
    amount: DecimalText
    amount_usdt: DecimalText
    reason: str | None
    level_before: DecimalText | None
    level_after: DecimalText | None
    created_at: TimeText
    asked_at: TimeText | None
    expires_at: TimeText | None
    tran_id: str | None
    evidence: str | None
    executed_late: bool
    resolved_by: str | None
    stopped_by_limit: bool
    steps: list[IntentStepDocument]


class ActionListDocument(TypedDict):
    """Intents, newest first, and the rules whose actions are stopped."""

    items: list[ActionDocument]
    stops: list[RuleStopDocument]


class PauseDocument(TypedDict):
    """The answer to a pause or a resumption. `lifted`: the rules whose actions go on with it."""

    paused: bool
    changed: bool
    lifted: NotRequired[list[RuleStopDocument]]


class AuditHeadDocument(TypedDict):
    """The end of the audit trail."""

    seq: Number
    hash: str


class AuditFlawDocument(TypedDict):
    """A flaw of the audit trail, and its row."""

    seq: int | None
    what: str


class AuditDocument(TypedDict):
    """The examination of the audit trail; `uncovered` counts the intents that are older than it."""

    ok: bool
    rows: Count
    head: AuditHeadDocument | None
    flaws: list[AuditFlawDocument]
    uncovered: Count

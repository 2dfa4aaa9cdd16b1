"""Types of the report: the span, the present state, and the gaps in both."""

from typing import TypedDict

from monitor.core.model.account import ScopeKind
from monitor.core.model.metric_values import DataState
from monitor.view.documents.types.account import ActionBlockDocument, RuleStopDocument
from monitor.view.documents.types.actions import ActionDocument
from monitor.view.documents.types.alerts import AlertDocument, SilenceDocument
from monitor.view.documents.types.interest import InterestDocument
from monitor.view.documents.types.report_health import HealthDocument, TimeRangeDocument
from monitor.view.documents.types.status import DaemonDocument
from monitor.view.documents.types.stress import PastWindowsDocument
from monitor.view.documents.types.values import (
    AccountStatus,
    AgeSeconds,
    Count,
    DecimalText,
    Number,
    Seconds,
    TimeText,
)


class LowestLevelDocument(TypedDict):
    """The lowest margin level of the span."""

    margin_level: DecimalText | None
    at: TimeText


class NearestDistanceDocument(TypedDict):
    """The smallest distance to liquidation of the span."""

    distance_to_liquidation: DecimalText | None
    at: TimeText


class ReportScopeDocument(TypedDict):
    """One scope: as it is now, and as it was recorded in the span."""

    scope: ScopeKind
    symbol: str | None
    state: DataState
    as_of: TimeText | None
    age_s: AgeSeconds | None
    margin_level: DecimalText | None
    initial_level: DecimalText | None
    margin_call_level: DecimalText | None
    liquidation_level: DecimalText | None
    distance_to_liquidation: DecimalText | None
    lowest: LowestLevelDocument | None
    nearest: NearestDistanceDocument | None
    liabilities_usdt: DecimalText | None
    liabilities_change_usdt: DecimalText | None
    liabilities_since: TimeText | None
    past_day: PastWindowsDocument | None
    unknown: list[TimeRangeDocument]
    line: list[tuple[TimeText, DecimalText | None]]


class ReportAccountDocument(TypedDict):
    """One account."""

    account: str
    state: AccountStatus
    scopes: list[ReportScopeDocument]
    monitored: list[str]


class ReportAlertDocument(AlertDocument):
    """An alert, how long it fired, and the channels that received nothing of it."""

    lasted_s: Seconds | None
    undelivered: list[str]


class MovedAmountDocument(TypedDict):
    """The sum that confirmed intents of one kind moved."""

    account: str
    scope: ScopeKind
    symbol: str | None
    kind: str
    asset: str
    amount: DecimalText
    count: Count


class StoppedSpanDocument(TimeRangeDocument):
    """A time in which a limit stopped actions of an account."""

    account: str


class AccountBlockDocument(ActionBlockDocument):
    """An action that is blocked now, of one account."""

    account: str


class ReportActionsDocument(TypedDict):
    """The span's intents, amounts moved, open intents, times of limits, and actions stopped now."""

    items: list[ActionDocument]
    moved: list[MovedAmountDocument]
    unresolved: list[Number]
    rules_stopped: list[RuleStopDocument]
    unasked: list[Number]
    stopped: list[StoppedSpanDocument]
    stopped_now: list[AccountBlockDocument]


class MovementSumDocument(TypedDict):
    """Movements of one origin, type and result, summed."""

    account: str
    scope: str
    symbol: str | None
    kind: str
    type: str
    origin: str
    asset: str
    status: str | None
    amount: DecimalText
    count: Count
    last_at: TimeText


class PausedByDocument(TypedDict):
    """Who paused all actions, and when."""

    by: str
    at: TimeText


class QuietDocument(TypedDict):
    """Reasons why nothing is sent: a pause, its file, silences."""

    paused: PausedByDocument | None
    pause_file: bool
    silences: list[SilenceDocument]


class ReportDocument(TypedDict):
    """The report."""

    generated_at: TimeText
    version: str
    since: TimeText
    until: TimeText
    span_s: Seconds | None
    daemon: DaemonDocument
    accounts: list[ReportAccountDocument]
    interest: InterestDocument
    alerts: list[ReportAlertDocument]
    actions: ReportActionsDocument
    movements: list[MovementSumDocument]
    health: HealthDocument
    quiet: QuietDocument
    audit_head: str | None

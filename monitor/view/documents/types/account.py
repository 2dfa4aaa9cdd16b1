"""Types of one account in a status. Fields that documents of older programs lack are not required."""

from typing import NotRequired, TypedDict

from monitor.core.model.account import ScopeKind
from monitor.core.model.action_blocks import Grounds
from monitor.core.model.alert import MetricScope, Severity
from monitor.core.model.stream_payloads import StreamName
from monitor.view.documents.types.scopes import CrossDocument, IsolatedDocument
from monitor.view.documents.types.values import (
    AccountStatus,
    AgeSeconds,
    Count,
    DecimalText,
    Number,
    Seconds,
    TimeText,
)


class StreamDocument(TypedDict):
    """One stream; counts of events that were unreadable, repeated, late, or of an unknown type."""

    name: StreamName
    connected: bool
    subscriptions: list[str]
    last_frame_at: TimeText | None
    silence_s: AgeSeconds | None
    reconnects: Count
    rejected: NotRequired[Count]
    repeated: NotRequired[Count]
    late: NotRequired[Count]
    unknown: NotRequired[Count]


class DebtRateDocument(TypedDict):
    """The rate now paid on a debt, an hour; `next_hourly` is the one announced."""

    asset: str
    scope: ScopeKind
    symbol: str | None
    hourly: DecimalText
    next_hourly: DecimalText | None
    as_of: TimeText


class ActionBlockDocument(TypedDict):
    """An action that an alert asks for and that is blocked; `by_limit`: a person should change a limit."""

    scope: ScopeKind
    symbol: str | None
    action: str
    why: str
    by_limit: bool


class UnknownConditionDocument(TypedDict):
    """A critical rule whose condition can't be evaluated, and the metrics that it lacks."""

    rule: str
    scope: MetricScope
    subject: str | None
    lacking: list[str]
    since: TimeText


class RuleStopDocument(TypedDict):
    """A rule whose actions are stopped until a person resumes them, or wait until an order is judged (`unjudged`)."""

    account: str
    rule: str
    intent: Number
    since: TimeText
    why: str
    grounds: Grounds


class HolderDocument(TypedDict):
    """The daemon that watches an account, of several on one database: its machine and process, and since when."""

    host: str
    pid: int
    since: TimeText


class AccountDocument(TypedDict):
    """One account: its scopes, streams, rates, and counts of alerts and intents.

    `held_by` is there only while several daemons share the accounts; null: nobody watches this one.
    """

    account: str
    state: AccountStatus
    cross: NotRequired[CrossDocument]
    isolated: list[IsolatedDocument]
    streams: list[StreamDocument]
    rates: NotRequired[list[DebtRateDocument]]
    clock_offset_s: Seconds | None
    weight_used: DecimalText | None
    alerts_firing: Count
    worst_alert: Severity | None
    intents_in_flight: Count
    actions_stopped: NotRequired[list[ActionBlockDocument]]
    monitored: NotRequired[list[str]]
    conditions_unknown: NotRequired[list[UnknownConditionDocument]]
    stale_after_s: NotRequired[Seconds | None]
    version: NotRequired[str]
    rules_stopped: NotRequired[list[RuleStopDocument]]
    held_by: NotRequired[HolderDocument | None]

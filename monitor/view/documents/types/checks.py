"""Types of the configuration in force, of answers of checks (configuration, channels, database, figures) and of the
exchange."""

from typing import Any, Literal, NotRequired, TypedDict

from monitor.core.model.account import ScopeKind
from monitor.view.documents.types.values import Count, DecimalText, TimeText

CheckResult = Literal["ok", "warning", "error", "skipped"]


ConfigTable = dict[str, Any]
"""The keys of one table with their values: durations in seconds, amounts as text, secrets masked."""


class ConfigDocument(TypedDict):
    """The configuration in force with its defaults, by table as in its file; `rules` holds the shipped ones, too."""

    default_rules: bool
    rules_files: list[str]
    storage: ConfigTable
    exchange: ConfigTable
    schedule: ConfigTable
    safety: ConfigTable
    risk: ConfigTable
    heartbeat: ConfigTable
    http: ConfigTable
    report: ConfigTable
    accounts: list[ConfigTable]
    channels: list[ConfigTable]
    replies: list[ConfigTable]
    actions: list[ConfigTable]
    rules: list[ConfigTable]


ExchangeAnswer = dict[str, Any] | list[Any]
"""The exchange's own JSON, which `call` prints: of the last request where a function takes several, {} of none."""


class CheckItemDocument(TypedDict):
    """One check, and its fix where there is something to fix."""

    name: str
    result: CheckResult
    detail: str
    mend: NotRequired[str]
    account: NotRequired[str]


class CheckDocument(TypedDict):
    """All checks; `ok`: none is an error."""

    ok: bool
    items: list[CheckItemDocument]


class ChannelTestDocument(TypedDict):
    """A test message to one channel, and the channel's answer."""

    channel: str
    ok: bool
    ms: Count
    answer: str


class ChannelTestListDocument(TypedDict):
    """The test messages."""

    items: list[ChannelTestDocument]


DatabaseUpgradeDocument = TypedDict(
    "DatabaseUpgradeDocument",
    {"database": str, "from": str | None, "to": str, "aside": NotRequired[str]},
)
"""The database's revisions before and after; from null: it was created. `aside`: the path of a damaged one."""


class DatabaseProblemDocument(TypedDict):
    """One problem of the database."""

    detail: str


class DatabaseCheckDocument(TypedDict):
    """The problems of the database."""

    ok: bool
    items: list[DatabaseProblemDocument]


ComparisonVerdict = Literal["same", "different", "unavailable", "not_reported"]
FigureUnitName = Literal["asset", "BTC", "USDT", "level", "price", "rate"]


class ComparedFigureDocument(TypedDict):
    """A figure of ours beside the exchange's.

    `difference` is ours minus the exchange's, `relative` the same as a fraction of the exchange's, `allowed` the
    largest difference that counts as none. `not_reported`: no answer of the exchange has the figure; `unavailable`: a
    read failed, or a price is not known; `why` says which. Numbers are null where not known, and where nothing is owed.
    """

    account: str
    scope: ScopeKind
    symbol: str | None
    asset: str | None
    figure: str
    unit: FigureUnitName
    ours: DecimalText | None
    exchange: DecimalText | None
    difference: DecimalText | None
    relative: DecimalText | None
    allowed: DecimalText | None
    result: ComparisonVerdict
    why: str | None


class CompareDocument(TypedDict):
    """All compared figures; `ok`: one agrees at least, none differs and none is unavailable."""

    generated_at: TimeText
    version: str
    ok: bool
    same: Count
    different: Count
    unavailable: Count
    not_reported: Count
    items: list[ComparedFigureDocument]

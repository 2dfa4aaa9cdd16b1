"""Types of the answers of checks: configuration, channels, database."""

from typing import Literal, NotRequired, TypedDict

from monitor.view.documents.types.values import Count

CheckResult = Literal["ok", "warning", "error", "skipped"]


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

"""Types of the status."""

from typing import TypedDict

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.values import TimeText


class DaemonDocument(TypedDict):
    """The daemon as its readers see it, on the machine `host`; `paused`: no action is sent."""

    running: bool
    host: str | None
    pid: int | None
    since: TimeText | None
    paused: bool


class StatusDocument(TypedDict):
    """The distance of each account from liquidation, and the age of the figures."""

    generated_at: TimeText
    version: str
    daemon: DaemonDocument
    accounts: list[AccountDocument]

"""Types of the status."""

from typing import TypedDict

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.values import TimeText


class DaemonDocument(TypedDict):
    """The daemon as its readers see it; `paused`: no action is sent."""

    running: bool
    pid: int | None
    since: TimeText | None
    paused: bool


class StatusDocument(TypedDict):
    """How far each account is from liquidation, and how old that knowledge is."""

    generated_at: TimeText
    version: str
    daemon: DaemonDocument
    accounts: list[AccountDocument]

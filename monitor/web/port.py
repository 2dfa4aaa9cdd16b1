"""Protocols of the program's parts that the web needs: documents, commands of people, health and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from monitor.view.json_values import Document
from monitor.web.metrics.daemon_view import DaemonView

ApiDocument = Literal["status", "alerts", "events", "actions", "interest", "history", "stress", "rules"]
"""The documents that the API sends."""

DocumentName = ApiDocument | Literal["alert", "action", "silences"]
"""The documents of the reading commands; `alert` and `action` are one item, of the number `id`."""


@dataclass(frozen=True, slots=True)
class EncodedDocument:
    """A document and its text as `--json` prints it. Both are shared between readers: never change them."""

    document: Document
    text: bytes


class DocumentSource(Protocol):
    """The documents of the reading commands."""

    async def read(self, name: DocumentName, query: Mapping[str, str | Sequence[str]]) -> EncodedDocument:
        """Return the document. `query` holds the options of the command by name, such as `since` or `all`.

        Raises UsageError for an option that means nothing, CommandRefused for an item that does not exist, StoreError
        when the database fails; `status` is then built from memory.
        """


class CommandSink(Protocol):
    """Commands of people, recorded like those of the command line. `by` is who gives the command.

    Each returns the document that the command prints. All raise UsageError for input that means nothing, CommandRefused
    with the reason, and StoreError when the database fails.
    """

    async def acknowledge(self, alert: int, comment: str, by: str) -> Document:
        """Acknowledge the alert; return the alert."""

    async def add_silence(
        self, matchers: Sequence[str], duration: str, comment: str, include_critical: bool, by: str
    ) -> Document:
        """Start a silence now; return it."""

    async def expire_silence(self, silence: int, by: str) -> Document:
        """End the silence now; return it."""

    async def set_paused(self, paused: bool, by: str) -> Document:
        """Pause or resume all actions; return `{"paused", "changed"}`."""

    async def decide(self, intent: int, approved: bool, by: str) -> Document:
        """Approve or reject a proposed intent; return it."""

    async def request_drill(self, rule: str, by: str) -> Document:
        """Let the daemon carry out a drill of the rule; return it once it is requested."""


class HealthSource(Protocol):
    """Health of the daemon, from memory."""

    def problems(self) -> Sequence[str]:
        """Return the reasons why the daemon is not ready; empty when all is well."""

    def channel_problems(self) -> Mapping[str, str]:
        """Return the channels that do not work, and why; they do not make the daemon unready."""


class MetricsSource(Protocol):
    """The daemon from memory, for `/metrics`."""

    def take_view(self) -> DaemonView:
        """Return the daemon as it is now; called in the event loop."""

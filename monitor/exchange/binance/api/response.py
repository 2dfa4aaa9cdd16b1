"""Responses of the REST API, results of writes, and the credentials that requests are signed with."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from monitor.core.model.order import Outcome, Withheld
from monitor.exchange.binance.signing import Signer
from monitor.exchange.binance.wire.decoding import ErrorBody
from monitor.exchange.binance.wire.row_decoding import RejectedRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class ApiCredentials:
    """An API key and its signer; shown nowhere."""

    api_key: str
    signer: Signer

    @property
    def fingerprint(self) -> str:
        """Fingerprint that distinguishes the key from others; the key can't be derived from it."""
        return hashlib.sha256(f"key of margin-monitor {self.api_key}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A raw response: sent at `as_of`, received at `received_at`; `sent_s` and `received_s` are the same by elapsed_s.

    An account answer carries no time of its own; the send is the latest moment that it cannot predate.
    """

    status: int
    body: bytes
    as_of: datetime
    received_at: datetime
    sent_s: float
    received_s: float
    headers: Mapping[str, str]
    error: ErrorBody | None
    rejected_rows: list[RejectedRow] = field(default_factory=list)
    """Rows left out of the answer; its translation adds to them."""
    decoded: dict[Any, tuple[Any, tuple[RejectedRow, ...]]] = field(default_factory=dict)
    """Content and rejected rows by model: several accounts may use one answer, which is decoded once."""

    @property
    def is_html(self) -> bool:
        return self.body.lstrip()[:1] == b"<"


class RequestWithheld(Exception):
    """Raised when a write request is withheld at the last moment: nothing of it has left."""

    def __init__(self, withheld: Withheld) -> None:
        super().__init__(withheld.reason)
        self.withheld = withheld


@dataclass(frozen=True, slots=True)
class WriteResult(Generic[T]):
    """Result of a write request.

    `content` is set where the outcome is Accepted, `response` where anything came back.
    """

    outcome: Outcome
    content: T | None = None
    response: ApiResponse | None = None

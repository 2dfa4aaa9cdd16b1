"""What came back from one request."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from monitor.core.model.order import Outcome, Withheld
from monitor.exchange.binance.signing import Signer
from monitor.exchange.binance.wire.decoding import ErrorBody
from monitor.exchange.binance.wire.row_decoding import RejectedRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class ApiCredentials:
    """An API key and what signs for it; shown nowhere."""

    api_key: str
    signer: Signer

    @property
    def fingerprint(self) -> str:
        """What tells the key apart from others and leads nobody back to it."""
        return hashlib.sha256(f"key of margin-monitor {self.api_key}".encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """`as_of` is the moment of the send, `received_at` that of the receipt; `sent_s` and `received_s` by elapsed_s.

    An account answer carries no time of its own; the send is the latest moment that it cannot predate.
    """

    status: int
    body: bytes
    as_of: datetime
    received_at: datetime
    sent_s: float
    received_s: float
    headers: Mapping[str, str]
    is_html: bool
    error: ErrorBody | None
    rejected_rows: list[RejectedRow] = field(default_factory=list)
    """Rows that were left out of what is believed; who translates the answer adds to them."""


@dataclass(frozen=True, slots=True)
class DecodedResponse(Generic[T]):
    """A decoded answer to a read."""

    content: T
    response: ApiResponse


class RequestWithheld(Exception):
    """A request that changes something was kept back at the last moment: nothing of it has left."""

    def __init__(self, withheld: Withheld) -> None:
        super().__init__(withheld.reason)
        self.withheld = withheld


@dataclass(frozen=True, slots=True)
class WriteResult(Generic[T]):
    """What became of a request that changes something.

    `content` is there where the outcome is Accepted, `answer` where anything came back.
    """

    outcome: Outcome
    content: T | None = None
    response: ApiResponse | None = None

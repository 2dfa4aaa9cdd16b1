"""One REST endpoint: its address, its weight, its answer."""

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from monitor.exchange.binance.rate_limits import CountedBy, Priority

T = TypeVar("T")

MAX_READ_RETRIES = 2


class SecurityType(Enum):
    """Credentials that a request must carry. On /sapi even market data need the key."""

    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[T]):
    """One endpoint of the exchange: its address, its weight, its answer.

    `secret`: the answer holds a token, so that no part of it may be recorded. `priority`: which requests give way first
    when a pool runs low. `rows` names the list in the answer whose unreadable rows are left out and reported while the
    rest is used: its field, or "" where the answer itself is the list; None: the answer is used whole or not at all.
    `shared_s`: an answer serves other accounts, too, for so many seconds; 0: those that ask meanwhile; None: none.
    """

    method: str
    path: str
    answer: type[T]
    security: SecurityType = SecurityType.SIGNED
    weight: int = 1
    counted: CountedBy = "ip"
    secret: bool = False
    priority: Priority = Priority.USUAL
    rows: str | None = None
    shared_s: float | None = None

    @property
    def read_retries(self) -> int:
        """The number of times that a failed read is repeated; none for the last of all, whose weight is rationed."""
        return 0 if self.priority is Priority.SPARE else MAX_READ_RETRIES

    @property
    def name(self) -> str:
        """Name of the endpoint in messages."""
        return f"{self.method} {self.path}"

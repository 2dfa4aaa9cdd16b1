"""What the client knows of one endpoint before it asks."""

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from monitor.exchange.binance.rate_limits import CountedBy, Priority

T = TypeVar("T")


class Security(Enum):
    """What a request must carry. On /sapi even market data need the key."""

    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[T]):
    """One function of the venue: where it is, what it costs, what it answers.

    `secret`: the answer holds a token, so that nothing of it may be recorded. `priority`: who gives way first when a
    pool runs low. `rows` is the list in the answer of which an odd row is left out and told, where the rest can be
    believed without it: its name, or "" where the answer itself is the list; None: the answer stands or falls whole.
    """

    method: str
    path: str
    answer: type[T]
    security: Security = Security.SIGNED
    weight: int = 1
    counted: CountedBy = "ip"
    secret: bool = False
    priority: Priority = Priority.USUAL
    rows: str | None = None

    @property
    def name(self) -> str:
        """The endpoint as people are told of it."""
        return f"{self.method} {self.path}"

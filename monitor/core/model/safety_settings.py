"""Settings of [safety]: pause file, settle time, and reaction to foreign movements."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

OnForeignHand = Literal["tell", "pause"]


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """The keys of [safety]. Raises ValueError for values that are too short or contradict each other."""

    pause_file: str = ""
    settle: timedelta = timedelta(seconds=60)
    """Minimum time for which the trace of an unknown outcome must stay absent before it may count as not done."""
    unresolved_after: timedelta = timedelta(minutes=10)
    """After this time a person is asked; the observations go on."""
    on_foreign_hand: OnForeignHand = "tell"
    """Reaction when another person, program or daemon does what actions do here."""

    @property
    def watch(self) -> timedelta:
        """Time for which an order that counts as failed is watched for its late execution."""
        return 2 * self.unresolved_after

    def __post_init__(self) -> None:
        if self.settle < timedelta(seconds=5):
            raise ValueError("settle must be 5s or more: the exchange's history lags behind")
        if self.unresolved_after < self.settle:
            raise ValueError("unresolved_after must not be shorter than settle")

"""Settings of [safety]: pause file, settle time, and reaction to foreign movements."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

OnForeignHand = Literal["tell", "pause"]


@dataclass(frozen=True, slots=True)
class Safety:
    """The keys of [safety]. Raises ValueError when they can't be."""

    pause_file: str = ""
    settle: timedelta = timedelta(seconds=60)
    """How long the trace of an unknown outcome must stay absent before it may count as not done."""
    unresolved_after: timedelta = timedelta(minutes=10)
    """After this a person is asked; looking goes on."""
    on_foreign_hand: OnForeignHand = "tell"
    """What is done when another hand or daemon does what actions do here."""

    def __post_init__(self) -> None:
        if self.settle < timedelta(seconds=5):
            raise ValueError("settle must be 5s or more: the exchange's history lags behind")
        if self.unresolved_after < self.settle:
            raise ValueError("unresolved_after must not be shorter than settle")

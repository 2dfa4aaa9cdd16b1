"""Whose account it is at the exchange, and what this record knows of it under other names."""

from dataclasses import dataclass

from monitor.core.model.intent import Intent


@dataclass(frozen=True, slots=True)
class OwnerRead:
    """The exchange's number of the user whose account it is; and the intents of other names in that account.

    Of these, those that are not final, and those of the last 24 hours: they count against the caps.
    """

    uid: int
    elsewhere: tuple[Intent, ...] = ()

"""Which daemon holds which accounts, where several share one database."""

from dataclasses import dataclass
from datetime import datetime

from monitor.records.address_usage import AddressUsage


@dataclass(frozen=True, slots=True)
class Holder:
    """A running daemon that holds accounts: its machine, its process, and since when it holds them.

    `seen_at` is its last sign of life. Both times are the database's.
    """

    host: str
    pid: int
    since: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Division:
    """The accounts that one daemon holds after a turn of dividing them among all.

    `taken` and `lost` are the changes since the last turn that was answered; no account is in both. One that was
    lost is not taken again before the next turn. `surplus` are held accounts above this daemon's share, or not of its
    configuration: they are to be given back once nothing is done for them any more. `members` is the number of
    daemons that share the accounts. `usage` is what the others on this machine know of its address, `elsewhere` are the
    accounts that others have in their configuration.
    """

    held: frozenset[str]
    taken: frozenset[str]
    lost: frozenset[str]
    surplus: tuple[str, ...]
    members: int
    is_leader: bool
    usage: tuple[AddressUsage, ...] = ()
    elsewhere: frozenset[str] = frozenset()

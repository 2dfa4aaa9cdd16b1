"""What the exchange has counted for this machine's address, as the daemons on it tell each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AddressUsage:
    """The weight that the exchange has counted for one address in one of its minutes, by the path of the pool."""

    minute: datetime
    used: Mapping[str, int]

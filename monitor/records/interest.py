"""Interest charges summed by asset and scope."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class InterestSumRow:
    """Charges of one asset in one scope, together; `day` (UTC) None: over the whole time asked for."""

    day: date | None
    asset: str
    account: str
    scope: str
    symbol: str
    interest: Decimal
    charges: int

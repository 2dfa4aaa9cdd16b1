"""Interest charges summed by asset and scope."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from monitor.core.model.account import ScopeKind


@dataclass(frozen=True, slots=True)
class InterestSumRow:
    """The sum of charges of one asset in one scope; `day` (UTC) None: over the whole span."""

    day: date | None
    asset: str
    account: str
    scope: ScopeKind
    symbol: str
    interest: Decimal
    charges: int

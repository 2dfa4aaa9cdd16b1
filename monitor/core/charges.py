"""What the interest charges of one debt tell: sums over time, and each charge only once."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.account import ZERO, InterestCharge, Scope

INTEREST_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class InterestKnown:
    """What the charges seen so far tell of the debt in one asset of one scope. Made by `interest_known`."""

    last: InterestCharge
    recent: tuple[InterestCharge, ...]
    """Charges of the last 30 days, oldest first."""
    sums: Mapping[str, tuple[tuple[datetime, ...], tuple[Decimal, ...]]] = field(default_factory=dict)
    """By the asset in which it was charged (BNB may pay for others): the times, and the running totals."""

    def charged_since(self, since: datetime) -> Mapping[str, Decimal]:
        """What was charged after `since` (at most 30 days back), by the asset in which it was charged."""
        return {
            asset: totals[-1] - (totals[start - 1] if (start := bisect_right(times, since)) else ZERO)
            for asset, (times, totals) in self.sums.items()
        }

    def charge_at(self, moment: datetime) -> InterestCharge:
        """The newest charge at or before `moment`; the oldest known one when all are younger."""
        return self.recent[max(0, bisect_right(self.recent, moment, key=lambda charge: charge.charged_at) - 1)]


Known = Mapping[tuple[Scope, str], InterestKnown]


def interest_known(charges: Iterable[InterestCharge]) -> InterestKnown:
    """What the charges (one or more, of one asset in one scope, any order) tell."""
    recent = tuple(sorted(charges, key=lambda charge: (charge.charged_at, charge.tx_id)))
    times: dict[str, list[datetime]] = {}
    totals: dict[str, list[Decimal]] = {}
    for charge in recent:
        times.setdefault(charge.asset, []).append(charge.charged_at)
        running = totals.setdefault(charge.asset, [])
        running.append(charge.interest + (running[-1] if running else ZERO))
    sums = {asset: (tuple(times[asset]), tuple(totals[asset])) for asset in times}
    return InterestKnown(last=recent[-1], recent=recent, sums=sums)


def unknown_among(charges: Iterable[InterestCharge], known: Known) -> tuple[InterestCharge, ...]:
    """Those of `charges` that are not in `known` yet."""
    charges = tuple(charges)
    of_interest = {charge.scope for charge in charges}
    seen = {_identity(charge) for (scope, _), each in known.items() if scope in of_interest for charge in each.recent}
    return tuple(charge for charge in charges if _identity(charge) not in seen)


def with_charges(known: Known, scope: Scope, charges: Iterable[InterestCharge], now: datetime) -> Known:
    """`known` with the charges of one scope, each once, those of the last 30 days."""
    told = dict(known)
    by_asset: dict[str, list[InterestCharge]] = {}
    for charge in charges:
        by_asset.setdefault(charge.raw_asset or charge.asset, []).append(charge)
    for asset, new in by_asset.items():
        before = told[scope, asset].recent if (scope, asset) in told else ()
        merged = {_identity(c): c for c in (*before, *new) if c.charged_at >= now - INTEREST_KEPT}
        if merged:
            told[scope, asset] = interest_known(merged.values())
    return told


def _identity(charge: InterestCharge) -> tuple[Scope, int, datetime, str, str]:
    return charge.scope, charge.tx_id, charge.charged_at, charge.asset, charge.kind

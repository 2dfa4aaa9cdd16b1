"""Odds of the example account: the last 90 days as they were measured for cross and for the pair."""

from datetime import UTC, datetime
from decimal import Decimal

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.odds import DAY, OddsRead, OddsUnavailable, WindowOdds, WorstWindow
from tests.support.examples.documents import NOW

WORST_AT = datetime(2025, 9, 5, 13, tzinfo=UTC)
PAST_UNTIL = datetime(2025, 10, 10, 21, tzinfo=UTC)

LOST_DAYS = WindowOdds(
    window=DAY,
    windows=2136,
    liquidated=72,
    worst=WorstWindow(
        since=WORST_AT.replace(hour=2),
        until=WORST_AT.replace(hour=2) + DAY,
        lowest_at=WORST_AT,
        level=Decimal("1.0234"),
        moves={
            name: Decimal(move)
            for name, move in (
                ("BTC", "-0.31"),
                ("ETH", "0.02"),
                ("A", "0.5"),
                ("B", "0.4"),
                ("C", "0.3"),
                ("D", "0.25"),
            )
        },
    ),
    level_percentiles={1: Decimal("1.03"), 5: Decimal("1.2"), 50: Decimal("1.7")},
    past_since=PAST_UNTIL - DAY * 90,
    past_until=PAST_UNTIL,
    days=90,
    days_liquidated=3,
)
"""Cross: 3 of 90 days."""

PAST_ODDS = OddsRead(
    answers={
        CROSS: (LOST_DAYS,),
        Scope("BTCUSDT"): (OddsUnavailable(DAY, "less than 30 days of past prices of BTC", ("BTC",)),),
    },
    as_of=NOW,
)

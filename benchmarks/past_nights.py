"""Odds before and by the nights of the warning table, from the real bars that are at hand.

No night has thirty days of these bars before it, so by them the metrics would have been unavailable. What can be
measured: the windows of a day in the hours before a night, and how many of the hours of its last day would have begun a
window that the night liquidates. One night is in 24 windows of a day at most; a past of 90 days has 2,136 of them.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from benchmarks.warning import DATA, HELD_AMOUNT, LONG_NIGHTS, NIGHTS, Night
from monitor.core.margin.odds_question import OddsPosition, OddsQuestion
from monitor.core.model.odds import DAY, WindowOdds
from monitor.core.model.price_history import HOUR, PriceBar
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.odds.calculation import measure_odds
from monitor.odds.past import build_past
from monitor.sandbox.scenario.price_path import read_price_bars

TWO_DAYS_BTC = "cm_BTCUSD_PERP_markprice_1m_2025-10-09_10"
"""The only bars of the days before 2025-10-10: the mark price of another perpetual of bitcoin."""

WINDOWS_OF_90_DAYS = 90 * 24 - 24

THIN = Decimal("0.3")
"""Distance to liquidation below which the shipped rule `thin` fires."""


@dataclass(frozen=True, slots=True)
class NightOdds:
    """One night. `windows_before` of a day end before it, `lost_before` of them liquidate; None: none is at hand.

    The bars begin `lead_of_bars` before the minute of the night's low. `lost_starts` of the `starts` hours of the last
    day before the low begin a window that the night liquidates. `thin_lead`: from the first minute in which `thin`
    holds to the liquidation.
    """

    night: Night
    fall: Decimal
    lead_of_bars: timedelta
    hours_before: int
    windows_before: int | None
    lost_before: int | None
    worst_before: Decimal | None
    starts: int
    lost_starts: int
    thin_lead: timedelta | None


def hourly_bars(name: str) -> list[PriceBar]:
    """Return the minute bars of a file as whole hours; an hour that is not complete is left out."""
    minutes: dict[datetime, list[PriceBar]] = {}
    for bar in read_price_bars(DATA / "prices" / f"binance_{name}.csv.gz"):
        at = datetime.fromtimestamp(bar.start_ms // 1000, UTC)
        hour = minutes.setdefault(at.replace(minute=0), [])
        hour.append(PriceBar(at, bar.open, bar.high, bar.low, bar.close))
    return [
        PriceBar(at, rows[0].open, max(r.high for r in rows), min(r.low for r in rows), rows[-1].close)
        for at, rows in sorted(minutes.items())
        if len(rows) == 60
    ]


def account_of(night: Night) -> OddsQuestion:
    """Return the account of the night: one collateral against a debt in USDT."""
    held = OddsPosition(night.asset, HELD_AMOUNT, ZERO, ZERO, ONE)
    owed = OddsPosition("USDT", ZERO, HELD_AMOUNT / night.level, ZERO, ONE)
    return OddsQuestion((held, owed), night.level, night.bars.liquidation)


def measure_night(night: Night) -> NightOdds:
    """Return what the bars at hand say of the night."""
    file = TWO_DAYS_BTC if night.file == "um_BTCUSDT_1m_2025-10-10" else night.file
    bars = hourly_bars(file)
    fall = 1 - night.bars.liquidation / night.level
    minutes = read_price_bars(DATA / "prices" / f"binance_{file}.csv.gz")
    lead_of_bars = timedelta(milliseconds=min(minutes, key=lambda bar: bar.low).start_ms - minutes[0].start_ms)
    lead = thin_lead(night)
    low = min(bars, key=lambda bar: bar.low, default=None)
    if low is None:
        return NightOdds(night, fall, lead_of_bars, 0, None, None, None, 0, 0, lead)
    # The night begins with the hour before that of its low.
    before = [bar for bar in bars if bar.opens_at < low.opens_at - HOUR]
    found = measure_windows(night, before)
    starts = [bar for bar in bars if low.opens_at - DAY <= bar.opens_at < low.opens_at]
    lost = sum(low.low / bar.close * night.level <= night.bars.liquidation for bar in starts)
    return NightOdds(
        night,
        fall,
        lead_of_bars,
        len(before),
        None if found is None else found.windows,
        None if found is None else found.liquidated,
        None if found is None else found.worst_level,
        len(starts),
        lost,
        lead,
    )


def thin_lead(night: Night) -> timedelta | None:
    """Return the time from the first minute in which `thin` holds to the liquidation; None: not liquidated.

    The account has its level at the first open price. `thin`: less than 30 % from liquidation.
    """
    since_ms = 0 if night.since is None else int(night.since.timestamp()) * 1000
    bars = [
        bar for bar in read_price_bars(DATA / "prices" / f"binance_{night.file}.csv.gz") if bar.start_ms >= since_ms
    ]
    thin_at: int | None = None
    for bar in bars:
        level = night.level * bar.low / bars[0].open
        if thin_at is None and 1 - night.bars.liquidation / level < THIN:
            thin_at = bar.start_ms
        if level <= night.bars.liquidation:
            return None if thin_at is None else timedelta(milliseconds=bar.start_ms - thin_at)
    return None


def measure_windows(night: Night, bars: Sequence[PriceBar]) -> WindowOdds | None:
    """Return the odds of a day by these bars; None when they hold no window of a day."""
    if len(bars) < DAY // HOUR + 1:
        return None
    past = build_past({night.asset: bars}, bars[0].opens_at, bars[-1].opens_at + HOUR)
    (answer,) = measure_odds(account_of(night), past, (DAY,), min_history=timedelta())
    return answer if isinstance(answer, WindowOdds) else None


def row_text(found: NightOdds) -> str:
    """Return the row of a night; what is unknown says why."""
    unknown = f"unknown: the bars begin {found.lead_of_bars.total_seconds() / 60:.0f} min before the low"
    windows = starts = unknown
    if found.windows_before is not None and found.worst_before is not None:
        windows = f"{found.lost_before} of {found.windows_before} in {found.hours_before} h of bars, "
        windows += f"lowest level {found.worst_before:.3f}"
    if found.starts:
        share = Decimal(found.lost_starts) / WINDOWS_OF_90_DAYS * 100
        starts = f"{found.lost_starts} of {found.starts}: {share:.2f} %"
    lead = "not liquidated" if found.thin_lead is None else f"{found.thin_lead.total_seconds() / 60:.0f} min"
    name = f"{found.night.title} at {found.night.level}"
    return f"| {name} | {found.fall * 100:.1f} % | {lead} | {windows} | {starts} |"


def main() -> int:
    """Print the table."""
    if not (DATA / "prices").is_dir():
        print(f"no real bars at {DATA}: set MARGIN_MONITOR_TEST_DATA", file=sys.stderr)
        return 1
    print("| night, level | liquidated by a fall of | `thin` before | windows of a day before | ended by the night |")
    print("|---|---|---|---|---|")
    for night in (*NIGHTS, *LONG_NIGHTS):
        print(row_text(measure_night(night)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

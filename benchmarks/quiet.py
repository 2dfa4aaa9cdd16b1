"""Number of alerts on days when a price hovers around a threshold: at first touch, and with a wait before firing.

Real bars of whole days from `$MARGIN_MONITOR_TEST_DATA` (default: ../shared/data beside the checkout), evaluated every
twenty seconds by the engine. The account owes so much that the rule's threshold lies where a given part of the time is
spent below it. A touch is each fall below the threshold; an episode lasts from a touch until the clear condition holds.
On the same days: alerts and notifications (reminders among them) of `falling-fast` with possible clear conditions.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from benchmarks.account import rules
from benchmarks.warning import CROSS_3X, DATA, RATE, Night, path_of, waiting, watch
from monitor.config.rules.rule_files import parse_rules
from monitor.core.rules.rule import Rule
from monitor.sandbox.scenario.price_path import SimPricePath

EVERY_S = 20
PARTS = (Decimal("0.1"), Decimal("0.3"), Decimal("0.5"), Decimal("0.7"), Decimal("0.9"))
DAYS = (("AVAX", "um_AVAXUSDT_1m_2025-02-02_2025-02-05"), ("BTC", "cm_BTCUSD_PERP_markprice_1m_2025-10-09_10"))


@dataclass(frozen=True, slots=True)
class Rung:
    """A rule with its thresholds as levels of cross 3x, and the waits in seconds to compare."""

    name: str
    bar: Decimal
    clear: Decimal
    waits: tuple[int, ...]


RUNGS = (
    Rung("thin", Decimal("1.1") / Decimal("0.7"), Decimal("1.1") / Decimal("0.67"), (0, 60, 900)),
    Rung("below-initial", Decimal("1.5"), Decimal("1.53"), (0, 30, 60)),
    Rung("near-call", Decimal("1.4"), Decimal("1.5"), (0, 30)),
    # Interest of 30 days, and of 35, above the liquidation.
    Rung("interest-eats", Decimal("1.1") * (1 + 720 * RATE), Decimal("1.1") * (1 + 840 * RATE), (0, 3600)),
)

WITH_FAST = ("below-initial", "near-call")
FAST_PARTS = PARTS[::2]
FAST = "margin_level + 2 * margin_level_change_5m <= liquidation_level"
CLEARS: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "5 % above": {"clear": "margin_level + 2 * margin_level_change_5m > liquidation_level * 1.05"},
    "20 min": {"clear": "margin_level + 4 * margin_level_change_5m > liquidation_level"},
    "30 min": {"clear": "margin_level + 6 * margin_level_change_5m > liquidation_level"},
    "kept 15 min": {"keep_firing_for": "15m"},
}
"""Clear conditions of `falling-fast`: a distance from liquidation, a time to liquidation, a time of its condition
false."""


@dataclass(frozen=True, slots=True)
class HoveringDays:
    """Results of days with a threshold at `part` of their prices: touches, episodes, and alerts by seconds waited."""

    part: Decimal
    touches: int
    episodes: int
    alerts: tuple[int, ...]
    fast: Mapping[str, tuple[int, int]]
    """Alerts and notifications of falling-fast on the same days, by clear condition."""


def measure_hovering(asset: str, path: SimPricePath, rung: Rung, part: Decimal, ladder: Sequence[Rule]) -> HoveringDays:
    """The days of a path, with the rung's threshold where `part` of the time is spent below it."""
    prices = [path.at(second) for second in range(path.start_ms // 1000, path.end_ms // 1000 + 1, EVERY_S)]
    bar = sorted(prices)[int(part * len(prices))]
    night = Night(asset, "", asset, rung.bar * prices[0] / bar, CROSS_3X, False, (0, 0, 0))
    variants = [waiting(ladder, rung.name, seconds) for seconds in rung.waits]
    fast = fast_rules() if rung.name in WITH_FAST and part in FAST_PARTS else ()
    fired: Counter[str] = Counter()
    words: Counter[str] = Counter()
    touches = episodes = 0
    is_below = is_open = False
    for moment in watch(night, path, [*variants, *fast], every_s=EVERY_S):
        fired.update(alert.key.rule for alert in moment.alerts)
        words += moment.words
        was_below, is_below = is_below, moment.level < rung.bar
        touches += is_below and not was_below
        episodes += is_below and not is_open
        is_open = is_below or (is_open and moment.level <= rung.clear)
    counts = {name: (fired[rule.name], words[rule.name]) for name, rule in zip(CLEARS, fast, strict=False)}
    return HoveringDays(part, touches, episodes, tuple(fired[rule.name] for rule in variants), counts)


def fast_rules() -> tuple[Rule, ...]:
    """`falling-fast` with each of its possible clear conditions."""
    shared = {"scope": ["cross"], "when": FAST, "severity": "critical", "repeat": "5m"}
    return parse_rules([{"name": f"fast-{name}", **shared, **keys} for name, keys in CLEARS.items()], "variants")


def rows() -> Iterator[tuple[str, Rung, list[HoveringDays]]]:
    """Each of the days with each of the rungs."""
    for asset, file in DAYS:
        path = path_of(Night(asset, file, asset, Decimal(2), CROSS_3X, False, (0, 0, 0)))
        for rung in RUNGS:
            yield asset, rung, [measure_hovering(asset, path, rung, part, rules()) for part in PARTS]


def main() -> int:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not (DATA / "prices").is_dir():
        print(f"no real bars at {DATA}: set MARGIN_MONITOR_TEST_DATA", file=sys.stderr)
        return 1
    parts = " / ".join(f"{part:.0%}" for part in PARTS)
    print(f"Time spent below the bar: {parts}\n")
    print("| days | rule | touches | episodes | alerts | falling-fast: alerts (words) |")
    print("|---|---|---|---|---|---|")
    for asset, rung, found in rows():
        waits = "; ".join(
            f"{f'{wait} s' if wait else 'first touch'}: {' / '.join(str(days.alerts[index]) for days in found)}"
            for index, wait in enumerate(rung.waits)
        )
        cells = (
            " / ".join(str(count) for count in counts)
            for counts in ([days.touches for days in found], [days.episodes for days in found])
        )
        fast = "; ".join(
            f"{name}: {' / '.join('{} ({})'.format(*days.fast[name]) for days in found if days.fast)}"
            for name in found[0].fast
        )
        print(f"| {asset} | `{rung.name}` | {' | '.join(cells)} | {waits} | {fast or '–'} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Minutes of warning before the liquidation, for each rung of the ladder: live prices against a poll every 60 s.

Real bars of bad nights from `$MARGIN_MONITOR_TEST_DATA` (default: ../shared/data beside the checkout), walked second by
second through the engine with the shipped rules. Live: every second's price, a read each minute. Polled: only the read.
"""

import argparse
import itertools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks.account import rules
from monitor.core.account import (
    Balance,
    Bars,
    CrossSnapshot,
    IsolatedPair,
    IsolatedSnapshot,
    PairStatus,
    Price,
    Tier,
)
from monitor.core.alerts import Alert
from monitor.core.amounts import ONE
from monitor.core.engine import Ids, Policy, step
from monitor.core.events import BarsRead, CrossRead, Event, IsolatedRead, PricesRead, StreamChanged, Tick, TiersRead
from monitor.core.lifecycle import Audience
from monitor.core.rules import Rule
from monitor.core.state import AccountState, Settings
from monitor.sandbox.prices import PricePath, read_bars, walk

DATA = Path(os.environ.get("MARGIN_MONITOR_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
RUNGS = ("thin", "below-initial", "near-call", "margin-call")
FORMERLY = {"thin": Decimal(900), "below-initial": Decimal(30)}
"""Seconds that these rungs might wait before they fire; they do not."""
CALLS = {Decimal("1.05"): Decimal("1.1"), Decimal("1.15"): Decimal("1.19"), Decimal("1.18"): Decimal("1.22")}
POLL_S = 60
PHASES_S = (0, 15, 30, 45)
HELD = Decimal(100)

CROSS_3X = Bars(Decimal("1.5"), Decimal("1.3"), Decimal("1.1"))
CROSS_5X = Bars(Decimal("1.25"), Decimal("1.16"), Decimal("1.1"))


@dataclass(frozen=True, slots=True)
class Night:
    """One collateral against a debt in USDT, on one night. `published` are the leads worked out by hand, in minutes."""

    title: str
    file: str
    asset: str
    level: Decimal
    bars: Bars
    isolated: bool
    published: tuple[int, int, int]


NIGHTS = (
    Night("BTC cross 5x", "um_BTCUSDT_1m_2025-10-10", "BTC", Decimal("1.26"), CROSS_5X, False, (28, 7, 3)),
    Night("SOL cross 3x", "um_SOLUSDT_1m_2025-10-10", "SOL", Decimal("1.54"), CROSS_3X, False, (21, 8, 3)),
    Night("SOL cross 5x", "um_SOLUSDT_1m_2025-10-10", "SOL", Decimal("1.40"), CROSS_5X, False, (4, 2, 1)),
    Night("SOL isolated 5x", "um_SOLUSDT_1m_2025-10-10", "SOL", Decimal("1.40"),
          Bars(Decimal("1.25"), Decimal("1.19"), Decimal("1.15")), True, (3, 1, 0)),
    Night("SOL isolated 3x", "um_SOLUSDT_1m_2025-10-10", "SOL", Decimal("1.60"),
          Bars(Decimal("1.5"), Decimal("1.22"), Decimal("1.18")), True, (7, 2, 0)),
    Night("BTC isolated 10x", "um_BTCUSDT_1m_2025-10-10", "BTC", Decimal("1.15"),
          Bars(Decimal("1.111"), Decimal("1.1"), Decimal("1.05")), True, (21, 4, 4)),
    Night("BTC cross 3x, 2021-05-19", "um_BTCUSDT_1m_2021-05-19", "BTC", Decimal("1.42"), CROSS_3X, False,
          (40, 36, 20)),
)  # fmt: skip

Leads = Mapping[str, Decimal | None]


def leads(
    night: Night, path: PricePath, phase_s: int, *, live: bool, ladder: Sequence[Rule]
) -> tuple[Leads, datetime | None]:
    """The minutes from each rule's first alert to the liquidation, and when that came; None: not before it."""
    first: dict[str, datetime] = {}
    for now, level, alerts in watch(night, path, ladder, phase_s=phase_s, live=live):
        for alert in alerts:
            first.setdefault(alert.key.rule.removesuffix("-isolated"), now)
        if level <= night.bars.liquidation:
            return {rule: _minutes(now - at) for rule, at in first.items()}, now
    return {}, None


def watch(
    night: Night, path: PricePath, ladder: Sequence[Rule], *, phase_s: int = 0, live: bool = True, every_s: int = 1
) -> Iterator[tuple[datetime, Decimal, list[Alert]]]:
    """Each moment of the path with the level of the account then, and the alerts that fired in it."""
    start = datetime.fromtimestamp(path.start_ms // 1000, UTC)
    symbol = f"{night.asset}USDT"
    owed = HELD * path.at(path.start_ms // 1000) / night.level
    settings = Settings(
        "main", cross=not night.isolated, isolated=None if night.isolated else (), isolated_margin_call=CALLS
    )
    policy = Policy(settings, tuple(ladder), Audience(("people",)))
    ids = Ids(itertools.count(1).__next__, itertools.count(1).__next__)
    state = AccountState(account="main", started_at=start)
    for second in range(0, (path.end_ms - path.start_ms) // 1000 + 1, every_s):
        now = start + timedelta(seconds=second)
        price = path.at(path.start_ms // 1000 + second)
        level = HELD * price / owed
        events: list[Event] = list(_opening(night, symbol, now)) if not second else []
        if live or not second:
            events.append(PricesRead({symbol: Price(price, now), "BTCUSDT": Price(price, now)}))
        if not second or second % POLL_S == phase_s:
            events.append(_read(night, symbol, price, owed, level, now))
        alerts: list[Alert] = []
        for event in (*events, Tick()):
            done = step(state, event, policy, now, ids)
            state = done.state
            alerts += [alert for alert in done.entry.alerts if alert.fired_at == now]
        yield now, level, list({alert.id: alert for alert in alerts}.values())


def with_waits(ladder: Sequence[Rule], waits: Mapping[str, Decimal]) -> tuple[Rule, ...]:
    """The rules, with other seconds for which some of them must hold before they fire."""
    return tuple(replace(rule, for_s=waits.get(rule.name, rule.for_s)) for rule in ladder)


def rows() -> Iterator[tuple[Night, tuple[str, ...], tuple[str, ...], tuple[str, ...]]]:
    """Each night and what was measured of its rungs: live, live as it was with waits, and polled as a range."""
    for night in NIGHTS:
        path = path_of(night)
        live, ended = leads(night, path, 0, live=True, ladder=rules())
        if ended is None:
            yield night, ("not liquidated",), (), ()
            continue
        waited, _ = leads(night, path, 0, live=True, ladder=with_waits(rules(), FORMERLY))
        polled = [leads(night, path, phase, live=False, ladder=rules())[0] for phase in PHASES_S]
        yield (
            night,
            tuple(_text(live.get(rung)) for rung in RUNGS),
            tuple(_text(waited.get(rung)) for rung in FORMERLY),
            tuple(_range([each.get(rung) for each in polled]) for rung in RUNGS),
        )


def path_of(night: Night) -> PricePath:
    """The walk through the bars of a night."""
    return walk(read_bars(DATA / "prices" / f"binance_{night.file}.csv.gz"))


def main() -> int:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    if not (DATA / "prices").is_dir():
        print(f"no real bars at {DATA}: set MARGIN_MONITOR_TEST_DATA", file=sys.stderr)
        return 1
    names, waits = " / ".join(RUNGS), " / ".join(f"{rule} for {wait} s" for rule, wait in FORMERLY.items())
    print(
        f"| night, level at the start | live: {names} | {waits} | polled every 60 s | by hand |\n|---|---|---|---|---|"
    )
    for night, live, waited, polled in rows():
        cells = (*(" / ".join(each) for each in (live, waited, polled)), " / ".join(map(str, night.published)))
        print(f"| {night.title} ({night.level}) | {' | '.join(cells)} |", flush=True)
    return 0


def _opening(night: Night, symbol: str, now: datetime) -> Iterator[Event]:
    streams = ("account", "market") if night.isolated else ("account", "market", "risk")
    for name in streams:
        yield StreamChanged("risk" if name == "risk" else "market" if name == "market" else "account", True, (), now)
    if night.isolated:
        most = Decimal(10) ** 12
        yield TiersRead(symbol, (Tier(1, night.bars.initial, night.bars.liquidation, most, most),))
    else:
        yield BarsRead(night.bars)


def _read(night: Night, symbol: str, price: Decimal, owed: Decimal, level: Decimal, now: datetime) -> Event:
    held, debt = Balance(night.asset, free=HELD), Balance("USDT", borrowed=owed)
    if not night.isolated:
        balances = {night.asset: held, "USDT": debt}
        return CrossRead(CrossSnapshot(now, now, balances, level, level, HELD, owed / price))
    end = night.bars.liquidation * owed / HELD
    called = level <= CALLS[night.bars.liquidation]
    pair = IsolatedPair(
        symbol, held, debt, level, PairStatus.MARGIN_CALL if called else PairStatus.NORMAL, price * ONE, end
    )
    return IsolatedRead(IsolatedSnapshot(now, now, {symbol: pair}))


def _minutes(span: timedelta) -> Decimal:
    return Decimal(int(span.total_seconds())) / 60


def _text(lead: Decimal | None) -> str:
    return "–" if lead is None else f"{lead:.1f}"


def _range(found: list[Decimal | None]) -> str:
    texts = sorted({_text(lead) for lead in found}, key=lambda text: (text != "–", float(text) if text != "–" else 0))
    return texts[0] if len(texts) == 1 else f"{texts[0]}…{texts[-1]}"


if __name__ == "__main__":
    raise SystemExit(main())

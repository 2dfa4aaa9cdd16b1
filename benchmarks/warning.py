"""Minutes of warning before the liquidation, for each rung of the ladder: live prices against a poll every 60 s.

Real bars of crash nights from `$MARGIN_MONITOR_TEST_DATA` (default: ../shared/data beside the checkout), replayed
second by second by the engine with the default rules. Live: every second's price, a read each minute. Polled: only the
read. With waits: some rules with other waits than their own, live. `--long`: whole days, live, every five seconds.
"""

import argparse
import itertools
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchmarks.account import rules
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.engine.step import IdSource, Policy, step
from monitor.core.model.account import (
    Balance,
    CrossSnapshot,
    IsolatedPair,
    IsolatedSnapshot,
    LeverageTier,
    PairStatus,
    Price,
    Thresholds,
)
from monitor.core.model.alert import Alert, NotificationReason
from monitor.core.model.events import (
    CrossRead,
    Event,
    IsolatedRead,
    LeverageTiersRead,
    NextRatesRead,
    PricesRead,
    RatesRead,
    StreamChanged,
    ThresholdsRead,
    Tick,
)
from monitor.core.numbers.amounts import ONE
from monitor.core.rules.rule import Rule
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.sandbox.scenario.price_path import SimPricePath, path_from_bars, read_price_bars

DATA = Path(os.environ.get("MARGIN_MONITOR_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
RUNGS = ("thin", "below-initial", "near-call", "margin-call")
WAITS = (("thin", 900), ("below-initial", 30), ("near-call", 30), ("interest-eats", 0), ("interest-eats", 3600))
"""Rules with alternative waits in seconds before they fire."""
NOT_BY_PRICES: Mapping[str, str] = {
    "depeg": "no bars of a token that left its parity",
    "prices-dead": "the silence of a stream: bars have a price for every second",
    "stream-down": "connections",
    "drift": "two sources of one level: here both are the same bars",
    "mute": "channels",
    "space-low": "the disk",
    "cannot-record": "the database",
    "account-failing": "the program's own tasks",
    "clock-off": "the wall clock of the machine",
    "clock-off-critical": "the wall clock of the machine",
    "worst-day": "the hours of months before, and each change of what is held or owed",
    "odds-high": "the hours of months before, and each change of what is held or owed",
    "odds-high-critical": "the hours of months before, and each change of what is held or owed",
}
"""Rules that wait, and the input of theirs that files of prices lack."""
RATE = Decimal("0.0001")
"""The cost of a debt an hour, 88 % a year: at the usual rates interest alone takes years."""
MARGIN_CALL_LEVELS = {
    Decimal("1.05"): Decimal("1.1"),
    Decimal("1.15"): Decimal("1.19"),
    Decimal("1.18"): Decimal("1.22"),
}
POLL_S = 60
PHASES_S = (0, 15, 30, 45)
HELD_AMOUNT = Decimal(100)

CROSS_3X = Thresholds(Decimal("1.5"), Decimal("1.3"), Decimal("1.1"))
CROSS_5X = Thresholds(Decimal("1.25"), Decimal("1.16"), Decimal("1.1"))


@dataclass(frozen=True, slots=True)
class Night:
    """One collateral against a debt in USDT, on one night. `published` are the lead times worked out by hand, in
    minutes."""

    title: str
    file: str
    asset: str
    level: Decimal
    bars: Thresholds
    isolated: bool
    published: tuple[int, int, int] | None = None
    since: datetime | None = None
    """The start of the replay within the file, if not the file's."""


NIGHTS = (
    Night("BTC cross 5x", "um_BTCUSDT_1m_2025-10-10", "BTC", Decimal("1.26"), CROSS_5X, False, (28, 7, 3)),
    Night("SOL cross 3x", "um_SOLUSDT_1m_2025-10-10", "SOL", Decimal("1.54"), CROSS_3X, False, (21, 8, 3)),
    Night("SOL cross 5x", "um_SOLUSDT_1m_2025-10-10", "SOL", Decimal("1.40"), CROSS_5X, False, (4, 2, 1)),
    Night("SOL isolated 5x", "um_SOLUSDT_1m_2025-10-10", "SOL", Decimal("1.40"),
          Thresholds(Decimal("1.25"), Decimal("1.19"), Decimal("1.15")), True, (3, 1, 0)),
    Night("SOL isolated 3x", "um_SOLUSDT_1m_2025-10-10", "SOL", Decimal("1.60"),
          Thresholds(Decimal("1.5"), Decimal("1.22"), Decimal("1.18")), True, (7, 2, 0)),
    Night("BTC isolated 10x", "um_BTCUSDT_1m_2025-10-10", "BTC", Decimal("1.15"),
          Thresholds(Decimal("1.111"), Decimal("1.1"), Decimal("1.05")), True, (21, 4, 4)),
    Night("BTC cross 3x, 2021-05-19", "um_BTCUSDT_1m_2021-05-19", "BTC", Decimal("1.42"), CROSS_3X, False,
          (40, 36, 20)),
    Night("BTC cross 5x, 2021-12-04", "um_BTCUSDT_1m_2021-12-04", "BTC", Decimal("1.30"), CROSS_5X, False),
)  # fmt: skip

LONG_NIGHTS = tuple(
    Night(f"{asset} cross 3x, 2025-02-03", f"um_{asset}USDT_1m_2025-02-02_2025-02-05", asset, Decimal("1.60"), CROSS_3X,
          False, since=datetime(2025, 2, 2, 12, tzinfo=UTC))
    for asset in ("AVAX", "NEAR")
)  # fmt: skip
"""Fourteen hours that begin with a good margin; only replayed live."""
LONG_EVERY_S = 5

LeadTimes = Mapping[str, Decimal | None]


@dataclass(frozen=True, slots=True)
class Moment:
    """One second of a path: the level, the alerts that fired in it, and their notifications, by rule."""

    now: datetime
    level: Decimal
    alerts: Sequence[Alert]
    words: Counter[str]


def lead_times(
    night: Night, path: SimPricePath, phase_s: int, *, live: bool, ladder: Sequence[Rule], every_s: int = 1
) -> tuple[LeadTimes, datetime | None]:
    """The minutes from each rule's first alert to the liquidation, and the liquidation's time; None: not before it."""
    first: dict[str, datetime] = {}
    for moment in watch(night, path, ladder, phase_s=phase_s, live=live, every_s=every_s):
        for alert in moment.alerts:
            first.setdefault(alert.key.rule.removesuffix("-isolated"), moment.now)
        if moment.level <= night.bars.liquidation:
            return {rule: _minutes(moment.now - at) for rule, at in first.items()}, moment.now
    return {}, None


def watch(
    night: Night, path: SimPricePath, ladder: Sequence[Rule], *, phase_s: int = 0, live: bool = True, every_s: int = 1
) -> Iterator[Moment]:
    """Each moment of the path."""
    start = datetime.fromtimestamp(path.start_ms // 1000, UTC)
    symbol = f"{night.asset}USDT"
    owed = HELD_AMOUNT * path.at(path.start_ms // 1000) / night.level
    settings = AccountSettings(
        "main",
        cross=not night.isolated,
        isolated=None if night.isolated else (),
        isolated_margin_call=MARGIN_CALL_LEVELS,
    )
    policy = Policy(settings, tuple(ladder), ChannelRouting(("people",)))
    ids = IdSource(itertools.count(1).__next__, itertools.count(1).__next__)
    state = AccountState(account="main", started_at=start)
    for second in range(0, (path.end_ms - path.start_ms) // 1000 + 1, every_s):
        now = start + timedelta(seconds=second)
        price = path.at(path.start_ms // 1000 + second)
        level = HELD_AMOUNT * price / owed
        events: list[Event] = list(_opening(night, symbol, now)) if not second else []
        if live or not second:
            events.append(PricesRead({symbol: Price(price, now), "BTCUSDT": Price(price, now)}))
        if not second % 3600:
            events += RatesRead({"USDT": RATE}, {}, now), NextRatesRead({"USDT": RATE}, {"USDT": RATE}, now)
        if not second or second % POLL_S == phase_s:
            events.append(_read(night, symbol, price, owed, level, now))
        alerts: dict[int, Alert] = {}
        words: Counter[str] = Counter()
        for event in (*events, Tick()):
            done = step(state, event, policy, now, ids)
            state = done.state
            alerts |= {alert.id: alert for alert in done.entry.alerts if alert.fired_at == now}
            named = {alert.id: alert.key.rule for alert in (*state.alerts.values(), *done.entry.alerts)}
            words.update(
                named[notification.alert]
                for notification in done.entry.notifications
                if notification.reason is not NotificationReason.RESOLVED
            )
        yield Moment(now, level, tuple(alerts.values()), words)


def waiting(ladder: Sequence[Rule], name: str, seconds: int) -> Rule:
    """The rule as `NAME-SECONDS`, which fires after so many seconds; no other rule suppresses it."""
    (rule,) = (rule for rule in ladder if rule.name == name)
    return replace(rule, name=f"{name}-{seconds}", for_s=Decimal(seconds), ladder=None)


def rows(nights: Sequence[Night]) -> Iterator[tuple[Night, tuple[str, ...], tuple[str, ...], tuple[str, ...]]]:
    """Each night with the results of its rules: live, live with waits, and polled as a range."""
    both = (*rules(), *(waiting(rules(), name, seconds) for name, seconds in WAITS))
    for night in nights:
        path = path_of(night)
        is_long = night in LONG_NIGHTS
        live, ended = lead_times(night, path, 0, live=True, ladder=both, every_s=LONG_EVERY_S if is_long else 1)
        if ended is None:
            yield night, ("not liquidated",), (), ()
            continue
        phases = () if is_long else PHASES_S
        polled = [lead_times(night, path, phase, live=False, ladder=rules())[0] for phase in phases]
        yield (
            night,
            tuple(_text(live.get(rung)) for rung in (*RUNGS, "falling-fast")),
            tuple(_text(live.get(f"{name}-{seconds}")) for name, seconds in WAITS),
            tuple(_range([leads.get(rung) for leads in polled]) for rung in RUNGS),
        )


def path_of(night: Night) -> SimPricePath:
    """The price path through the bars of a night."""
    bars = read_price_bars(DATA / "prices" / f"binance_{night.file}.csv.gz")
    since_ms = 0 if night.since is None else int(night.since.timestamp()) * 1000
    return path_from_bars([bar for bar in bars if bar.start_ms >= since_ms])


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="the nights of whole days; some minutes")
    nights = LONG_NIGHTS if parser.parse_args().long else NIGHTS
    if not (DATA / "prices").is_dir():
        print(f"no real bars at {DATA}: set MARGIN_MONITOR_TEST_DATA", file=sys.stderr)
        return 1
    names, waits = " / ".join((*RUNGS, "falling-fast")), " / ".join(f"{rule} for {wait} s" for rule, wait in WAITS)
    print(
        f"| night, level at the start | live: {names} | {waits} | polled every 60 s | by hand |\n|---|---|---|---|---|"
    )
    for night, live, waited, polled in rows(nights):
        by_hand = ("–",) if night.published is None else tuple(map(str, night.published))
        cells = [" / ".join(cell) or "–" for cell in (live, waited, polled, by_hand)]
        print(f"| {night.title} ({night.level}) | {' | '.join(cells)} |", flush=True)
    return 0


def _opening(night: Night, symbol: str, now: datetime) -> Iterator[Event]:
    streams = ("account", "market") if night.isolated else ("account", "market", "risk")
    for name in streams:
        yield StreamChanged("risk" if name == "risk" else "market" if name == "market" else "account", True, (), now)
    if night.isolated:
        most = Decimal(10) ** 12
        yield LeverageTiersRead(symbol, (LeverageTier(1, night.bars.initial, night.bars.liquidation, most, most),))
    else:
        yield ThresholdsRead(night.bars)


def _read(night: Night, symbol: str, price: Decimal, owed: Decimal, level: Decimal, now: datetime) -> Event:
    held, debt = Balance(night.asset, free=HELD_AMOUNT), Balance("USDT", borrowed=owed)
    if not night.isolated:
        balances = {night.asset: held, "USDT": debt}
        return CrossRead(CrossSnapshot(now, now, balances, level, level, HELD_AMOUNT, owed / price))
    end = night.bars.liquidation * owed / HELD_AMOUNT
    called = level <= MARGIN_CALL_LEVELS[night.bars.liquidation]
    pair = IsolatedPair(
        symbol, held, debt, level, PairStatus.MARGIN_CALL if called else PairStatus.NORMAL, price * ONE, end
    )
    return IsolatedRead(IsolatedSnapshot(now, now, {symbol: pair}))


def _minutes(span: timedelta) -> Decimal:
    return Decimal(int(span.total_seconds())) / 60


def _text(lead: Decimal | None) -> str:
    return "–" if lead is None else f"{lead:.1f}"


def _range(found: list[Decimal | None]) -> str:
    if not found:
        return "–"
    texts = sorted({_text(lead) for lead in found}, key=lambda text: (text != "–", float(text) if text != "–" else 0))
    return texts[0] if len(texts) == 1 else f"{texts[0]}…{texts[-1]}"


if __name__ == "__main__":
    raise SystemExit(main())

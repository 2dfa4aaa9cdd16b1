"""The demo's screen: live on a terminal, plain lines elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from monitor.core.numbers.amounts import ZERO
from monitor.view.formatting import UNKNOWN, format_level, format_percent, format_price, format_threshold

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text

GAUGE_WIDTH = 44
MAX_LINE_INTERVAL = timedelta(minutes=10)
"""Interval, in a run's own time, of its printed lines without a terminal; each event is printed too."""


@dataclass(frozen=True, slots=True)
class DemoRun:
    """One run at one moment of its own time. `prices` in USDT by asset; `firing` the rules that fire."""

    name: str
    at: datetime | None = None
    level: Decimal | None = None
    initial: Decimal | None = None
    margin_call: Decimal | None = None
    liquidation: Decimal | None = None
    distance: Decimal | None = None
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    firing: tuple[str, ...] = ()
    told: int = 0
    intents: int = 0
    liquidated: bool = False


@dataclass(frozen=True, slots=True)
class DemoFrame:
    """Everything the screen shows at once. `remaining_s` is in real seconds."""

    scenario: str
    runs: tuple[DemoRun, ...]
    progress: float
    remaining_s: float
    lines: tuple[str, ...] = ()
    """The newest events, oldest first."""


class DemoScreen:
    """Shows frames until closed. `live`: redraws on a terminal; else writes a line when something changed."""

    def __init__(self, stream: TextIO, *, live: bool) -> None:
        self._stream = stream
        self._is_live = live
        self._live: Live | None = None
        self._first_prices: dict[str, Mapping[str, Decimal]] = {}
        self._written: dict[str, tuple[object, datetime | None]] = {}

    def __enter__(self) -> Self:
        if self._is_live:
            from rich.console import Console
            from rich.live import Live

            console = Console(file=self._stream, highlight=False, force_terminal=True)
            self._live = Live(console=console, refresh_per_second=5, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, frame: DemoFrame) -> None:
        for run in frame.runs:
            if run.prices:
                self._first_prices.setdefault(run.name, dict(run.prices))
        if self._live is not None:
            self._live.update(self._screen(frame))
            return
        for run in frame.runs:
            self._write_line(run)

    def write(self, line: str) -> None:
        """Write a line that stays, above the runs."""
        if self._live is not None:
            self._live.console.print(line, highlight=False, markup=False, soft_wrap=True)
            return
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def _write_line(self, run: DemoRun) -> None:
        """Write the run's line at an event, or after a while without one."""
        happened = (run.firing, run.intents, run.liquidated)
        before = self._written.get(run.name)
        if run.at is None or run.level is None:
            return
        if (
            before is not None
            and before[0] == happened
            and before[1] is not None
            and run.at - before[1] < MAX_LINE_INTERVAL
        ):
            return
        self._written[run.name] = (happened, run.at)
        self._stream.write(f"{run.at:%H:%M:%S}  {run.name:<10} {format_run(run)}\n")
        self._stream.flush()

    def _screen(self, frame: DemoFrame) -> "RenderableType":
        from rich.console import Group
        from rich.panel import Panel
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        panels = [
            Panel(self._run_text(run), title=run.name, title_align="left", border_style=_tone(run), padding=(0, 1))
            for run in frame.runs
        ]
        foot = Table.grid(padding=(0, 2))
        foot.add_row(
            ProgressBar(total=1.0, completed=frame.progress, width=GAUGE_WIDTH),
            Text(f"{max(frame.remaining_s, 0):.0f} s left", style="dim"),
        )
        return Group(
            Text(f"{frame.scenario}: a simulated crash, watched by the real daemon", style="bold"),
            *panels,
            *(Text(line, style="dim") for line in frame.lines),
            foot,
        )

    def _run_text(self, run: DemoRun) -> "Text":
        from rich.text import Text

        text = Text()
        clock = f"{run.at:%Y-%m-%d %H:%M:%S} UTC" if run.at is not None else "starting"
        text.append(f"{clock}   {self._prices_text(run)}\n", "dim")
        text.append("level ", "dim")
        text.append(f"{format_level(run.level) if run.level is not None else UNKNOWN:<6}", f"bold {_tone(run)}")
        text.append(level_gauge(run), _tone(run))
        bars = (("liquidation", run.liquidation), ("call", run.margin_call), ("initial", run.initial))
        text.append("\n      " + ", ".join(f"{word} {format_threshold(bar)}" for word, bar in bars), "dim")
        text.append(f"\n{_outlook_text(run)}", _tone(run))
        text.append(f"\nalerts {', '.join(run.firing) or 'none'}   ", "" if run.firing else "dim")
        text.append(f"messages sent {run.told}   actions {run.intents}", "dim")
        return text

    def _prices_text(self, run: DemoRun) -> str:
        first = self._first_prices.get(run.name, {})
        parts = []
        for asset, price in sorted(run.prices.items()):
            start = first.get(asset)
            change = f" ({(price / start - 1) * 100:+.1f} %)" if start else ""
            parts.append(f"{asset} {format_price(price)}{change}")
        return "   ".join(parts)


def parse_run(name: str, document: Mapping[str, Any]) -> DemoRun:
    """The run in a child's frame; prices against USDT are named by the asset."""

    def number(field_name: str) -> Decimal | None:
        text = document.get(field_name)
        return None if text is None else Decimal(text)

    return DemoRun(
        name=name,
        at=datetime.fromisoformat(document["at"]) if "at" in document else None,
        level=number("margin_level"),
        initial=number("initial_level"),
        margin_call=number("margin_call_level"),
        liquidation=number("liquidation_level"),
        distance=number("distance_to_liquidation"),
        prices={symbol.removesuffix("USDT"): Decimal(price) for symbol, price in document.get("prices", {}).items()},
        firing=tuple(document.get("firing", ())),
        told=document.get("told", 0),
        intents=document.get("intents", 0),
        liquidated=bool(document.get("liquidated", False)),
    )


def format_run(run: DemoRun) -> str:
    """The state of a run on one line."""
    parts = [f"level {format_level(run.level)}" if run.level is not None else "level unknown", _outlook_text(run)]
    if run.firing:
        parts.append(f"alerts: {', '.join(run.firing)}")
    if run.intents:
        parts.append(f"actions: {run.intents}")
    return "   ".join(parts)


def level_gauge(run: DemoRun, width: int = GAUGE_WIDTH) -> str:
    """The level against its thresholds, drawn as strokes: `▕━━│━━━│━━━━●     ▏`; "" while they are unknown."""
    if run.liquidation is None or run.margin_call is None or run.initial is None:
        return ""
    low = run.liquidation - (run.initial - run.liquidation) * Decimal("0.1")
    high = run.initial + (run.initial - run.liquidation) * Decimal("1.5")
    cells = [" "] * width

    def place(value: Decimal) -> int:
        return min(max(int((value - low) / (high - low) * width), 0), width - 1)

    if run.level is not None:
        for position in range(place(run.level) + 1):
            cells[position] = "━"
    for bar in (run.liquidation, run.margin_call, run.initial):
        cells[place(bar)] = "│"
    if run.level is not None:
        cells[place(run.level)] = "●"
    return f"▕{''.join(cells)}▏"


def _outlook_text(run: DemoRun) -> str:
    if run.liquidated:
        return "LIQUIDATED by the exchange"
    if run.distance is None:
        return "no move of prices liquidates it" if run.level is not None else ""
    if run.distance <= ZERO:
        return "liquidation is due now"
    return f"{format_percent(run.distance)} from liquidation"


def _tone(run: DemoRun) -> str:
    if run.liquidated:
        return "red"
    if run.level is None or run.margin_call is None or run.initial is None:
        return "dim"
    return "red" if run.level <= run.margin_call else "yellow" if run.level < run.initial else "green"

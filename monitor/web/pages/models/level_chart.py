"""The recorded level of one scope: as a drawing for pages without JavaScript, as a table, and as marks for both."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from monitor.core.numbers.durations import format_rfc3339
from monitor.view.documents.types.actions import ActionDocument
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.history import HistoryDocument
from monitor.view.formatting import format_level, format_threshold
from monitor.web.pages.models.action import action_view
from monitor.web.pages.models.words import SEVERITY_PAGE_TONES, PageTone, decimal_of, parse_time, time_words

CHART_SPANS: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "90d": timedelta(days=90),
}

LabelSide = Literal["right", "above", "below"]

WIDTH, HEIGHT = 1000, 260
"""Size of the drawing in its own units; the page stretches it."""

MAX_COLUMNS = 250
"""Points drawn: each is the lowest level of its part of the time."""

MAX_MARKS = 40
TABLE_ROWS = 12

_CEILING = Decimal(2)
"""Levels above this many times the highest threshold are drawn at the edge: they would flatten the rest."""

_THRESHOLDS: Sequence[tuple[str, str, PageTone, LabelSide]] = (
    ("initial_level", "initial", "note", "right"),
    ("margin_call_level", "margin call", "bad", "above"),
    ("liquidation_level", "liquidation", "bad", "below"),
)


@dataclass(frozen=True, slots=True)
class ChartThreshold:
    """A threshold across the chart, at a height in per cent from the top; the label's side keeps labels apart."""

    name: str
    level: str
    value: str
    tone: PageTone
    side: LabelSide
    at: str


@dataclass(frozen=True, slots=True)
class ChartMark:
    """An alert or an action at its time, at a place in per cent from the left; outside the time it is None."""

    kind: str
    words: str
    href: str
    tone: PageTone
    at_time: str
    at: str


@dataclass(frozen=True, slots=True)
class ChartRow:
    """The lowest level in a part of the time."""

    since: str
    lowest: str


@dataclass(frozen=True, slots=True)
class LevelChart:
    """A level over time. `lines` are runs of points; between them nothing is known. `words` say what the line shows."""

    label: str
    span: str
    since: str
    until: str
    lines: tuple[str, ...]
    thresholds: tuple[ChartThreshold, ...]
    marks: tuple[ChartMark, ...]
    rows: tuple[ChartRow, ...]
    words: str


@dataclass(frozen=True, slots=True)
class _Sample:
    at: datetime
    level: Decimal | None


def level_chart(
    history: HistoryDocument | None,
    thresholds: Mapping[str, str | None],
    alerts: Iterable[AlertDocument],
    actions: Iterable[ActionDocument],
    label: str,
    span: str,
    until: datetime,
) -> LevelChart:
    """The chart of the last `span` until `until`. `thresholds` are the scope's present ones, by their keys."""
    since = until - CHART_SPANS[span]
    points = history["points"] if history is not None else []
    samples = _lowest(
        [s for at, level in points if (s := _Sample(parse_time(at), decimal_of(level))).at >= since], since, until
    )
    bars = {key: value for key, *_ in _THRESHOLDS if (value := decimal_of(thresholds.get(key))) is not None}
    known = [sample.level for sample in samples if sample.level is not None]
    top = max(bars.values(), default=max(known, default=Decimal(1))) * _CEILING
    shown = [min(level, top) for level in known] + list(bars.values())
    low, high = min(shown, default=Decimal(0)), max(shown, default=Decimal(1))
    room = (high - low) / 12 or Decimal("0.1")
    low, high = low - room, high + room

    def y(level: Decimal) -> Decimal:
        return (high - min(level, top)) / (high - low)

    return LevelChart(
        label=label,
        span=span,
        since=format_rfc3339(since),
        until=format_rfc3339(until),
        lines=tuple(_lines(samples, since, until, y_of=y)),
        thresholds=tuple(
            ChartThreshold(name, format_threshold(bars[key]), str(bars[key]), tone, side, f"{y(bars[key]) * 100:.2f}%")
            for key, name, tone, side in _THRESHOLDS
            if key in bars
        ),
        marks=tuple(_marks(alerts, actions, since, until)),
        rows=tuple(_rows(samples, since, until)),
        words=_words(samples),
    )


def _lowest(samples: Sequence[_Sample], since: datetime, until: datetime) -> list[_Sample]:
    """The lowest sample of each column; a gap in the record stays one."""
    width = (until - since) / MAX_COLUMNS
    columns: dict[int, _Sample] = {}
    for sample in samples:
        column = int((sample.at - since) / width)
        kept = columns.get(column)
        is_lower = kept is not None and sample.level is not None and (kept.level is None or sample.level < kept.level)
        if kept is None or is_lower:
            columns[column] = sample
    return [columns[column] for column in sorted(columns)]


def _lines(
    samples: Sequence[_Sample], since: datetime, until: datetime, y_of: Callable[[Decimal], Decimal]
) -> Iterator[str]:
    run: list[str] = []
    for sample in samples:
        if sample.level is None:
            if run:
                yield " ".join(run)
            run = []
        else:
            x = (sample.at - since) / (until - since) * WIDTH
            run.append(f"{x:.1f},{y_of(sample.level) * HEIGHT:.1f}")
    if run:
        yield " ".join(run if len(run) > 1 else run * 2)


def _marks(
    alerts: Iterable[AlertDocument], actions: Iterable[ActionDocument], since: datetime, until: datetime
) -> Iterator[ChartMark]:
    """Alerts as they fired and actions as they were decided, the newest first."""
    marks = [
        *(
            (
                "alert",
                f"#{a['id']} {a['severity']} {a['rule']}",
                f"/alerts/{a['id']}",
                SEVERITY_PAGE_TONES[a["severity"]],
                a["fired_at"],
            )
            for a in alerts
            if a["fired_at"] is not None
        ),
        *(
            ("action", f"{view.headline}: {view.state_words}", view.href, view.tone, view.created_at)
            for view in (action_view(action, until) for action in actions)
        ),
    ]
    inside = [mark for mark in marks if since <= parse_time(mark[4]) <= until]
    for kind, words, href, tone, at in sorted(inside, key=lambda mark: mark[4], reverse=True)[:MAX_MARKS]:
        yield ChartMark(kind, words, href, tone, at, f"{(parse_time(at) - since) / (until - since) * 100:.2f}%")


def _rows(samples: Sequence[_Sample], since: datetime, until: datetime) -> Iterator[ChartRow]:
    part = (until - since) / TABLE_ROWS
    for number in range(TABLE_ROWS):
        start = since + part * number
        levels = [s.level for s in samples if start <= s.at < start + part and s.level is not None]
        lowest = format_level(min(levels)) if levels else "nothing recorded"
        yield ChartRow(time_words(format_rfc3339(start)), lowest)


def _words(samples: Sequence[_Sample]) -> str:
    known = [(sample.level, sample.at) for sample in samples if sample.level is not None]
    if not known:
        return "Nothing is recorded of this time."
    lowest, at = min(known)
    return f"Lowest {format_level(lowest)} at {time_words(format_rfc3339(at))}, last {format_level(known[-1][0])}."

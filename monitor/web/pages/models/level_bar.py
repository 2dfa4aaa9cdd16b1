"""The bar of a level between its own thresholds.

The zones between thresholds are drawn equally wide, so that their labels never collide; within a zone the place is
proportional. Above the highest threshold the scale approaches the end and never reaches it.
"""

from dataclasses import dataclass
from decimal import Decimal

from monitor.view.formatting import format_threshold
from monitor.web.pages.models.words import PageTone

FIRST_AT, LAST_AT, END = Decimal(12), Decimal(68), Decimal(100)
"""Places of the lowest and the highest threshold, and the end of the bar, in per cent of its width."""


@dataclass(frozen=True, slots=True)
class BarMark:
    """A threshold on the bar: its name, its level, and its place in per cent."""

    name: str
    level: str
    at: str


@dataclass(frozen=True, slots=True)
class BarZone:
    """The part of the bar between two thresholds."""

    at: str
    width: str
    tone: PageTone


@dataclass(frozen=True, slots=True)
class LevelBar:
    """A level, its thresholds, and their places. `words` say the same for people who can't see the bar."""

    marks: tuple[BarMark, ...]
    zones: tuple[BarZone, ...]
    at: str
    words: str


def level_bar(
    level: Decimal | None,
    initial: Decimal | None,
    margin_call: Decimal | None,
    liquidation: Decimal | None,
    level_words: str,
) -> LevelBar | None:
    """Return the bar; None while the level or its liquidation threshold is not known."""
    if level is None or liquidation is None or liquidation <= 0:
        return None
    named = (("liquidation", liquidation), ("margin call", margin_call), ("initial", initial))
    known = sorted(((name, value) for name, value in named if value is not None), key=lambda entry: entry[1])
    step = (LAST_AT - FIRST_AT) / max(len(known) - 1, 1)
    places = [FIRST_AT + step * index for index in range(len(known))]
    values = [value for _, value in known]
    marks = tuple(
        BarMark(name, format_threshold(value), _percent(place))
        for (name, value), place in zip(known, places, strict=True)
    )
    words = f"level {level_words}; " + ", ".join(f"{mark.name} at {mark.level}" for mark in marks)
    return LevelBar(marks, _zones(known, places), _percent(_place(level, values, places)), words)


def _zones(known: list[tuple[str, Decimal]], places: list[Decimal]) -> tuple[BarZone, ...]:
    """The zone below each threshold, and the one above the last."""
    tones: dict[str, PageTone] = {"liquidation": "bad", "margin call": "bad", "initial": "note"}
    starts = [Decimal(0), *places]
    ends = [*places, END]
    below = [tones[name] for name, _ in known]
    above: PageTone = "good" if known[-1][0] == "initial" else "note"
    return tuple(
        BarZone(_percent(start), _percent(end - start), tone)
        for start, end, tone in zip(starts, ends, [*below, above], strict=True)
    )


def _place(level: Decimal, values: list[Decimal], places: list[Decimal]) -> Decimal:
    if level <= values[0]:
        return places[0] * max(level, Decimal(0)) / values[0]
    for low, high, start, end in zip(values, values[1:], places, places[1:], strict=False):
        if level < high:
            return start + (end - start) * (level - low) / (high - low)
    return places[-1] + (END - places[-1]) * (1 - values[-1] / level)


def _percent(place: Decimal) -> str:
    return f"{min(max(place, Decimal(0)), END):.2f}%"

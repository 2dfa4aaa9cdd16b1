"""Cells and tables of a terminal, with the tone of each text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["", "good", "note", "bad", "dim", "strong"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and its tone."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; the columns in `right` are numbers."""

    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    right: frozenset[int] = field(default_factory=frozenset)


SEVERITY_TONES: dict[str, Tone] = {"critical": "bad", "warning": "note", "info": ""}

"""Lexer of rule expressions: exact literals; everything else is only masked.

Numbers, percentages and durations are read exactly. Every literal is replaced by a `0` of the same width, so that a
parser never makes a float of it and columns stay true.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.core.numbers.amounts import parse_amount
from monitor.core.numbers.durations import parse_duration, to_seconds

MAX_LENGTH = 1000
"""Maximum length of an expression, in characters."""

LiteralKind = Literal["number", "percent", "duration"]

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")
_SUFFIX = re.compile(r"[A-Za-z0-9_.%]*")
_OPERATORS = frozenset("+-*/()<>=!,")
_REJECTED_CHARACTERS = {
    "%": "a percent sign belongs right after a number, as in 10%",
    ".": "a dot belongs inside a number, as in 1.5; names have none",
    "[": "brackets are not part of an expression",
    "]": "brackets are not part of an expression",
    "{": "braces are not part of an expression",
    "}": "braces are not part of an expression",
    '"': "texts are not part of an expression",
    "'": "texts are not part of an expression",
    "&": "write `and` instead of `&`",
    "|": "write `or` instead of `|`",
    "^": "powers are not part of an expression",
    "~": "write `not` instead of `~`",
    "≥": "write >=",
    "≤": "write <=",
    "≠": "write !=",
    "−": "write the plain minus sign -",
    "×": "write *",
    "÷": "write /",
}


class ExpressionError(ValueError):
    """An error in an expression, its column (1 is the first), and the fix if one is known."""

    def __init__(self, message: str, column: int, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.mend = mend

    def __str__(self) -> str:
        line = f"column {self.column}: {self.message}"
        return f"{line}; {self.mend}" if self.mend else line


@dataclass(frozen=True, slots=True)
class LiteralToken:
    """A literal: its value (percent as a fraction, duration in seconds) and its notation."""

    value: Decimal
    kind: LiteralKind
    text: str


def mask_literals(text: str) -> tuple[str, dict[int, LiteralToken]]:
    """Return the text with each literal masked, and the literals by their offset.

    The mask is ASCII, of the same length, on one line, and holds words, operators, spaces and single zeros only. Raises
    ExpressionError for anything that can't be part of an expression.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH + 1, "split it into several rules")
    masked: list[str] = []
    constants: dict[int, LiteralToken] = {}
    at = 0
    while at < len(text):
        character = text[at]
        if word := _WORD.match(text, at):
            piece = word.group()
        elif number := _NUMBER.match(text, at):
            suffix = _SUFFIX.match(text, number.end())
            written = number.group() + (suffix.group() if suffix else "")
            constants[at] = _literal_token(written, number.group(), at)
            masked.append("0".ljust(len(written)))
            at += len(written)
            continue
        elif character in _OPERATORS:
            piece = character
        elif character in " \t\r\n":
            piece = " "
            masked.append(piece)
            at += 1
            continue
        else:
            mend = _REJECTED_CHARACTERS.get(
                character, "an expression has names, numbers, and or not + - * / < <= > >= == != ( )"
            )
            raise ExpressionError(f"unexpected {character!r}", at + 1, mend)
        masked.append(piece)
        at += len(piece)
    return "".join(masked), constants


def _literal_token(written: str, number: str, at: int) -> LiteralToken:
    suffix = written[len(number) :]
    try:
        if not suffix:
            return LiteralToken(parse_amount(number), "number", written)
        if suffix == "%":
            return LiteralToken(parse_amount(number) / 100, "percent", written)
    except ValueError as error:
        raise ExpressionError(str(error), at + 1) from error
    try:
        return LiteralToken(to_seconds(parse_duration(written)), "duration", written)
    except ValueError as error:
        shown = written if len(written) <= 40 else written[:37] + "..."
        raise ExpressionError(
            f"can't read `{shown}`", at + 1, "numbers are like 1.5, percentages like 10%, durations like 90s or 1h30m"
        ) from error

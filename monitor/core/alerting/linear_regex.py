"""Regular expressions whose matching takes time in proportion to the text, by RE2, in the syntax of Alertmanager's.

Silences are written by people, also over HTTP, and matched in the step that decides on alerts: with `re` a pattern such
as `(a+)+b` would hold that up for years. The library is loaded with the first pattern.
"""

from typing import Any

MAX_MEMORY = 1 << 20
"""Bytes that one pattern may take."""


def find_problem(pattern: str) -> str:
    """Return why the pattern can't be used; empty if it can."""
    try:
        _compile(pattern)
    except ValueError as error:
        return str(error)
    return ""


def matches_whole(pattern: str, text: str) -> bool | None:
    """Return whether the pattern matches the whole text; None for a pattern that can't be used."""
    try:
        return _compile(pattern).fullmatch(text) is not None
    except ValueError:
        return None


def _compile(pattern: str) -> Any:
    """The compiled pattern; the library keeps the last ones. Raises ValueError with the library's words."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(error.args[0].decode(errors="replace")) from error

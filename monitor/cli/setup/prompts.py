"""Questions at a terminal: an answer that can't be used gets one line with the fix, and the question comes again."""

import getpass
import sys
from collections.abc import Callable
from typing import TypeVar

from monitor.cli import output
from monitor.errors import MonitorError, UsageError

T = TypeVar("T")

SKIP = "skip"
"""Answer that goes on without a trial."""


def ask(
    question: str, use: Callable[[str], T], *, default: str = "", hidden: bool = False, show_default: bool = True
) -> T:
    """Return what `use` makes of the answer. A MonitorError of it is printed, and the question comes again.

    An empty answer is `default`. A hidden answer is not echoed, and no default of it is shown; nor is one that is a
    secret itself, with `show_default` False.
    """
    while True:
        answer = _read_hidden(question) if hidden else _read_line(question, default if show_default else "")
        try:
            return use(answer or default)
        except MonitorError as error:
            output.print_error(error, as_json=False)


def confirm(question: str) -> bool:
    """Return whether the answer is yes; an empty one is."""
    return ask(f"{question} [Y/n]", _parse_yes)


def check_terminal() -> None:
    """Raise UsageError unless a person can answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("questions need a terminal", mend="use --non-interactive with the options")


def _parse_yes(answer: str) -> bool:
    word = answer.strip().lower()
    if word not in ("", "y", "yes", "n", "no"):
        raise UsageError(f'"{word[:20]}" is neither yes nor no', mend="answer y or n")
    return word in ("", "y", "yes")


def _read_line(question: str, default: str) -> str:
    sys.stderr.write(f"{question}{f' [{default}]' if default else ''}: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise _no_answer()
    return line.strip()


def _read_hidden(question: str) -> str:
    try:
        return getpass.getpass(f"{question}: ", sys.stderr).strip()
    except EOFError as error:
        raise _no_answer() from error


def _no_answer() -> UsageError:
    return UsageError("no answer was given", mend="use --non-interactive with the options")

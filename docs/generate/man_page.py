"""The manual page of the command, made from its parser.

`python -m docs.generate.man_page [FILE]` writes it; the file is docs/reference/margin-monitor.1 unless given.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from argparse_manpage.manpage import Manpage

from docs.generate.reference import EXIT_CODES
from monitor import __version__
from monitor.cli.command_tree import build_command_tree, list_parsers
from monitor.cli.parser import PROGRAM
from monitor.errors import ExitCode

MAN_PAGE = Path("docs/reference/margin-monitor.1")

_WIDTH = 10_000
"""Columns of a usage line: man breaks it, so that the page does not depend on a terminal."""

_PURPOSE = "watches Binance margin accounts, warns early, and acts within strict limits"

_DESCRIPTION = """\
Watches cross and isolated margin accounts, judges them by rules, notifies people, and acts if it was allowed to.
Reading commands work beside a running daemon and without one. Global options may stand before or after the command."""


def man_page() -> str:
    """The page in the notation of man(7)."""
    tree = build_command_tree(_DESCRIPTION)
    for parser in list_parsers(tree):
        if parser is not tree:
            # The purpose in the list of commands says the same.
            parser.description = None
        parser.formatter_class = partial(argparse.HelpFormatter, width=_WIDTH)
    page = Manpage(tree, format="single-commands-section")
    # Without a date: the page is the same whenever it is made.
    page.date, page.source, page.manual = "", f"{PROGRAM} {__version__}", "User commands"
    page.description = _PURPOSE
    page.add_section("EXIT STATUS", "=", _definitions((str(int(code)), EXIT_CODES[code]) for code in ExitCode))
    page.add_section("FILES", "=", _definitions(_FILES))

    return str(page)


def main(words: Sequence[str] | None = None) -> int:
    """Write the page and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate.man_page", description="Write the manual page.")
    parser.add_argument("file", nargs="?", type=Path, default=MAN_PAGE, metavar="FILE")
    file: Path = parser.parse_args(words).file
    file.write_text(man_page(), encoding="utf-8")
    print(f"wrote {file}")
    return ExitCode.DONE


_FILES = (
    ("~/.config/margin-monitor/config.toml", "the configuration of a person"),
    ("/etc/margin-monitor/config.toml", "the configuration of the service"),
    ("~/.local/state/margin-monitor, /var/lib/margin-monitor", "the database of the one and of the other"),
)


def _definitions(rows: Iterable[tuple[str, str]]) -> str:
    r"""The rows as a list of terms, escaped for man(7), where a bare `-` may become a hyphen."""
    return "\n".join(f".TP\n\\fB{_escaped(term)}\\fR\n{_escaped(meaning)}" for term, meaning in rows)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("-", r"\-")


if __name__ == "__main__":
    sys.exit(main())

"""The command lines of the pages: those of shell blocks, of sessions shown with their output, and of running text."""

import re
import shlex
from functools import cache

from monitor.cli.command_tree import build_command_tree
from monitor.cli.parser import PROGRAM
from monitor.errors import UsageError
from tests.docs.pages import PAGES, blocks, inline_code

_COMMENT = re.compile(r"\s+# .*$")
_PLACEHOLDER = re.compile(r"\b(?:CHANNEL|FILE|ID|NAME|RULE)\b|…")

_TREE = cache(build_command_tree)


def shell_lines() -> list[str]:
    """Every line of the shell blocks once, without comments and without a change of user before our own command."""
    found = [line for block in blocks("sh") for line in block.text.replace("\\\n", " ").splitlines() if line]
    return list(dict.fromkeys(_COMMENT.sub("", line).removeprefix("sudo -u margin-monitor ") for line in found))


def session_lines() -> list[str]:
    """Every line that a session shows as typed, once."""
    found = [line for block in blocks("console") for line in block.text.splitlines()]
    return list(dict.fromkeys(line.removeprefix("$ ") for line in found if line.startswith("$ ")))


def inline_commands() -> list[str]:
    """The command lines of ours within running text that are whole: no word stands for another one."""
    found = [code for page in PAGES if page.parent.name != "reference" for code in inline_code(page)]
    ours = [code for code in found if code.startswith(f"{PROGRAM} ") and not _PLACEHOLDER.search(code)]
    return [line for line in dict.fromkeys(ours) if complaint(line) is None]


def complaint(line: str) -> str | None:
    """What the parser finds wrong with a command line of ours, if anything."""
    try:
        _TREE().parse_args(shlex.split(line.removeprefix(f"{PROGRAM} ")))
    except (UsageError, ValueError) as error:
        return str(error)
    return None

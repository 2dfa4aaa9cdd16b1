"""Completion scripts of shells."""

import argparse
from collections.abc import Mapping
from typing import Any

import shtab

from monitor.cli.command_tree import add_global_options, build_command_tree, list_parsers
from monitor.core.margin.stress_scenarios import STRESS_SCENARIOS
from monitor.core.model.metric import METRICS
from monitor.exchange.binance.api.catalogue import FUNCTIONS

_PATHS: Mapping[str, Any] = {"FILE": shtab.FILE, "FILE.png": shtab.FILE, "DIR": shtab.DIRECTORY}
"""The kind of path that a value is, by its name in the help."""

_WORDS: Mapping[str, tuple[str, ...]] = {
    "FUNCTION": tuple(FUNCTIONS),
    "METRIC": tuple(METRICS),
    "DATE": tuple(STRESS_SCENARIOS),
}
"""The words that a value may be, by its name in the help, where the parser leaves the check to the command."""


def completion_script(shell: str) -> str:
    """The script that completes commands, options, their values and files in `shell`: bash, zsh or fish.

    It starts no program while a person types, and is made anew with each version.
    """
    tree = build_command_tree()
    for parser in list_parsers(tree):
        if parser is not tree:
            add_global_options(parser)
        for action in parser._actions:
            _describe_value(action)
    return shtab.complete(tree, shell)


def _describe_value(action: argparse.Action) -> None:
    """Tell the library which files or words complete the value of an argument."""
    if action.choices is not None or not isinstance(action.metavar, str):
        return
    if action.metavar in _PATHS:
        action.complete = _PATHS[action.metavar]  # type: ignore[attr-defined]  # the library's way to name files
    elif action.metavar in _WORDS:
        action.choices = _WORDS[action.metavar]

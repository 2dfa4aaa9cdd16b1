"""`rules`: list, test, backtest and lint the rules."""

import argparse
import importlib
from collections.abc import Mapping
from types import ModuleType

RULES_PARTS: Mapping[str, str] = {
    "list": "list every rule in force",
    "test": "run the tests of rules in a file",
    "backtest": "show alerts and actions over past prices",
    "lint": "find flaws of rules, actions and channels",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", required=True, metavar="|".join(RULES_PARTS))
    for name, meaning in RULES_PARTS.items():
        part = parts.add_parser(name, help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}.")
        _load_part(name).add_arguments(part)


def run(args: argparse.Namespace) -> int:
    return int(_load_part(args.part).run(args))


def _load_part(part: str) -> ModuleType:
    return importlib.import_module(f"monitor.cli.commands.rules.{part}")

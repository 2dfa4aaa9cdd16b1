"""`rules`: what they are, whether they do what they should, what they would have done, and what they lack."""

import argparse
import importlib
from collections.abc import Mapping
from types import ModuleType

PARTS: Mapping[str, str] = {
    "list": "every rule as it holds",
    "test": "try rules on series of your own",
    "backtest": "what the rules would have told and done",
    "lint": "what the rules lack",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", required=True, metavar="|".join(PARTS))
    for name, meaning in PARTS.items():
        part = parts.add_parser(name, help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}.")
        _module(name).add_arguments(part)


def run(args: argparse.Namespace) -> int:
    return int(_module(args.part).run(args))


def _module(part: str) -> ModuleType:
    return importlib.import_module(f"monitor.cli.rules_{part}")

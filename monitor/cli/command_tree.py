"""The whole command line as one parser, for shell completion and the man page."""

import argparse
import importlib
from collections.abc import Iterator

from monitor.cli.parser import COMMANDS, GLOBAL_OPTIONS, PROGRAM, CommandParser, as_sentence


def build_command_tree(description: str = "") -> CommandParser:
    """The parser of the program with those of all commands below it. Loads the module of every command."""
    tree = CommandParser(prog=PROGRAM, description=description or None)
    add_global_options(tree)
    tree.add_argument("--version", action="store_true", help="print the version and its commit")
    commands = tree.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=as_sentence(purpose))
        importlib.import_module(f"monitor.cli.commands.{name}").add_arguments(command)
    return tree


def list_parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser, and those of all commands and parts of commands below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from list_parsers(below)


def add_global_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that belong to no command."""
    for name, option in GLOBAL_OPTIONS.items():
        parser.add_argument(name, metavar=option.metavar, choices=option.choices or None, help=option.meaning)

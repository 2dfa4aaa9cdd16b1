"""`completion`: the completion script of a shell, made from the parser of the command line."""

import argparse

from monitor.cli import output
from monitor.errors import ExitCode

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads the script")


def run(args: argparse.Namespace) -> int:
    from monitor.cli.commands.completion.shell_script import completion_script

    output.print_line(completion_script(args.shell).rstrip("\n"))
    return ExitCode.DONE

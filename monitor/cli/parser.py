"""The command line: a table of commands, each loading its module only when called.

To add the command `example`: name it in `COMMANDS` below, and write `monitor/cli/commands/example.py` with
`add_arguments(parser)`, which declares its options on an ArgumentParser, and `run(args) -> int`, which does it and
returns an exit code of `monitor.errors.ExitCode`.

`args` also has `config` (a path or None), `log_format` and `log_level`; logging has been started by them.
`monitor.cli.config_option.read_config(args)` gives the Config; `monitor.cli.output` prints. A command raises
MonitorError for errors that a person can fix and prints none itself. `add_json(parser)` declares `--json`, with
`lists=True` `--jsonl` too.
"""

import argparse
import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from monitor.errors import ExitCode, UsageError, suggest_nearest

PROGRAM = "margin-monitor"

COMMANDS: Mapping[str, str] = {
    "run": "run the daemon in the foreground until stopped",
    "demo": "play a simulated crash: no keys, no network",
    "init": "write a short configuration, or the service units",
    "check": "check configuration, keys, exchange, database and channels",
    "config": "show the configuration in force, or its JSON Schema",
    "status": "show the distance of each account from liquidation",
    "alerts": "list open alerts, or all",
    "ack": "acknowledge an alert: no reminders, no escalation",
    "silence": "mute alerts for a while",
    "drill": "send a rule's messages as an exercise",
    "events": "list recorded stream events",
    "actions": "list and approve actions, pause and resume them",
    "interest": "show interest paid, current rates and projected cost",
    "history": "show recorded samples as a table or a chart",
    "compare": "put our figures beside the exchange's own; only reads",
    "stress": "show the level of each account after a price shock",
    "export": "write a whole history as CSV or JSON lines",
    "rules": "list, test, backtest and lint the rules",
    "notify": "send a test message",
    "report": "report the last day, or a longer time",
    "db": "create, upgrade, check, back up and restore the database",
    "call": "call any function of the margin API by name",
    "sandbox": "run the built-in exchange alone",
    "completion": "print the completion script of a shell",
}
"""Every command with its purpose, in the order of the help."""

LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class GlobalOption:
    """An option that belongs to no command: the name of its value, its meaning, and its values if only some work."""

    metavar: str
    meaning: str
    choices: tuple[str, ...] = ()


GLOBAL_OPTIONS: Mapping[str, GlobalOption] = {
    "--config": GlobalOption("FILE", "the configuration; else $MARGIN_MONITOR_CONFIG, else the usual places"),
    "--log-format": GlobalOption("FORM", " or ".join(LOG_FORMATS), LOG_FORMATS),
    "--log-level": GlobalOption("LEVEL", ", ".join(LOG_LEVELS), LOG_LEVELS),
}


@dataclass(slots=True)
class GlobalOptions:
    """Options that belong to no command. They may come before or after it."""

    config: str | None = None
    log_format: str = "text"
    log_level: str | None = None


class CommandParser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are UsageErrors that name the nearest option or word."""

    def __init__(self, *args: object, **options: object) -> None:
        options.setdefault("allow_abbrev", False)
        super().__init__(*args, **options)  # type: ignore[arg-type]  # passed on unchanged

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, mend=f"see `{self.prog} --help`")

    def parse_all(self, words: Sequence[str]) -> argparse.Namespace:
        """The parsed arguments. Raises UsageError for unknown ones."""
        has_parts = any(isinstance(action, argparse._SubParsersAction) for action in self._actions)
        # Arguments may come before and after options; argparse can do that only without subcommands.
        parse = self.parse_known_args if has_parts else self.parse_known_intermixed_args
        args, unknown = parse(words)
        if unknown:
            word = next((argument for argument in unknown if argument.startswith("-")), unknown[0]).partition("=")[0]
            known = _known_options(self, words)
            mend = suggest_nearest(word, known) if word.startswith("-") else f"see `{self.prog} --help`"
            raise UsageError(f'unknown {"option" if word.startswith("-") else "argument"} "{word}"', mend=mend)
        return args

    def _check_value(self, action: argparse.Action, value: object) -> None:
        if action.choices is not None and value not in action.choices:
            words = [str(choice) for choice in action.choices]
            if isinstance(action, argparse._SubParsersAction):
                command = self.prog.removeprefix(f"{PROGRAM} ")
                raise UsageError(f'unknown command "{command} {value}"', mend=suggest_nearest(str(value), words))
            what = "/".join(action.option_strings) or action.dest.replace("_", " ")
            raise UsageError(
                f'{what} can\'t be "{value}"', mend=f"{suggest_nearest(str(value), words)} ({', '.join(words)})"
            )


def dispatch(words: Sequence[str]) -> int:
    """Run the command line and return its exit code. Raises MonitorError."""
    options, rest = split_global_options(words)
    if not rest:
        raise UsageError("no command given", mend=f"see `{PROGRAM} --help`")
    name, *rest = rest
    if name in ("-h", "--help"):
        sys.stdout.write(help_text())
        return ExitCode.DONE
    if name == "--version":
        from monitor.version import describe_version

        sys.stdout.write(f"{PROGRAM} {describe_version()}\n")
        return ExitCode.DONE
    if name.startswith("-"):
        raise UsageError(
            f'unknown option "{name}"', mend=suggest_nearest(name, (*GLOBAL_OPTIONS, "--help", "--version"))
        )
    if name not in COMMANDS:
        raise UsageError(f'unknown command "{name}"', mend=suggest_nearest(name, COMMANDS))
    module = importlib.import_module(f"monitor.cli.commands.{name}")
    command = CommandParser(prog=f"{PROGRAM} {name}", description=as_sentence(COMMANDS[name]))
    module.add_arguments(command)
    try:
        args = command.parse_all(rest)
    except SystemExit as done:  # --help has printed what was asked for
        return int(done.code or 0)
    for option in ("config", "log_format"):
        setattr(args, option, getattr(options, option))
    args.log_level = options.log_level or ("info" if name in _INFO_LOG_COMMANDS else "warning")
    # Imported here: help and usage errors need no logging.
    from monitor.cli.log_setup import start_logging

    start_logging(args.log_format, args.log_level)
    return int(module.run(args))


def add_json(parser: argparse.ArgumentParser, *, lists: bool = False) -> None:
    """Declare `--json`, and for commands that print a list `--jsonl`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--json", action="store_true", help="print one JSON document")
    if lists:
        group.add_argument("--jsonl", action="store_true", help="print one JSON object a line")


def asks_for_json(words: Iterable[str]) -> bool:
    """Return whether a command line asks for JSON, even one that can't be parsed."""
    return any(word in ("--json", "--jsonl") for word in words)


def split_global_options(words: Sequence[str]) -> tuple[GlobalOptions, list[str]]:
    """The global options, anywhere before a `--`, and the other arguments. Raises UsageError."""
    options = GlobalOptions()
    rest: list[str] = []
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        if word == "--":
            return options, [*rest, word, *remaining]
        name, equals, value = word.partition("=")
        if name not in GLOBAL_OPTIONS:
            rest.append(word)
            continue
        if not equals:
            if not remaining:
                raise UsageError(f"{name} needs a value", mend=f"see `{PROGRAM} --help`")
            value = remaining.pop(0)
        allowed = GLOBAL_OPTIONS[name].choices
        if not value or (allowed and value not in allowed):
            mend = f"one of {', '.join(allowed)}" if allowed else "give a value"
            raise UsageError(f'{name} can\'t be "{value}"', mend=mend)
        setattr(options, name[2:].replace("-", "_"), value)
    return options, rest


def help_text() -> str:
    """The help of the program."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{meaning}" for name, meaning in COMMANDS.items()]
    options = [f"  {f'{name} {option.metavar}':20}{option.meaning}" for name, option in GLOBAL_OPTIONS.items()]
    return f"""\
usage: {PROGRAM} [--config FILE] [--log-format text|json] [--log-level LEVEL] COMMAND …

Watches Binance margin accounts, warns early, and acts within strict limits.

commands:
{chr(10).join(lines)}

options:
{chr(10).join(options)}
  --version           print the version and its commit
  --help              print this help, or that of a command: {PROGRAM} COMMAND --help

New here? `{PROGRAM} demo` shows what it does; `{PROGRAM} init` writes a configuration, `{PROGRAM} check` checks it.
"""


_INFO_LOG_COMMANDS = frozenset({"run"})
"""Commands whose log is their output: from INFO on unless an option says otherwise."""


def _known_options(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """The options allowed in a command line: those of the parser and of the selected subcommand."""
    known: list[str] = []
    for action in parser._actions:
        known += action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            chosen = next((word for word in words if word in action.choices), None)
            if chosen is not None:
                known += _known_options(action.choices[chosen], words)
    return [option for option in known if option.startswith("--")] + list(GLOBAL_OPTIONS)


def as_sentence(words: str) -> str:
    """The words with a capital letter and a full stop."""
    # Not capitalize(): that would put the capitals of API in lower case.
    return f"{words[:1].upper()}{words[1:]}."

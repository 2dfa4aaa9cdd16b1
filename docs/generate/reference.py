"""The pages of docs/reference, made from the tables that the program itself works by.

`python -m docs.generate.reference [FOLDER]` writes them; the folder is docs/reference unless given.
"""

import argparse
import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from docs.generate.api_reference import api_page
from docs.generate.markdown import GENERATED_NOTE, table
from monitor.cli.parser import COMMANDS, LOG_FORMATS, LOG_LEVELS, PROGRAM, CommandParser
from monitor.config.effective_config import list_config_keys
from monitor.core.model.metric import METRICS, Metric, MetricUnit
from monitor.errors import ExitCode
from monitor.web.metrics.catalog import DAEMON_METRICS, METRIC_LABELS

REFERENCE_FOLDER = Path("docs/reference")

EXIT_CODES: Mapping[ExitCode, str] = {
    ExitCode.DONE: "done",
    ExitCode.NO: "a check, a test or a delivery failed, or the exchange or the program refused the command",
    ExitCode.USAGE: "the command line can't be carried out",
    ExitCode.UNREACHABLE: "the database is missing, unreachable (which never ends `run`) or of another version; for a "
    "one-shot command also: the exchange is unreachable",
    ExitCode.ANOTHER_INSTANCE: "another daemon holds this database; `run` waits three minutes for it",
    ExitCode.KEY_REFUSED: "the exchange refused the API key when the daemon started",
    ExitCode.CONFIG: "the configuration can't be used; every error is a line of its own. Or a pool before the "
    "database shares its sessions",
}

_UNITS_WITH_RANGE = frozenset({MetricUnit.LEVEL, MetricUnit.FRACTION, MetricUnit.STATUS})
"""Units of which the range is worth a word: those of the others are merely generous."""


def reference_pages() -> Mapping[str, str]:
    """The text of every page by its file's name."""
    return {
        "configuration.md": configuration_page(),
        "metrics.md": metrics_page(),
        "commands.md": commands_page(),
        "exit-codes.md": exit_codes_page(),
        "api.md": api_page(),
    }


def configuration_page() -> str:
    """Every key of the configuration: type, default, meaning."""
    lines = [GENERATED_NOTE, "", "# Configuration keys", "", _CONFIGURATION_INTRODUCTION]
    for group, rows in groupby(list_config_keys(), key=lambda row: row.table):
        lines += ["", f"## `{group}`" if group else "## Keys above the first table", ""]
        lines += table(
            ("key", "type", "default, or the effect without it", "meaning"),
            ((f"`{row.key}`", row.type, _default_text(row.default), row.meaning) for row in rows),
        )
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Every metric: where it exists, its unit, the values it may be compared with, its meaning, its exported name."""
    lines = [GENERATED_NOTE, "", "# Metrics", "", _METRICS_INTRODUCTION, ""]
    lines += table(("metric", "scopes", "unit", "range", "meaning"), map(_metric_row, METRICS.values()))
    lines += ["", "## In `/metrics`", "", _EXPOSITION_INTRODUCTION, ""]
    lines += table(
        ("metric", "in `/metrics`", "labels"),
        ((f"`{metric.name}`", f"`{metric.exposition}`", _labels_text(metric)) for metric in METRICS.values()),
    )
    lines += ["", "## The daemon itself", "", _DAEMON_METRICS_INTRODUCTION, ""]
    lines += table(
        ("in `/metrics`", "kind", "labels", "meaning"),
        (
            (f"`{metric.exposition}`", metric.kind, _label_list(metric.labels), metric.meaning)
            for metric in DAEMON_METRICS.values()
        ),
    )
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Every command with its arguments."""
    lines = [GENERATED_NOTE, "", "# Commands", "", _COMMANDS_INTRODUCTION, ""]
    lines += table(("command", "purpose"), ((_metric_link(name), COMMANDS[name]) for name in COMMANDS))
    for name in COMMANDS:
        lines += ["", *_command_section(name)]
    return "\n".join(lines) + "\n"


def exit_codes_page() -> str:
    """Every exit code."""
    lines = [GENERATED_NOTE, "", "# Exit codes", ""]
    lines += table(("code", "meaning"), ((str(int(code)), EXIT_CODES[code]) for code in ExitCode))
    lines += ["", _EXIT_CODES_REMARKS]
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    """Write the pages into a folder and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate.reference", description="Write docs/reference.")
    parser.add_argument("folder", nargs="?", type=Path, default=REFERENCE_FOLDER, metavar="FOLDER")
    folder: Path = parser.parse_args(words).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in reference_pages().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"wrote {folder / name}")
    return ExitCode.DONE


def _metric_row(metric: Metric) -> tuple[str, ...]:
    span = f"{metric.low:f} … {metric.high:f}" if metric.unit in _UNITS_WITH_RANGE else ""
    return f"`{metric.name}`", ", ".join(metric.scopes), str(metric.unit), span, metric.meaning


def _labels_text(metric: Metric) -> str:
    """The labels of the metric; where they differ, those of each scope."""
    by_scope = {scope: _label_list(METRIC_LABELS[scope]) for scope in metric.scopes}
    if len(by_scope) == 1:
        return next(iter(by_scope.values()))
    return "; ".join(f"{scope}: {labels}" for scope, labels in by_scope.items())


def _label_list(labels: Iterable[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels)


def _metric_link(name: str) -> str:
    return f"[`{name}`](#{PROGRAM}-{name})"


def _command_section(name: str) -> list[str]:
    parser = CommandParser(prog=f"{PROGRAM} {name}")
    importlib.import_module(f"monitor.cli.commands.{name}").add_arguments(parser)
    lines = [f"## `{PROGRAM} {name}`", "", f"{_as_sentence(COMMANDS[name])}", *_arguments(parser)]
    for words, meaning, part in _command_parts(parser, (name,)):
        lines += ["", f"### `{PROGRAM} {' '.join(words)}`", ""]
        lines += [_as_sentence(meaning), *_arguments(part)]
    return lines


def _command_parts(
    parser: argparse.ArgumentParser, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, argparse.ArgumentParser]]:
    """Every part of a command, such as `silence add`, with its words and meaning."""
    for action in parser._actions:
        if not isinstance(action, argparse._SubParsersAction):
            continue
        meanings = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for name, part in action.choices.items():
            yield (*words, name), meanings.get(name, ""), part
            yield from _command_parts(part, (*words, name))


def _arguments(parser: argparse.ArgumentParser) -> list[str]:
    rows = [
        (f"`{_argument_spelling(action)}`", _help(action))
        for action in parser._actions
        if not isinstance(action, argparse._SubParsersAction | argparse._HelpAction)
    ]
    return ["", *table(("argument", "meaning"), rows)] if rows else []


def _argument_spelling(action: argparse.Action) -> str:
    """The argument as it is typed."""
    names = [action.metavar] if isinstance(action.metavar, str) else list(action.metavar or ())
    if not names and action.choices is not None:
        names = ["|".join(map(str, action.choices))]
    if not names and action.nargs != 0:
        names = [action.dest.upper()]
    value = " ".join(names) + (" …" if action.nargs in ("+", "*") else "")
    if action.option_strings:
        return " ".join([", ".join(action.option_strings), *([value] if value else [])])
    return f"[{value}]" if action.nargs in ("?", "*") else value


def _help(action: argparse.Action) -> str:
    return (action.help or "") % {"default": action.default, "prog": PROGRAM} if action.help else ""


def _as_sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text and not text.endswith(".") else text


def _default_text(default: str) -> str:
    """The default as code where it is a value, as words where it says what holds."""
    is_value = default[:1] in "\"'[{" or default in ("true", "false") or default.lstrip("-").isdigit()
    return f"`{default}`" if is_value else default


_CONFIGURATION_INTRODUCTION = """\
The file is TOML. Keys at the top stand above the first table. `margin-monitor config show` prints every key with the
value in force; `margin-monitor check` checks it. Unknown keys are refused, with the nearest known one.

- **Durations** are texts such as `"90s"`, `"2h"`, `"1d12h"`: numbers with units, the largest first; `"0"` is none.
  Bare numbers are refused.
- **Amounts** are numbers or texts and are read exactly. **Fractions** are `"1%"` or `0.01`.
- **Secrets** are named, not written: `credential:NAME` (a credential of systemd), `file:PATH` (mode 0600), `env:NAME`.
  The value itself is accepted too, while nobody but its owner may read the file.
- **Paths** are relative to the configuration file.
- `http://` and `ws://` are accepted for loopback addresses only.
- A key marked *(not available yet)* is refused unless it has the value that switches it off, or its default."""

_METRICS_INTRODUCTION = """\
One vocabulary for rules, `history`, JSON and `/metrics`. A rule reads the metrics of its scope: `cross` (one for each
account), `isolated` (one for each pair), `asset` (one for each asset held or owed), `account`, `monitor` (how well the
daemon sees the account). A comparison outside a metric's range is refused when the rules are loaded, so that `10` is
not taken for `10%`. A fraction of 1 is 100%.

- **Infinite**: nothing is owed, or no move can do it. It compares as larger than every number.
- **Unavailable**: stale, rejected or never seen. What is compared with it is unknown. True or unknown is true, false
  and unknown is false; while the whole condition is unknown nothing fires, clears or acts.
- **Not applicable** (`peg_deviation` of BTC): the subject is left out of the rule."""

_EXPOSITION_INTRODUCTION = """\
Prometheus reads the same metrics at `/metrics`, all of them gauges, with the prefix `margin_monitor_` and the suffix of
their base unit. Infinite is `+Inf`; unavailable, not applicable and gone have no sample, so an alert of Prometheus on a
figure needs a second one on its absence ([monitoring](../monitoring/README.md) has both). The values are those that
rules compare with, not the old ones that `status` still shows of a stale scope."""

_DAEMON_METRICS_INTRODUCTION = """\
Counters begin at zero when the process starts and go on over a reload."""

_COMMANDS_INTRODUCTION = f"""\
`{PROGRAM} [--config FILE] [--log-format {"|".join(LOG_FORMATS)}] [--log-level {"|".join(LOG_LEVELS)}] COMMAND`

The configuration is looked for at `--config`, else `$MARGIN_MONITOR_CONFIG`, else
`$XDG_CONFIG_HOME/margin-monitor/config.toml` (`~/.config` where that is not set), else
`$CONFIGURATION_DIRECTORY/config.toml`, else `/etc/margin-monitor/config.toml`. Never in the working directory.

Tables are for people. `--json` prints one document, `--jsonl` one object a line; nothing else is on stdout then.
Decimals are texts, times RFC 3339 in UTC, durations seconds. Errors are one line on stderr: where, what is wrong, the
fix; with `--json` also an object on stdout. See [exit codes](exit-codes.md)."""

_EXIT_CODES_REMARKS = """\
For `run` an exchange that can't be reached is never final: it starts, tries again and alerts. A key that is refused
later is a critical alert and no exit. `check` gives 78 only when the configuration can't be loaded; otherwise every row
is printed, and the code is 1 if one is an error. A command that was interrupted gives 130; one whose reader went away,
141."""


if __name__ == "__main__":
    sys.exit(main())

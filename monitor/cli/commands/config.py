"""`config`: the configuration in force, secrets masked, and the JSON Schema of configurations."""

import argparse
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.config.effective_config import effective_config, toml_key, toml_value
from monitor.config.json_schema import config_schema, rules_file_schema
from monitor.core.numbers.durations import format_duration
from monitor.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", metavar="show|schema", required=True)
    show = parts.add_parser("show", help="print the effective configuration, secrets masked")
    add_json(show)
    schema = parts.add_parser("schema", help="print the JSON Schema of the configuration, for editors")
    schema.add_argument("--rules", action="store_true", help="the schema of a file of rules (`rules_files`) instead")


def run(args: argparse.Namespace) -> int:
    if args.part == "schema":
        output.print_json(rules_file_schema() if args.rules else config_schema())
        return ExitCode.DONE
    config = config_option.read_config(args)
    shown = effective_config(config)
    if args.json:
        output.print_json(shown)
    else:
        output.print_line(f"# {config.source}, defaults put in, secrets masked", "dim")
        for line in _toml_lines(shown):
            output.print_line(line, "strong" if line.startswith("[") else "")
    return ExitCode.DONE


def _toml_lines(document: Mapping[str, Any]) -> list[str]:
    """The document as TOML: keys first, then tables, then arrays of tables."""
    lines = [f"{toml_key(name)} = {_value(item)}" for name, item in document.items() if not _is_table(item)]
    for name, item in document.items():
        tables = item if isinstance(item, list) else [item]
        if not _is_table(item):
            continue
        for table in tables:
            lines += ["", f"[[{name}]]" if isinstance(item, list) else f"[{name}]"]
            lines += [f"{toml_key(key)} = {_value(value)}" for key, value in table.items()]
    return lines


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and bool(value) and isinstance(value[0], Mapping))


def _value(value: object) -> str:
    return toml_value(_with_duration_text(value))


def _with_duration_text(value: object) -> object:
    """The value with its durations as people write them."""
    match value:
        case timedelta():
            return format_duration(value)
        case list():
            return [_with_duration_text(item) for item in value]
        case Mapping():
            return {name: _with_duration_text(item) for name, item in value.items()}
        case _:
            return value

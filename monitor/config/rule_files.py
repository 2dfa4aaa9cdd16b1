"""All rules of a configuration: packaged, from further files, and the config file's own."""

import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor import resources
from monitor.config.errors import ErrorList, Location
from monitor.config.files import read_file, read_owned_file
from monitor.config.parsing import check_unknown_keys, locate_tables, parse_toml
from monitor.core.rules.rule import RULE_KEYS, Rule, build_rule, merge_rules
from monitor.errors import ConfigError

LADDER = ("config", "rules", "ladder.toml")


def read_rules(
    document: Mapping[str, Any], default_rules: bool, patterns: Sequence[str], source: Path, mistakes: ErrorList
) -> tuple[Rule, ...]:
    """The default ladder if enabled, then the rules of the files that match the patterns, then those of `document`.

    An own rule replaces the ladder's rule of the same name.
    """
    shipped: list[Rule] = []
    if default_rules:
        # Part of the program: who can write it can write the program too, in a checkout perhaps a whole group.
        ladder = _read_file(resources.packaged_path(*LADDER), LADDER[-1], mistakes, read_file)
        shipped = [replace(rule, is_shipped=True) for rule in ladder]
    own: list[Rule] = []
    for index, pattern in enumerate(patterns):
        for path in _existing_files(pattern, source, Location(source.name, "rules_files").item(index), mistakes):
            own += _read_file(path, _display_path(path, source.parent), mistakes, read_owned_file)
    own += _rules_of(document, source.name, mistakes)
    try:
        return merge_rules(shipped, own)
    except ConfigError as error:
        mistakes.add_error(error)
        return ()


def _read_file(
    path: Path, shown: str, mistakes: ErrorList, read: Callable[[Path, str], tuple[bytes, int]]
) -> list[Rule]:
    try:
        document = parse_toml(read(path, shown)[0], shown)
    except ConfigError as error:
        mistakes.add_error(error)
        return []
    check_unknown_keys(document, ("rules",), Location(shown), mistakes)
    return _rules_of(document, shown, mistakes)


def _rules_of(document: Mapping[str, Any], file: str, mistakes: ErrorList) -> list[Rule]:
    rules = []
    for place, table in locate_tables(document.get("rules", []), "rules", file, mistakes):
        before = len(mistakes)
        check_unknown_keys(table, RULE_KEYS, place, mistakes)
        if len(mistakes) > before:
            continue
        try:
            # build_rule adds the rule's name to the location by itself.
            rules.append(build_rule(table, str(place).partition(' "')[0]))
        except ConfigError as error:
            mistakes.add_error(error)
    return rules


def _existing_files(pattern: str, source: Path, place: Location, mistakes: ErrorList) -> list[Path]:
    """The files that match a pattern, in order of name. A pattern without wildcard must exist."""
    found = matching_files(pattern, source)
    if not found and not glob.has_magic(pattern):
        mistakes.add(place, f"there is no file {source.parent / pattern}", "check the path, or remove it")
    return [path for path in found if path != source]


def matching_files(pattern: str, source: Path) -> list[Path]:
    """The files that a pattern of the config file at `source` matches, in order of name."""
    absolute = str(source.parent / Path(pattern).expanduser())
    return [Path(name) for name in sorted(glob.glob(absolute, recursive=True))]  # noqa: PTH207 – Path.glob refuses absolute patterns


def _display_path(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)

"""All rules of a configuration: packaged, from further files, and the config file's own."""

import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from monitor import resources
from monitor.config.errors import ErrorList, Location
from monitor.config.files import read_file, read_owned_file
from monitor.config.parsing import check_unknown_keys, locate_tables, parse_toml, read_table
from monitor.config.rules.rule_schema import EscalationConfig, RuleConfig
from monitor.core.model.alert import MetricScope, severity_rank
from monitor.core.numbers.durations import to_seconds
from monitor.core.rules.parser import Condition, ExpressionError, parse_condition
from monitor.core.rules.rule import DEFAULT_REPEAT_S, MATCH_ALL, EscalationStep, Rule, merge_rules
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


def parse_rules(tables: Sequence[object], file: str) -> tuple[Rule, ...]:
    """Return the rules of one file's `[[rules]]` in file order, rungs counted. Raises ConfigError."""
    mistakes = ErrorList()
    rules = _rules_of({"rules": list(tables)}, file, mistakes)
    mistakes.raise_if_any()
    return merge_rules((), rules)


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
    located = locate_tables(document.get("rules", []), "rules", file, mistakes)
    rules = (_read_rule(table, place, mistakes) for place, table in located)
    return [rule for rule in rules if rule is not None]


def _read_rule(content: Mapping[str, Any], place: Location, mistakes: ErrorList) -> Rule | None:
    before = len(mistakes)
    table = read_table(RuleConfig, content, "rules", place, mistakes)
    if table is None:
        return None
    when = _parse_condition(table.when, table.scope, place.key("when"), mistakes)
    _check_patterns(table, place, mistakes)
    clear = None if table.clear is None else _parse_condition(table.clear, table.scope, place.key("clear"), mistakes)
    steps = _read_steps(table, place.key("escalate"), mistakes)
    if table.action is not None and table.actions is not None:
        mistakes.add(place.key("action"), "is short for `actions`, which is there too", "keep one of them")
    if when is None or len(mistakes) > before:
        return None
    return Rule(
        name=table.name,
        scopes=table.scope,
        when=when,
        accounts=table.accounts or MATCH_ALL,
        symbols=table.symbols or MATCH_ALL,
        assets=table.assets or MATCH_ALL,
        clear=clear,
        for_s=to_seconds(table.for_),
        keep_firing_for_s=to_seconds(table.keep_firing_for),
        severity=table.severity,
        channels=table.channels,
        repeat_s=DEFAULT_REPEAT_S[table.severity] if table.repeat is None else to_seconds(table.repeat),
        escalate=steps,
        labels=table.labels,
        ladder=table.ladder,
        actions=table.actions or () if table.action is None else (table.action,),
        where=str(place),
    )


def _parse_condition(
    text: str, scopes: tuple[MetricScope, ...], place: Location, mistakes: ErrorList
) -> Condition | None:
    try:
        return parse_condition(text, scopes)
    except ExpressionError as error:
        mistakes.add(place, f"column {error.column}: {error.message}", error.mend)
        return None


def _check_patterns(table: RuleConfig, place: Location, mistakes: ErrorList) -> None:
    """Add an error for patterns of a scope that the rule does not have: there they would have no effect."""
    for name, patterns, scope in (("symbols", table.symbols, "isolated"), ("assets", table.assets, "asset")):
        if patterns is not None and scope not in table.scope:
            what = f"means nothing for scope {', '.join(table.scope)}"
            mistakes.add(place.key(name), what, f'remove it, or write scope = "{scope}"')


def _read_steps(table: RuleConfig, place: Location, mistakes: ErrorList) -> tuple[EscalationStep, ...]:
    """Read the steps of an escalation, in the order of their time; none makes the alert milder than its rule."""
    steps: list[EscalationStep] = []
    for index, content in enumerate(table.escalate):
        here = place.item(index)
        if not isinstance(content, Mapping):
            mistakes.add(here, "a step is a table", 'write { after = "10m" }')
            continue
        step = read_table(EscalationConfig, content, "rules.escalate", here, mistakes)
        if step is None:
            continue
        if step.severity is not None and severity_rank(step.severity) < severity_rank(table.severity):
            mistakes.add(here.key("severity"), f"{step.severity} is milder than the rule's {table.severity}")
        if steps and to_seconds(step.after) <= steps[-1].after_s:
            mistakes.add(here.key("after"), "comes before the step above it", "order the steps by time")
        steps.append(EscalationStep(to_seconds(step.after), step.severity, step.channels, step.fallbacks))
    return tuple(steps)


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

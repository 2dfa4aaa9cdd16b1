"""Conflicts of rules with the rest of the configuration: durations, and patterns that match nothing."""

from collections.abc import Collection, Iterator
from decimal import Decimal
from fnmatch import fnmatchcase

from monitor.config.conflicts.conflict import ERROR, WARNING, Conflict, ConflictRule
from monitor.config.errors import Location
from monitor.config.model import Config
from monitor.config.rules.rule_files import matching_files
from monitor.core.numbers.durations import format_duration, from_seconds
from monitor.core.rules.rule import MATCH_ALL, Rule
from monitor.errors import suggest_nearest

MAX_FOR_S, MAX_CRITICAL_FOR_S = Decimal(86_400), Decimal(600)
MIN_REPEAT_S, MAX_CRITICAL_REPEAT_S = Decimal(10), Decimal(21_600)


def _for_too_long(config: Config) -> Iterator[Conflict]:
    for rule in _own_rules(config):
        longest = MAX_CRITICAL_FOR_S if rule.severity == "critical" else MAX_FOR_S
        if rule.for_s > longest:
            what = f"is {_seconds_text(rule.for_s)}: a {rule.severity} alert would come so late"
            yield Conflict(_rule_location(rule).key("for"), what, "lower it, or lower the severity")


def _repeat_out_of_range(config: Config) -> Iterator[Conflict]:
    for rule in _own_rules(config):
        if rule.repeat_s < MIN_REPEAT_S:
            what = f"is {_seconds_text(rule.repeat_s)}: the channels would be flooded"
            yield Conflict(_rule_location(rule).key("repeat"), what, "raise it to a minute or more")
        elif rule.severity == "critical" and rule.repeat_s > MAX_CRITICAL_REPEAT_S:
            what = f"is {_seconds_text(rule.repeat_s)}: a critical alert would be repeated once in so long"
            yield Conflict(_rule_location(rule).key("repeat"), what, 'lower it; "5m" is the default')


def _unmatched_account_patterns(config: Config) -> Iterator[Conflict]:
    names = [account.name for account in config.accounts]
    for rule in config.rules:
        for pattern in rule.accounts:
            if not any(fnmatchcase(name, pattern) for name in names):
                mend = suggest_nearest(pattern, names) or f"name one of {', '.join(names)}"
                yield Conflict(_rule_location(rule).key("accounts"), f'no account matches "{pattern}"', mend)


def _all_symbols_unmatched(config: Config) -> Iterator[Conflict]:
    for rule, dead in _unmatched_symbols(config):
        # Patterns of a rule that also covers other subjects leave that rule something to do.
        if len(dead) == len(rule.symbols) and set(rule.scopes) == {"isolated"}:
            what = f"match none of the watched pairs ({_watched_text(config, rule)})"
            yield Conflict(_rule_location(rule).key("symbols"), what, "correct them, or add the pair to isolated")


def _some_symbols_unmatched(config: Config) -> Iterator[Conflict]:
    for rule, dead in _unmatched_symbols(config):
        if len(dead) < len(rule.symbols) or set(rule.scopes) != {"isolated"}:
            what = f"{', '.join(dead)} match none of the watched pairs ({_watched_text(config, rule)})"
            yield Conflict(_rule_location(rule).key("symbols"), what, "correct or remove them")


def _all_assets_unmatched(config: Config) -> Iterator[Conflict]:
    for rule, dead in _unmatched_assets(config):
        if len(dead) == len(rule.assets) and set(rule.scopes) == {"asset"}:
            what = f"match no asset that can be held or owed ({_watched_text(config, rule, cross=True)})"
            yield Conflict(_rule_location(rule).key("assets"), what, "correct them: assets are written in capitals")


def _some_assets_unmatched(config: Config) -> Iterator[Conflict]:
    for rule, dead in _unmatched_assets(config):
        if len(dead) < len(rule.assets) or set(rule.scopes) != {"asset"}:
            what = (
                f"{', '.join(dead)} match no asset that can be held or owed ({_watched_text(config, rule, cross=True)})"
            )
            yield Conflict(
                _rule_location(rule).key("assets"), what, "correct or remove them: assets are written in capitals"
            )


def _unmatched_symbols(config: Config) -> Iterator[tuple[Rule, list[str]]]:
    """Rules of pairs with patterns that match no watched pair, and these patterns."""
    for rule in _own_rules(config):
        pairs = _watched_pairs(config, rule)
        dead = [pattern for pattern in rule.symbols if not _may_match(pattern, pairs)]
        if dead and "isolated" in rule.scopes and rule.symbols != MATCH_ALL:
            yield rule, dead


def _unmatched_assets(config: Config) -> Iterator[tuple[Rule, list[str]]]:
    """Rules of assets with patterns that match no asset, and these patterns.

    Where cross is not watched, only the assets of the watched pairs can match.
    """
    for rule in _own_rules(config):
        pairs = _watched_pairs(config, rule, cross=True)
        halves = None if pairs is None else {half for pair in pairs for half in _possible_assets(pair)}
        dead = [pattern for pattern in rule.assets if not _may_match(pattern, halves)]
        if dead and "asset" in rule.scopes and rule.assets != MATCH_ALL:
            yield rule, dead


def _may_match(pattern: str, known: Collection[str] | None) -> bool:
    """Return whether a pattern can match one of the names; for None, any name in capitals."""
    if known is None:
        return pattern == pattern.upper()
    return any(fnmatchcase(name, pattern) for name in known)


def _possible_assets(pair: str) -> Iterator[str]:
    """Possible names of the two assets of a pair."""
    for place in range(1, len(pair)):
        yield pair[:place]
        yield pair[place:]


def _unmatched_rule_files(config: Config) -> Iterator[Conflict]:
    for index, pattern in enumerate(config.rules_files):
        if not matching_files(pattern, config.source):
            place = Location(config.source.name, "rules_files").item(index)
            yield Conflict(place, f'"{pattern}" matches no file', "correct it, or remove it")


def _own_rules(config: Config) -> Iterator[Rule]:
    return (rule for rule in config.rules if not rule.is_shipped)


def _watched_pairs(config: Config, rule: Rule, *, cross: bool = False) -> tuple[str, ...] | None:
    """The pairs that the accounts of a rule watch; None where one watches every listed pair, or with `cross`."""
    mine = [a for a in config.accounts if any(fnmatchcase(a.name, pattern) for pattern in rule.accounts)]
    if any(account.isolated == "all" or (cross and account.cross) for account in mine):
        return None
    return tuple(dict.fromkeys(pair for account in mine for pair in account.isolated))


def _watched_text(config: Config, rule: Rule, *, cross: bool = False) -> str:
    pairs = _watched_pairs(config, rule, cross=cross)
    return "all that there are" if pairs is None else ", ".join(pairs) or "none"


def _rule_location(rule: Rule) -> Location:
    file, _, path = rule.where.partition(": ")
    return Location(file, path)


def _seconds_text(seconds: Decimal) -> str:
    return format_duration(from_seconds(seconds))


RULE_CONFLICTS: tuple[ConflictRule, ...] = (
    ConflictRule("rules.for against severity", WARNING, _for_too_long),
    ConflictRule("rules.repeat against severity", WARNING, _repeat_out_of_range),
    ConflictRule("rules.accounts against accounts", ERROR, _unmatched_account_patterns),
    ConflictRule("rules.symbols against accounts.isolated", ERROR, _all_symbols_unmatched),
    ConflictRule("one of rules.symbols against accounts.isolated", WARNING, _some_symbols_unmatched),
    ConflictRule("rules.assets against what can be held", ERROR, _all_assets_unmatched),
    ConflictRule("one of rules.assets against what can be held", WARNING, _some_assets_unmatched),
    ConflictRule("rules_files against the files there are", WARNING, _unmatched_rule_files),
)

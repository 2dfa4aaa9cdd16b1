"""Files of tests for rules: whose rules they are, and the tests themselves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.config.consistency import note_unknown_names
from monitor.config.errors import Mistakes, Place
from monitor.config.loading import config_of
from monitor.config.model import Config
from monitor.config.parsing import note_unknown_keys, parse_toml, places, read_table
from monitor.config.schema import keys_of
from monitor.config.simulation.expectations import expectations
from monitor.config.simulation.portfolio import Found, lacking, pegged, portfolio_in, read_portfolio
from monitor.config.simulation.rule_test_schema import TestTable
from monitor.config.simulation.series import series_of
from monitor.core.numbers.amounts import ONE
from monitor.errors import ConfigError
from monitor.simulation.portfolio import Portfolio
from monitor.simulation.rule_test import RuleTest

OF_RULES = ("default_rules", "rules_files", "rules", "actions", "channels")
"""Keys of a configuration by which a file brings its own rules; it is then not asked for any other."""

FURTHER = ("accounts", "schedule", "safety", "risk")
NESTED = ("portfolio", "series", "expect")
UNUSED = "env:NOT_USED_BY_TESTS"


@dataclass(frozen=True, slots=True)
class TestFile:
    """The tests of one file, and the configuration whose rules they try."""

    __test__ = False

    config: Config
    tests: tuple[RuleTest, ...]


def read_rule_tests(path: Path, usual: Callable[[], Config], environ: Mapping[str, str]) -> TestFile:
    """The tests of a file. `usual` gives the configuration of one that brings no rules. Raises ConfigError."""
    shown = path.name
    try:
        document = parse_toml(path.read_bytes(), shown)
    except OSError as error:
        raise ConfigError(f"can't read {path} ({error.strerror})", where=shown, mend="check the path") from error
    mistakes = Mistakes()
    note_unknown_keys(document, ("tests", *OF_RULES, *FURTHER), Place(shown), mistakes)
    mistakes.refuse()
    own = {name: value for name, value in document.items() if name != "tests"}
    config = _own_config(own, path.absolute(), environ) if own else usual()
    if not document.get("tests"):
        mistakes.add(Place(shown, "tests"), "is missing", "write [[tests]] with name, series and expect")
    tests = [
        _read_test(table, place, path, config, mistakes)
        for place, table in places(document.get("tests", []), "tests", shown, mistakes)
    ]
    mistakes.refuse()
    return TestFile(config, tuple(test for test in tests if test is not None))


def _own_config(document: Mapping[str, Any], path: Path, environ: Mapping[str, str]) -> Config:
    """A configuration of the file's own rules; what rules don't need is put in."""
    account = {"name": "main", "api_key": UNUSED, "api_secret": UNUSED}
    channels = document.get("channels", [])
    if isinstance(channels, list):
        channels = [
            {"url": UNUSED, **each} if isinstance(each, dict) and "webhook" not in each else each for each in channels
        ]
    return config_of({"default_rules": False, "accounts": [account], **document, "channels": channels}, path, environ)


def _read_test(
    table: Mapping[str, Any], place: Place, path: Path, config: Config, mistakes: Mistakes
) -> RuleTest | None:
    before = len(mistakes)
    note_unknown_keys(table, (*keys_of(TestTable), *NESTED), place, mistakes)
    plain = {name: value for name, value in table.items() if name in keys_of(TestTable)}
    head = read_table(TestTable, plain, "tests", place, mistakes)
    if head is None:
        return None
    names = [account.name for account in config.accounts]
    account = names[0] if head.account is None else head.account
    note_unknown_names([account], names, "account", place.key("account"), mistakes)
    found = _portfolio(table.get("portfolio"), place.key("portfolio"), path, account, mistakes)
    series = series_of(table.get("series", []), place.key("series"), mistakes)
    test = RuleTest(
        name=head.name,
        account=account,
        start=head.start,
        interval=head.interval,
        series=series,
        expectations=expectations(table.get("expect"), place.key("expect"), config, mistakes),
        portfolio=found.portfolio,
        prices={**pegged(config), **found.prices},
        paused=head.paused,
    )
    prices = dict.fromkeys([*test.prices, *(each.name for each in series if each.subject is None)], ONE)
    for symbol in lacking(found.portfolio, prices) if len(mistakes) == before else ():
        mistakes.add(place, f"the price of {symbol} is missing", f'add a series with price = "{symbol}"')
    return test if len(mistakes) == before else None


def _portfolio(content: object, place: Place, path: Path, account: str, mistakes: Mistakes) -> Found:
    """What is held: a table, or the name of a file beside this one; nothing where nothing is said."""
    if content is None:
        return Found(Portfolio(), {})
    if isinstance(content, str):
        try:
            return read_portfolio(path.parent / content, account)
        except ConfigError as error:
            mistakes.add_error(error)
            return Found(Portfolio(), {})
    if not isinstance(content, dict):
        mistakes.add(place, "must be a table or the name of a file", "write [tests.portfolio.cross] above its keys")
        return Found(Portfolio(), {})
    return portfolio_in(content, place, mistakes)

"""Files of rule tests: the tests, and the configuration whose rules they test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.config.config_key import keys_of
from monitor.config.consistency import check_names
from monitor.config.errors import ErrorList, Location
from monitor.config.loading import config_from_document
from monitor.config.model import Config
from monitor.config.parsing import check_unknown_keys, locate_tables, parse_toml, read_table
from monitor.config.simulation.expectations import read_expectations
from monitor.config.simulation.portfolio import (
    PricedPortfolio,
    missing_prices,
    parse_portfolio,
    peg_prices,
    read_portfolio,
)
from monitor.config.simulation.rule_test_schema import RuleTestTable
from monitor.config.simulation.series import read_series
from monitor.core.numbers.amounts import ONE
from monitor.errors import ConfigError
from monitor.simulation.portfolio import SimulatedPortfolio
from monitor.simulation.rule_test import RuleTest

RULE_CONFIG_KEYS = ("default_rules", "rules_files", "rules", "actions", "channels")
"""Keys of a configuration with which a file brings its own rules; no other configuration is read then."""

OPTIONAL_CONFIG_KEYS = ("accounts", "schedule", "safety", "risk")
NESTED_KEYS = ("portfolio", "series", "expect")
UNUSED_SECRET = "env:NOT_USED_BY_TESTS"


@dataclass(frozen=True, slots=True)
class RuleTestFile:
    """The tests of one file, and the configuration whose rules they test."""

    __test__ = False

    config: Config
    tests: tuple[RuleTest, ...]


def read_rule_tests(path: Path, default_config: Callable[[], Config], environ: Mapping[str, str]) -> RuleTestFile:
    """The tests of a file. `default_config` gives the configuration for a file without rules. Raises ConfigError."""
    shown = path.name
    try:
        document = parse_toml(path.read_bytes(), shown)
    except OSError as error:
        raise ConfigError(f"can't read {path} ({error.strerror})", where=shown, mend="check the path") from error
    mistakes = ErrorList()
    check_unknown_keys(document, ("tests", *RULE_CONFIG_KEYS, *OPTIONAL_CONFIG_KEYS), Location(shown), mistakes)
    mistakes.raise_if_any()
    own = {name: value for name, value in document.items() if name != "tests"}
    config = _own_config(own, path.absolute(), environ) if own else default_config()
    if not document.get("tests"):
        mistakes.add(Location(shown, "tests"), "is missing", "write [[tests]] with name, series and expect")
    tests = [
        _read_test(table, place, path, config, mistakes)
        for place, table in locate_tables(document.get("tests", []), "tests", shown, mistakes)
    ]
    mistakes.raise_if_any()
    return RuleTestFile(config, tuple(test for test in tests if test is not None))


def _own_config(document: Mapping[str, Any], path: Path, environ: Mapping[str, str]) -> Config:
    """A configuration of the file's own rules, with placeholders for keys that rules don't need."""
    account = {"name": "main", "api_key": UNUSED_SECRET, "api_secret": UNUSED_SECRET}
    channels = document.get("channels", [])
    if isinstance(channels, list):
        channels = [
            {"url": UNUSED_SECRET, **channel} if isinstance(channel, dict) and "webhook" not in channel else channel
            for channel in channels
        ]
    return config_from_document(
        {"default_rules": False, "accounts": [account], **document, "channels": channels}, path, environ
    )


def _read_test(
    table: Mapping[str, Any], place: Location, path: Path, config: Config, mistakes: ErrorList
) -> RuleTest | None:
    before = len(mistakes)
    check_unknown_keys(table, (*keys_of(RuleTestTable), *NESTED_KEYS), place, mistakes)
    plain = {name: value for name, value in table.items() if name in keys_of(RuleTestTable)}
    head = read_table(RuleTestTable, plain, "tests", place, mistakes)
    if head is None:
        return None
    names = [account.name for account in config.accounts]
    account = names[0] if head.account is None else head.account
    check_names([account], names, "account", place.key("account"), mistakes)
    found = _portfolio(table.get("portfolio"), place.key("portfolio"), path, account, mistakes)
    series = read_series(table.get("series", []), place.key("series"), mistakes)
    test = RuleTest(
        name=head.name,
        account=account,
        start=head.start,
        interval=head.interval,
        series=series,
        expectations=read_expectations(table.get("expect"), place.key("expect"), config, mistakes),
        portfolio=found.portfolio,
        prices={**peg_prices(config), **found.prices},
        paused=head.paused,
    )
    prices = dict.fromkeys([*test.prices, *(line.name for line in series if line.subject is None)], ONE)
    for symbol in missing_prices(found.portfolio, prices) if len(mistakes) == before else ():
        mistakes.add(place, f"the price of {symbol} is missing", f'add a series with price = "{symbol}"')
    return test if len(mistakes) == before else None


def _portfolio(content: object, place: Location, path: Path, account: str, mistakes: ErrorList) -> PricedPortfolio:
    """The portfolio of a test: a table, or the name of a file in the same folder; empty if absent."""
    if content is None:
        return PricedPortfolio(SimulatedPortfolio(), {})
    if isinstance(content, str):
        try:
            return read_portfolio(path.parent / content, account)
        except ConfigError as error:
            mistakes.add_error(error)
            return PricedPortfolio(SimulatedPortfolio(), {})
    if not isinstance(content, dict):
        mistakes.add(place, "must be a table or the name of a file", "write [tests.portfolio.cross] above its keys")
        return PricedPortfolio(SimulatedPortfolio(), {})
    return parse_portfolio(content, place, mistakes)

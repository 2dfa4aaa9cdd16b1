"""Portfolios from a file or a recorded status: balances, thresholds, prices."""
# ruff: noqa: RUF009 – key() and optional() only describe a field, as dataclasses.field() does

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from monitor.config import value_types
from monitor.config.config_key import key, keys_of, optional
from monitor.config.errors import ErrorList, InvalidValue, Location
from monitor.config.model import Config
from monitor.config.parsing import check_unknown_keys, parse_toml, read_table
from monitor.core.model.account import Balance, Price, Thresholds
from monitor.core.numbers.amounts import ONE
from monitor.errors import ConfigError
from monitor.simulation.portfolio import PairHolding, SimulatedPortfolio, missing_price_symbols

THRESHOLD_KEYS = ("initial_level", "margin_call_level", "liquidation_level")
PORTFOLIO_KEYS = ("cross", "isolated", "spot", "funding", "prices")
CROSS_KEYS = (*THRESHOLD_KEYS, "balances")
PAIR_KEYS = ("symbol", *THRESHOLD_KEYS, "index_price", "base", "quote")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN_AMOUNT = value_types.amount(positive=False)


@dataclass(frozen=True, slots=True)
class PricedPortfolio:
    """A portfolio, and the prices by symbol given with it."""

    portfolio: SimulatedPortfolio
    prices: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class _BalanceTable:
    asset: str = key(value_types.asset(), "what it is")
    free: Decimal = key(_PLAIN_AMOUNT, "free amount", "0")
    locked: Decimal = key(_PLAIN_AMOUNT, "amount locked in orders", "0")
    borrowed: Decimal = key(_PLAIN_AMOUNT, "principal owed", "0")
    interest: Decimal = key(_PLAIN_AMOUNT, "interest owed", "0")
    price_usdt: Decimal | None = optional(value_types.amount(), "what one costs in USDT")

    @property
    def balance(self) -> Balance:
        return Balance(self.asset, self.free, self.locked, self.borrowed, self.interest)


def read_portfolio(path: Path, account: str) -> PricedPortfolio:
    """The portfolio of a TOML file, or of a JSON file, which may be the output of `status --json`.

    `account` selects one of a status with several. Raises ConfigError.
    """
    shown = path.name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"can't read {path} ({error.strerror})", where="--portfolio", mend="check the path"
        ) from error
    if path.suffix == ".json":
        return portfolio_from_status(_select_account(_parse_json(content, shown), account, shown), shown)
    mistakes = ErrorList()
    found = parse_portfolio(parse_toml(content, shown), Location(shown), mistakes)
    mistakes.raise_if_any()
    return found


def portfolio_from_status(document: Mapping[str, Any], source: str) -> PricedPortfolio:
    """The portfolio of one account of a status document; other fields are ignored. Raises ConfigError."""
    mistakes = ErrorList()
    found = parse_portfolio(document, Location(source), mistakes, is_recorded=True)
    mistakes.raise_if_any()
    return found


def parse_portfolio(
    document: Mapping[str, Any], place: Location, mistakes: ErrorList, *, is_recorded: bool = False
) -> PricedPortfolio:
    """The portfolio of a table. Of a recorded one, only known fields are read."""
    reader = _PortfolioReader(mistakes, is_recorded)
    if not is_recorded:
        check_unknown_keys(document, PORTFOLIO_KEYS, place, mistakes)
    prices = reader.amounts(document, "prices", place)
    cross = reader.table(document, "cross", place)
    rows = reader.rows(cross, place.key("cross"), prices)
    pairs: dict[str, PairHolding] = {}
    listed = document.get("isolated", [])
    if not isinstance(listed, list):
        mistakes.add(place.key("isolated"), "must be a list of tables", "write [[isolated]] above each")
        listed = []
    for index, table in enumerate(listed):
        reader.pair(table, place.key("isolated").item(index), pairs, prices)
    wallets = {name: reader.amounts(document, name, place, kind=_PLAIN_AMOUNT) for name in ("spot", "funding")}
    bars = reader.thresholds(cross, place.key("cross")) if cross else None
    return PricedPortfolio(SimulatedPortfolio(cross=rows, thresholds=bars, pairs=pairs, wallets=wallets), prices)


def peg_prices(config: Config) -> dict[str, Decimal]:
    """The prices of stable assets at their peg."""
    return {f"{asset}USDT": ONE for asset in config.risk.stable_assets if asset != "USDT"}


def missing_prices(portfolio: SimulatedPortfolio, prices: Mapping[str, Decimal]) -> tuple[str, ...]:
    """The symbols whose prices the portfolio's value needs and that are missing."""
    return missing_price_symbols(portfolio, {symbol: Price(value, _EPOCH) for symbol, value in prices.items()})


@dataclass(frozen=True, slots=True)
class _PortfolioReader:
    mistakes: ErrorList
    is_recorded: bool

    def table(self, document: Mapping[str, Any], name: str, place: Location) -> Mapping[str, Any]:
        content = document.get(name)
        if content is None:
            return {}
        if not isinstance(content, Mapping):
            self.mistakes.add(place.key(name), "must be a table", f"write [{name}] above its keys")
            return {}
        return content

    def amounts(
        self,
        document: Mapping[str, Any],
        name: str,
        place: Location,
        kind: value_types.ValueType[Decimal] | None = None,
    ) -> dict[str, Decimal]:
        """A table of amounts by asset or symbol."""
        found: dict[str, Decimal] = {}
        for word, value in self.table(document, name, place).items():
            amount = self.read(kind or value_types.amount(), value, place.key(name).key(word))
            if amount is not None:
                found[word] = amount
        return found

    def rows(self, cross: Mapping[str, Any], place: Location, prices: dict[str, Decimal]) -> dict[str, Balance]:
        if not self.is_recorded:
            check_unknown_keys(cross, CROSS_KEYS, place, self.mistakes)
        listed = cross.get("balances", [])
        if not isinstance(listed, list):
            self.mistakes.add(
                place.key("balances"), "must be a list of tables", 'write [{ asset = "BTC", free = "1" }]'
            )
            return {}
        found: dict[str, Balance] = {}
        for index, table in enumerate(listed):
            row = self.row(table, place.key("balances").item(index))
            if row is None:
                continue
            if row.asset in found:
                self.mistakes.add(place.key("balances").item(index), f"{row.asset} stands there twice", "keep one")
            found[row.asset] = row.balance
            _add_price(row, prices)
        return found

    def pair(self, table: object, place: Location, found: dict[str, PairHolding], prices: dict[str, Decimal]) -> None:
        if not isinstance(table, Mapping):
            self.mistakes.add(place, "must be a table", "write [[isolated]] above its keys")
            return
        if self.is_recorded and (table.get("base") is None or table.get("quote") is None):
            return
        if not self.is_recorded:
            check_unknown_keys(table, PAIR_KEYS, place, self.mistakes)
        symbol = self.read(value_types.asset(), table.get("symbol", ""), place.key("symbol"))
        base, quote = (self.row(table.get(side, {}), place.key(side)) for side in ("base", "quote"))
        if symbol is None or base is None or quote is None:
            return
        found[symbol] = PairHolding(base.balance, quote.balance, self.thresholds(table, place))
        _add_price(base, prices)
        _add_price(quote, prices)
        if table.get("index_price") is not None:
            index = self.read(value_types.amount(), table["index_price"], place.key("index_price"))
            if index is not None:
                prices[symbol] = index

    def row(self, table: object, place: Location) -> _BalanceTable | None:
        if self.is_recorded and isinstance(table, dict):
            table = {
                name: value for name, value in table.items() if name in keys_of(_BalanceTable) and value is not None
            }
        return read_table(_BalanceTable, table, "balances", place, self.mistakes)

    def thresholds(self, table: Mapping[str, Any], place: Location) -> Thresholds | None:
        """The three thresholds; None for a recorded account whose thresholds are not known."""
        if self.is_recorded and any(table.get(name) is None for name in THRESHOLD_KEYS):
            return None
        found: list[Decimal] = []
        for name in THRESHOLD_KEYS:
            if name not in table:
                self.mistakes.add(place.key(name), "is missing", f'write {name} = "…", as `status` shows it')
                continue
            value = self.read(value_types.amount(), table[name], place.key(name))
            found += [value] if value is not None else []
        if len(found) != len(THRESHOLD_KEYS):
            return None
        if sorted(found, reverse=True) != found:
            self.mistakes.add(place, "its bars are not in order", "initial is above margin call above liquidation")
            return None
        return Thresholds(*found)

    def read(self, kind: value_types.ValueType[Any], value: object, place: Location) -> Any:
        try:
            return kind.read(value)
        except InvalidValue as wrong:
            self.mistakes.add_invalid(place, wrong)
            return None


def _add_price(row: _BalanceTable, prices: dict[str, Decimal]) -> None:
    if row.price_usdt is not None and row.asset != "USDT":
        prices.setdefault(f"{row.asset}USDT", row.price_usdt)


def _parse_json(content: bytes, shown: str) -> Mapping[str, Any]:
    try:
        document = json.loads(content, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"is not JSON: {error}", where=shown, mend="give what `status --json` prints") from error
    if not isinstance(document, Mapping):
        raise ConfigError("is no portfolio", where=shown, mend="give what `status --json` prints")
    return document


def _select_account(document: Mapping[str, Any], account: str, shown: str) -> Mapping[str, Any]:
    accounts = document.get("accounts")
    if not isinstance(accounts, list):
        return document
    for entry in accounts:
        if isinstance(entry, Mapping) and (entry.get("account") == account or len(accounts) == 1):
            return entry
    raise ConfigError(f'has no account "{account}"', where=shown, mend="choose one with --account")

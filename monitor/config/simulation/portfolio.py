"""A portfolio as a file or a recorded status states it: what is held and owed, the account's bars, prices."""
# ruff: noqa: RUF009 – key() and optional() only describe a field, as dataclasses.field() does

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from monitor.config import value_types
from monitor.config.errors import Mistakes, Place, Wrong
from monitor.config.model import Config
from monitor.config.parsing import note_unknown_keys, parse_toml, read_table
from monitor.config.schema import key, keys_of, optional
from monitor.core.model.account import Balance, Bars, Price
from monitor.core.numbers.amounts import ONE
from monitor.errors import ConfigError
from monitor.simulation.portfolio import PairHolding, Portfolio, lacking_prices

BAR_KEYS = ("initial_level", "margin_call_level", "liquidation_level")
KEYS = ("cross", "isolated", "spot", "funding", "prices")
CROSS_KEYS = (*BAR_KEYS, "balances")
PAIR_KEYS = ("symbol", *BAR_KEYS, "index_price", "base", "quote")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN_AMOUNT = value_types.amount(positive=False)


@dataclass(frozen=True, slots=True)
class Found:
    """A portfolio, and the prices by symbol that stand beside it."""

    portfolio: Portfolio
    prices: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    asset: str = key(value_types.asset(), "what it is")
    free: Decimal = key(_PLAIN_AMOUNT, "free amount", "0")
    locked: Decimal = key(_PLAIN_AMOUNT, "amount locked in orders", "0")
    borrowed: Decimal = key(_PLAIN_AMOUNT, "principal owed", "0")
    interest: Decimal = key(_PLAIN_AMOUNT, "interest owed", "0")
    price_usdt: Decimal | None = optional(value_types.amount(), "what one costs in USDT")

    @property
    def balance(self) -> Balance:
        return Balance(self.asset, self.free, self.locked, self.borrowed, self.interest)


def read_portfolio(path: Path, account: str) -> Found:
    """The portfolio of a TOML file, or of a JSON file, which may be what `status --json` printed.

    `account` is the one that is looked for in a status of several. Raises ConfigError.
    """
    shown = path.name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"can't read {path} ({error.strerror})", where="--portfolio", mend="check the path"
        ) from error
    if path.suffix == ".json":
        return recorded_portfolio(_of_account(_parse_json(content, shown), account, shown), shown)
    mistakes = Mistakes()
    found = portfolio_in(parse_toml(content, shown), Place(shown), mistakes)
    mistakes.refuse()
    return found


def recorded_portfolio(document: Mapping[str, Any], shown: str) -> Found:
    """The portfolio of one account of a status document, whatever else is in it. Raises ConfigError."""
    mistakes = Mistakes()
    found = portfolio_in(document, Place(shown), mistakes, is_recorded=True)
    mistakes.refuse()
    return found


def portfolio_in(document: Mapping[str, Any], place: Place, mistakes: Mistakes, *, is_recorded: bool = False) -> Found:
    """The portfolio that a table states. Of one that was recorded, only what is known is read."""
    reader = _Reader(mistakes, is_recorded)
    if not is_recorded:
        note_unknown_keys(document, KEYS, place, mistakes)
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
    bars = reader.bars(cross, place.key("cross")) if cross else None
    return Found(Portfolio(cross=rows, bars=bars, pairs=pairs, wallets=wallets), prices)


def pegged(config: Config) -> dict[str, Decimal]:
    """The prices of stable assets while they are what they should be."""
    return {f"{asset}USDT": ONE for asset in config.risk.stable_assets if asset != "USDT"}


def lacking(portfolio: Portfolio, prices: Mapping[str, Decimal]) -> tuple[str, ...]:
    """The symbols without whose prices the portfolio has no value."""
    return lacking_prices(portfolio, {symbol: Price(value, _EPOCH) for symbol, value in prices.items()})


@dataclass(frozen=True, slots=True)
class _Reader:
    mistakes: Mistakes
    is_recorded: bool

    def table(self, document: Mapping[str, Any], name: str, place: Place) -> Mapping[str, Any]:
        content = document.get(name)
        if content is None:
            return {}
        if not isinstance(content, Mapping):
            self.mistakes.add(place.key(name), "must be a table", f"write [{name}] above its keys")
            return {}
        return content

    def amounts(
        self, document: Mapping[str, Any], name: str, place: Place, kind: value_types.Kind[Decimal] | None = None
    ) -> dict[str, Decimal]:
        """A table of amounts by asset or symbol."""
        found: dict[str, Decimal] = {}
        for word, value in self.table(document, name, place).items():
            amount = self.read(kind or value_types.amount(), value, place.key(name).key(word))
            if amount is not None:
                found[word] = amount
        return found

    def rows(self, cross: Mapping[str, Any], place: Place, prices: dict[str, Decimal]) -> dict[str, Balance]:
        if not self.is_recorded:
            note_unknown_keys(cross, CROSS_KEYS, place, self.mistakes)
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
            _note_price(row, prices)
        return found

    def pair(self, table: object, place: Place, found: dict[str, PairHolding], prices: dict[str, Decimal]) -> None:
        if not isinstance(table, Mapping):
            self.mistakes.add(place, "must be a table", "write [[isolated]] above its keys")
            return
        if self.is_recorded and (table.get("base") is None or table.get("quote") is None):
            return
        if not self.is_recorded:
            note_unknown_keys(table, PAIR_KEYS, place, self.mistakes)
        symbol = self.read(value_types.asset(), table.get("symbol", ""), place.key("symbol"))
        base, quote = (self.row(table.get(side, {}), place.key(side)) for side in ("base", "quote"))
        if symbol is None or base is None or quote is None:
            return
        found[symbol] = PairHolding(base.balance, quote.balance, self.bars(table, place))
        _note_price(base, prices)
        _note_price(quote, prices)
        if table.get("index_price") is not None:
            index = self.read(value_types.amount(), table["index_price"], place.key("index_price"))
            if index is not None:
                prices[symbol] = index

    def row(self, table: object, place: Place) -> _Row | None:
        if self.is_recorded and isinstance(table, dict):
            table = {name: value for name, value in table.items() if name in keys_of(_Row) and value is not None}
        return read_table(_Row, table, "balances", place, self.mistakes)

    def bars(self, table: Mapping[str, Any], place: Place) -> Bars | None:
        """The three bars; a recorded account of which they are not known has none."""
        if self.is_recorded and any(table.get(name) is None for name in BAR_KEYS):
            return None
        found: list[Decimal] = []
        for name in BAR_KEYS:
            if name not in table:
                self.mistakes.add(place.key(name), "is missing", f'write {name} = "…", as `status` shows it')
                continue
            value = self.read(value_types.amount(), table[name], place.key(name))
            found += [value] if value is not None else []
        if len(found) != len(BAR_KEYS):
            return None
        if sorted(found, reverse=True) != found:
            self.mistakes.add(place, "its bars are not in order", "initial is above margin call above liquidation")
            return None
        return Bars(*found)

    def read(self, kind: value_types.Kind[Any], value: object, place: Place) -> Any:
        try:
            return kind.read(value)
        except Wrong as wrong:
            self.mistakes.add_wrong(place, wrong)
            return None


def _note_price(row: _Row, prices: dict[str, Decimal]) -> None:
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


def _of_account(document: Mapping[str, Any], account: str, shown: str) -> Mapping[str, Any]:
    accounts = document.get("accounts")
    if not isinstance(accounts, list):
        return document
    for each in accounts:
        if isinstance(each, Mapping) and (each.get("account") == account or len(accounts) == 1):
            return each
    raise ConfigError(f'has no account "{account}"', where=shown, mend="choose one with --account")

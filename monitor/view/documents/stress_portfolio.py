"""Scopes of a status document as portfolios for stress and distance calculations."""

from collections.abc import Iterator
from decimal import Decimal

from monitor.core.margin.levels import Position
from monitor.core.margin.stress import StressPortfolio, is_measurable
from monitor.core.numbers.amounts import ZERO
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.scopes import CrossDocument, IsolatedDocument
from monitor.view.json_values import Document, parse_json_decimal

REMAINDER = ""
"""The asset of rows without a price: the exchange counts them, so their value is the rest of its totals."""


def scopes_of(account: AccountDocument) -> Iterator[tuple[str, CrossDocument | IsolatedDocument]]:
    """The account's scopes: cross, if it has it, and every pair by its symbol."""
    cross = account.get("cross")
    if cross is not None:
        yield "cross", cross
    for pair in account["isolated"]:
        yield pair["symbol"], pair


def portfolio_of(scope: Document) -> StressPortfolio | None:
    """The scope's holdings in USDT (a pair's in its quote asset where that has no price).

    None while nothing is owed, or too little is known.
    """
    level, bar = parse_json_decimal(scope.get("margin_level")), parse_json_decimal(scope.get("liquidation_level"))
    if level is None or bar is None:
        return None
    positions = _pair_positions(scope) if "index_price" in scope else _cross_positions(scope)
    if positions is None:
        return None
    portfolio = StressPortfolio(positions, level, bar)
    return portfolio if is_measurable(portfolio) else None


def is_in_usdt(scope: Document) -> bool:
    """Return whether the scope's portfolio is valued in USDT: not for a pair whose quote asset has no price."""
    return "index_price" not in scope or scope["quote"]["price_usdt"] is not None


def hourly_interest(scope: Document, hours: int) -> dict[str, Decimal]:
    """Return the interest that the scope is charged in so many hours, by asset; none at a rate that is not known."""
    rows = [scope["base"], scope["quote"]] if "index_price" in scope else scope["balances"]
    rates = {row["asset"]: parse_json_decimal(row["hourly_rate"]) or ZERO for row in rows if row is not None}
    return {row["asset"]: Decimal(row["borrowed"]) * rates[row["asset"]] * hours for row in rows if row is not None}


def _pair_positions(scope: Document) -> tuple[Position, ...] | None:
    base, quote, index = scope["base"], scope["quote"], parse_json_decimal(scope["index_price"])
    if base is None or quote is None or index is None:
        return None
    quote_price = parse_json_decimal(quote["price_usdt"]) or Decimal(1)
    return (_position(base, index * quote_price), _position(quote, quote_price))


def _cross_positions(scope: Document) -> tuple[Position, ...] | None:
    """Every row, and the rest of the totals where a row has no price."""
    rows = scope["balances"]
    known = [(row, price) for row in rows if (price := parse_json_decimal(row["price_usdt"])) is not None]
    positions = tuple(_position(row, price) for row, price in known)
    if len(known) == len(rows):
        return positions
    assets, liabilities = parse_json_decimal(scope["assets_usdt"]), parse_json_decimal(scope["liabilities_usdt"])
    if assets is None or liabilities is None:
        return None
    held = sum((p.held * p.price for p in positions), ZERO)
    owed = sum((p.owed * p.price for p in positions), ZERO)
    rest = Position(REMAINDER, max(ZERO, assets - held), max(ZERO, liabilities - owed), Decimal(1))
    return (*positions, rest)


def _position(row: Document, price: Decimal) -> Position:
    held = Decimal(row["free"]) + Decimal(row["locked"])
    return Position(row["asset"], held, Decimal(row["borrowed"]) + Decimal(row["interest"]), price)

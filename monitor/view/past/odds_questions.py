"""Scopes of a status document as questions about their odds."""

from collections.abc import Iterator
from decimal import Decimal

from monitor.core.margin.odds_question import OddsPosition, OddsQuestion
from monitor.core.numbers.amounts import ONE, ZERO
from monitor.view.json_values import Document, parse_json_decimal


def odds_question(scope: Document) -> OddsQuestion | None:
    """The scope as it stands; None while its level or a pair's price in USDT is unknown, or nothing is owed.

    Cross assets without a price are one position that has no past, worth the rest of the exchange's totals.
    """
    level, threshold = parse_json_decimal(scope.get("margin_level")), parse_json_decimal(scope.get("liquidation_level"))
    if level is None or threshold is None:
        return None
    positions = _pair_positions(scope) if "index_price" in scope else _cross_positions(scope)
    if positions is None:
        return None
    question = OddsQuestion(positions, level, threshold)
    return question if question.is_measurable else None


def _pair_positions(scope: Document) -> tuple[OddsPosition, ...] | None:
    base, quote, index = scope["base"], scope["quote"], parse_json_decimal(scope["index_price"])
    if base is None or quote is None or index is None:
        return None
    quote_price = ONE if quote["asset"] == "USDT" else parse_json_decimal(quote["price_usdt"])
    if quote_price is None:
        return None
    return (_position(base, index * quote_price), _position(quote, quote_price))


def _cross_positions(scope: Document) -> tuple[OddsPosition, ...] | None:
    priced = [(row, price) for row in scope["balances"] if (price := parse_json_decimal(row["price_usdt"])) is not None]
    positions = tuple(_position(row, price) for row, price in priced)
    unpriced = [row["asset"] for row in scope["balances"] if row["price_usdt"] is None]
    return positions if not unpriced else _with_remainder(scope, positions, unpriced)


def _with_remainder(
    scope: Document, positions: tuple[OddsPosition, ...], unpriced: list[str]
) -> tuple[OddsPosition, ...] | None:
    assets, liabilities = parse_json_decimal(scope["assets_usdt"]), parse_json_decimal(scope["liabilities_usdt"])
    if assets is None or liabilities is None:
        return None
    held = sum((row.held * row.price for row in positions), ZERO)
    owed = sum((row.owed * row.price for row in positions), ZERO)
    rest = OddsPosition(", ".join(unpriced), max(ZERO, assets - held), max(ZERO, liabilities - owed), ZERO, ONE)
    return (*positions, rest)


def _position(row: Document, price: Decimal) -> OddsPosition:
    return OddsPosition(
        asset=row["asset"],
        held=Decimal(row["free"]) + Decimal(row["locked"]),
        borrowed=Decimal(row["borrowed"]),
        interest=Decimal(row["interest"]),
        price=price,
        hourly_rate=parse_json_decimal(row["hourly_rate"]) or ZERO,
    )


def question_assets(question: OddsQuestion) -> Iterator[str]:
    """The assets whose past prices the question needs."""
    return (row.asset for row in question.positions if not row.is_still and (row.held or row.owed))

"""Balances and debts of one scope, a row an asset."""

from dataclasses import dataclass
from decimal import Decimal

from monitor.core.margin.interest import HOURS_A_YEAR
from monitor.core.numbers.amounts import ONE
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.balances import CrossBalanceDocument, PairSideDocument
from monitor.view.formatting import format_amount, format_percent, format_price, format_usdt
from monitor.web.pages.models.words import decimal_of, short_amount_words

HOURS_A_DAY = 24


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One asset: what is held and owed, its value net of debts, its price, and the rate of the debt a year."""

    asset: str
    held: str
    locked: str
    owed: str
    interest: str
    value: str
    price: str
    rate: str
    limit: str


@dataclass(frozen=True, slots=True)
class BalanceTable:
    """The assets of one scope, and its totals; `total` is empty while they are not known."""

    label: str
    rows: tuple[BalanceRow, ...]
    total: str


def balance_tables(account: AccountDocument) -> tuple[BalanceTable, ...]:
    """One table for each scope that holds or owes something."""
    tables = []
    cross = account.get("cross")
    if cross is not None:
        rows = sorted(cross["balances"], key=lambda row: abs(Decimal(row["value_usdt"] or 0)), reverse=True)
        tables.append(
            BalanceTable(
                "cross",
                tuple(_row(row, row["liquidation_price"]) for row in rows),
                _totals(cross["assets_usdt"], cross["liabilities_usdt"]),
            )
        )
    for pair in account["isolated"]:
        sides = [side for side in (pair["base"], pair["quote"]) if side is not None]
        tables.append(BalanceTable(pair["symbol"], tuple(_row(side) for side in sides), ""))
    return tuple(table for table in tables if table.rows)


def interest_a_day(account: AccountDocument) -> Decimal:
    """USDT a day at the present rates and prices; debts without a rate or a price are left out."""
    cross = account.get("cross")
    rows: list[CrossBalanceDocument | PairSideDocument] = [] if cross is None else [*cross["balances"]]
    for pair in account["isolated"]:
        rows += [side for side in (pair["base"], pair["quote"]) if side is not None]
    return sum((_cost_a_day(row) for row in rows), Decimal(0))


def _cost_a_day(row: CrossBalanceDocument | PairSideDocument) -> Decimal:
    rate, price = decimal_of(row["hourly_rate"]), decimal_of(row["price_usdt"])
    return Decimal(0) if rate is None or price is None else Decimal(row["borrowed"]) * price * rate * HOURS_A_DAY


def _row(row: CrossBalanceDocument | PairSideDocument, limit: str | None = None) -> BalanceRow:
    owed = Decimal(row["borrowed"]) + Decimal(row["interest"])
    price, rate = decimal_of(row["price_usdt"]), decimal_of(row["hourly_rate"])
    return BalanceRow(
        asset=row["asset"],
        held=_amount(Decimal(row["free"]) + Decimal(row["locked"]), row["asset"]),
        locked=_amount(Decimal(row["locked"]), row["asset"]),
        owed=_amount(owed, row["asset"]),
        interest=format_amount(Decimal(row["interest"])) if Decimal(row["interest"]) else "",
        value=format_usdt(Decimal(row["net"]) * price) if price is not None else "",
        price=format_price(price) if price is not None and price != ONE else "",
        rate=format_percent(rate * HOURS_A_YEAR) if owed and rate is not None else "",
        limit="" if limit is None else format_price(Decimal(limit)),
    )


def _amount(amount: Decimal, asset: str) -> str:
    return short_amount_words(str(amount), asset) if amount else ""


def _totals(assets: str | None, liabilities: str | None) -> str:
    if assets is None or liabilities is None:
        return ""
    held, owed = Decimal(assets), Decimal(liabilities)
    return f"{format_usdt(held)} held, {format_usdt(owed)} owed, {format_usdt(held - owed)} of your own"

"""Interest paid, the rates now, and what they will cost, as programs read it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol

from monitor.core.account import ZERO
from monitor.core.amounts import plain
from monitor.view.documents.fields import Document, decimal_text, moment_text

HOURS_A_DAY = 24
DAYS_A_MONTH = 30
DAYS_A_YEAR = 365


class InterestTotal(Protocol):
    """Charges of one asset in one scope together; `day` None: over the whole time asked for."""

    @property
    def day(self) -> date | None: ...
    @property
    def asset(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def interest(self) -> Decimal: ...
    @property
    def charges(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Debt:
    """One asset of one scope with its rate, as a live account document has it."""

    asset: str
    scope: str
    symbol: str | None
    free: Decimal
    borrowed: Decimal
    hourly: Decimal
    as_of: str | None

    @property
    def daily_cost(self) -> Decimal:
        return self.borrowed * self.hourly * HOURS_A_DAY


def interest_document(
    totals: Sequence[InterestTotal],
    accounts: Iterable[Document],
    since: datetime,
    until: datetime,
    by: Literal["day", "asset"],
) -> Document:
    """Sums from `since` to `until`; `accounts` are live account documents, which know rates and prices now.

    Values in USDT are at the prices now; null, and left out of the totals, where no price is known. `saving_if_repaid`
    is what repaying now from the free balance of the same scope would save a day.
    """
    accounts = list(accounts)
    prices = _prices(accounts)
    debts = [debt for account in accounts for debt in _debts(account)]
    in_usdt = [_usdt(total.interest, total.asset, prices) for total in totals]
    day_usdt = sum((_usdt(debt.daily_cost, debt.asset, prices) or ZERO for debt in debts), ZERO)
    return {
        "since": moment_text(since),
        "until": moment_text(until),
        "by": by,
        "items": [
            {
                "day": total.day.isoformat() if total.day is not None else None,
                "asset": total.asset,
                "account": total.account,
                "scope": total.scope,
                "symbol": total.symbol or None,
                "interest": plain(total.interest),
                "interest_usdt": decimal_text(usdt),
                "charges": total.charges,
            }
            for total, usdt in zip(totals, in_usdt, strict=True)
        ],
        "rates": [_rate(debt) for debt in debts if debt.borrowed],
        "total_usdt": plain(sum((usdt for usdt in in_usdt if usdt is not None), ZERO)),
        "projected": {
            "day_usdt": plain(day_usdt),
            "month_usdt": plain(day_usdt * DAYS_A_MONTH),
            "year_usdt": plain(day_usdt * DAYS_A_YEAR),
        },
        "saving_if_repaid": [
            {"asset": asset, "per_day": plain(saved)} for asset, saved in sorted(_savings(debts).items())
        ],
    }


def _rate(debt: _Debt) -> Document:
    return {
        "asset": debt.asset,
        "scope": debt.scope,
        "symbol": debt.symbol,
        "hourly": plain(debt.hourly),
        "next_hourly": None,
        "daily": plain(debt.hourly * HOURS_A_DAY),
        "annual": plain(debt.hourly * HOURS_A_DAY * DAYS_A_YEAR),
        "as_of": debt.as_of,
    }


def _savings(debts: Iterable[_Debt]) -> dict[str, Decimal]:
    saved: dict[str, Decimal] = {}
    for debt in debts:
        a_day = min(debt.free, debt.borrowed) * debt.hourly * HOURS_A_DAY
        if a_day:
            saved[debt.asset] = saved.get(debt.asset, ZERO) + a_day
    return saved


def _debts(account: Document) -> Iterator[_Debt]:
    for scope, symbol, as_of, row in _rows(account):
        if row["hourly_rate"] is not None:
            yield _Debt(
                row["asset"],
                scope,
                symbol,
                Decimal(row["free"]),
                Decimal(row["borrowed"]),
                Decimal(row["hourly_rate"]),
                as_of,
            )


def _rows(account: Document) -> Iterator[tuple[str, str | None, str | None, Document]]:
    cross = account.get("cross")
    if cross is not None:
        for row in cross["balances"]:
            yield "cross", None, cross["as_of"], row
    for pair in account["isolated"]:
        for side in (pair["base"], pair["quote"]):
            if side is not None:
                yield "isolated", pair["symbol"], pair["as_of"], side


def _prices(accounts: Iterable[Document]) -> dict[str, Decimal]:
    prices = {"USDT": Decimal(1)}
    for account in accounts:
        for _, _, _, row in _rows(account):
            if row["price_usdt"] is not None:
                prices[row["asset"]] = Decimal(row["price_usdt"])
    return prices


def _usdt(amount: Decimal, asset: str, prices: Mapping[str, Decimal]) -> Decimal | None:
    price = prices.get(asset)
    return None if price is None else amount * price

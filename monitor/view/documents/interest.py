"""Interest paid, current rates and projected cost as a JSON document."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.model.account import ScopeKind
from monitor.core.numbers.amounts import ZERO, format_decimal
from monitor.records.interest import InterestSumRow
from monitor.view.documents.types.account import AccountDocument, DebtRateDocument
from monitor.view.documents.types.balances import CrossBalanceDocument, PairSideDocument
from monitor.view.documents.types.interest import InterestDocument, RateDocument, RecordedSpanDocument
from monitor.view.json_values import json_decimal, json_time

HOURS_A_DAY = 24
DAYS_A_MONTH = 30
DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True, eq=False)
class _Debt:
    """One borrowed asset of one scope with its rate, read from a live account document."""

    account: str
    asset: str
    scope: ScopeKind
    symbol: str | None
    free: Decimal
    borrowed: Decimal
    interest: Decimal
    rate: DebtRateDocument | None
    """None when not known."""

    @property
    def daily(self) -> Decimal | None:
        """The rate a day."""
        return Decimal(self.rate["hourly"]) * HOURS_A_DAY if self.rate is not None else None

    @property
    def repayable(self) -> Decimal:
        """The principal that the free balance would repay: interest is repaid first."""
        return min(self.borrowed, max(ZERO, self.free - self.interest))


def interest_document(
    totals: Sequence[InterestSumRow],
    accounts: Iterable[AccountDocument],
    since: datetime,
    until: datetime,
    by: Literal["day", "asset"],
    spans: Mapping[tuple[str, str], Sequence[tuple[datetime, datetime]]] | None = None,
) -> InterestDocument:
    """Sums from `since` to `until`; `accounts` are live account documents with the current rates and prices.

    Values in USDT are at current prices; null, and left out of the totals, where no price is known. `projected` leaves
    out debts whose rate or price is not known, and names them. `saving_if_repaid` is the cost a day that a repayment
    from the free balance of the same scope would save now. `recorded`: between these times every charge of every scope
    is recorded, according to `spans` by account and pair.
    """
    accounts = list(accounts)
    prices = _prices(accounts)
    debts = [debt for account in accounts for debt in _debts(account)]
    in_usdt = [_usdt_value(total.interest, total.asset, prices) for total in totals]
    costs = {debt: _daily_usdt(debt, prices) for debt in debts}
    day_usdt = sum((cost for cost in costs.values() if cost is not None), ZERO)
    return {
        "since": json_time(since),
        "until": json_time(until),
        "by": by,
        "items": [
            {
                "day": total.day.isoformat() if total.day is not None else None,
                "asset": total.asset,
                "account": total.account,
                "scope": total.scope,
                "symbol": total.symbol or None,
                "interest": format_decimal(total.interest),
                "interest_usdt": json_decimal(usdt),
                "charges": total.charges,
            }
            for total, usdt in zip(totals, in_usdt, strict=True)
        ],
        "rates": [_rate(debt, debt.rate) for debt in debts if debt.rate is not None],
        "total_usdt": format_decimal(sum((usdt for usdt in in_usdt if usdt is not None), ZERO)),
        "projected": {
            "day_usdt": format_decimal(day_usdt),
            "month_usdt": format_decimal(day_usdt * DAYS_A_MONTH),
            "year_usdt": format_decimal(day_usdt * DAYS_A_YEAR),
            "without": sorted({debt.asset for debt, cost in costs.items() if cost is None}),
        },
        "saving_if_repaid": [
            {"asset": asset, "per_day": format_decimal(saved)} for asset, saved in sorted(_savings(debts).items())
        ],
        "recorded": _complete_span(accounts, spans or {}),
    }


def _rate(debt: _Debt, rate: DebtRateDocument) -> RateDocument:
    hourly = Decimal(rate["hourly"])
    return {
        "account": debt.account,
        "asset": debt.asset,
        "scope": debt.scope,
        "symbol": debt.symbol,
        "hourly": format_decimal(hourly),
        "next_hourly": rate["next_hourly"],
        "daily": format_decimal(hourly * HOURS_A_DAY),
        "annual": format_decimal(hourly * HOURS_A_DAY * DAYS_A_YEAR),
        "as_of": rate["as_of"],
    }


def _daily_usdt(debt: _Debt, prices: Mapping[str, Decimal]) -> Decimal | None:
    return None if debt.daily is None else _usdt_value(debt.borrowed * debt.daily, debt.asset, prices)


def _savings(debts: Iterable[_Debt]) -> dict[str, Decimal]:
    saved: dict[str, Decimal] = {}
    for debt in debts:
        a_day = debt.repayable * debt.daily if debt.daily is not None else ZERO
        if a_day:
            saved[debt.asset] = saved.get(debt.asset, ZERO) + a_day
    return saved


def _debts(account: AccountDocument) -> Iterator[_Debt]:
    rates = {(rate["symbol"], rate["asset"]): rate for rate in account.get("rates", ())}
    for scope, symbol, row in _rows(account):
        borrowed = Decimal(row["borrowed"])
        if borrowed:
            yield _Debt(
                account["account"],
                row["asset"],
                scope,
                symbol,
                Decimal(row["free"]),
                borrowed,
                Decimal(row["interest"]),
                rates.get((symbol, row["asset"])),
            )


def _complete_span(
    accounts: Iterable[AccountDocument], spans: Mapping[tuple[str, str], Sequence[tuple[datetime, datetime]]]
) -> RecordedSpanDocument:
    """The time in which no charge of any scope is missing; null while a scope has none."""
    scopes = [
        (account["account"], symbol)
        for account in accounts
        for symbol in (
            *([""] if account.get("cross") is not None else []),
            *(pair["symbol"] for pair in account["isolated"] if pair["state"] != "not_created"),
        )
    ]
    newest = [spans[scope][-1] for scope in scopes if spans.get(scope)]
    whole = bool(newest) and len(newest) == len(scopes)
    return {
        "since": json_time(max(since for since, _ in newest)) if whole else None,
        "until": json_time(min(until for _, until in newest)) if whole else None,
    }


def _rows(account: AccountDocument) -> Iterator[tuple[ScopeKind, str | None, CrossBalanceDocument | PairSideDocument]]:
    cross = account.get("cross")
    if cross is not None:
        for row in cross["balances"]:
            yield "cross", None, row
    for pair in account["isolated"]:
        for side in (pair["base"], pair["quote"]):
            if side is not None:
                yield "isolated", pair["symbol"], side


def _prices(accounts: Iterable[AccountDocument]) -> dict[str, Decimal]:
    prices = {"USDT": Decimal(1)}
    for account in accounts:
        for _, _, row in _rows(account):
            if row["price_usdt"] is not None:
                prices[row["asset"]] = Decimal(row["price_usdt"])
    return prices


def _usdt_value(amount: Decimal, asset: str, prices: Mapping[str, Decimal]) -> Decimal | None:
    price = prices.get(asset)
    return None if price is None else amount * price

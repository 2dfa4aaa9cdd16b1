"""Interest that one account paid, and what its debts cost at the present rates."""

from dataclasses import dataclass
from decimal import Decimal

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.interest import InterestDocument
from monitor.view.formatting import format_usdt
from monitor.web.pages.models.balances import interest_a_day
from monitor.web.pages.models.words import short_amount_words

DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class PaidInterest:
    """Interest paid on one asset in one scope."""

    label: str
    amount: str
    value: str


@dataclass(frozen=True, slots=True)
class InterestView:
    """Interest since a day, its total, and the cost a day and a year."""

    since: str
    rows: tuple[PaidInterest, ...]
    total: str
    a_day: str
    a_year: str


def interest_view(document: InterestDocument, account: AccountDocument) -> InterestView:
    items = [item for item in document["items"] if item["account"] == account["account"]]
    cost = interest_a_day(account)
    return InterestView(
        since=document["since"][:10],
        rows=tuple(
            PaidInterest(
                f"{item['asset']} in {item['symbol'] or item['scope']}",
                short_amount_words(item["interest"], item["asset"]),
                format_usdt(Decimal(item["interest_usdt"])) if item["interest_usdt"] is not None else "",
            )
            for item in items
        ),
        total=format_usdt(sum((Decimal(item["interest_usdt"] or 0) for item in items), Decimal(0))),
        a_day=format_usdt(cost),
        a_year=format_usdt(cost * DAYS_A_YEAR),
    )

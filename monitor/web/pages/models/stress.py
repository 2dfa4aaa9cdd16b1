"""A fall of all prices, and each scope of an account after it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.stress import StressDocument, StressItemDocument
from monitor.view.formatting import format_level, format_needed_amount, format_percent, format_price
from monitor.web.pages.models.words import PageTone, decimal_of

DEFAULT_DROP = 20
"""Per cent; the slider starts there."""


@dataclass(frozen=True, slots=True)
class StressRow:
    """One scope after the fall. `key` names it for the script, `call` is its margin-call level; `limit`: the asset that
    liquidates it first, alone. `is_old`: its figures are.
    """

    key: str
    label: str
    before: str
    after: str
    words: str
    tone: PageTone
    limit: str
    call: str
    is_old: bool


@dataclass(frozen=True, slots=True)
class StressView:
    """The fall in per cent, and the scopes of the account."""

    drop: int
    rows: tuple[StressRow, ...]


def stress_view(document: StressDocument, account: AccountDocument) -> StressView:
    """The fall; `account` has the thresholds."""
    drop = int(Decimal(document["shock"]["drop"]) * 100)
    return StressView(drop, tuple(_rows(document, account)))


def _rows(document: StressDocument, account: AccountDocument) -> Iterator[StressRow]:
    calls = _margin_calls(account)
    for item in document["accounts"]:
        if item["account"] != account["account"] or item["state"] == "not_created":
            continue
        label = item["symbol"] or item["scope"]
        before, after = decimal_of(item["level_before"]), decimal_of(item["level_after"])
        call = decimal_of(calls.get(label))
        words, tone = _outcome(item, call)
        yield StressRow(
            key=label,
            label=label,
            before=format_level(before) if before is not None else "",
            after=format_level(after) if after is not None else "",
            words=words,
            tone=tone,
            limit=_limit(item),
            call="" if call is None else str(call),
            is_old=item["state"] == "stale",
        )


def _margin_calls(account: AccountDocument) -> Mapping[str, str | None]:
    """The margin-call level of each scope."""
    cross = account.get("cross")
    pairs = {pair["symbol"]: pair["margin_call_level"] for pair in account["isolated"]}
    return pairs if cross is None else {"cross": cross["margin_call_level"], **pairs}


def _outcome(item: StressItemDocument, call: Decimal | None) -> tuple[str, PageTone]:
    if item["level_after"] is None:
        return ("nothing is owed", "good") if item["state"] == "no_debt" else ("not known well enough to say", "old")
    wanted = decimal_of(item["to_survive_usdt"])
    more = f"; {format_needed_amount(wanted, 'USDT')} more beforehand would carry it" if wanted else ""
    if item["liquidated"]:
        part = decimal_of(item["liquidated_at"])
        return (f"liquidated {format_percent(part)} of the way{more}" if part else f"liquidated{more}"), "bad"
    if wanted:
        return f"survives, barely{more}", "note"
    if call is not None and Decimal(item["level_after"]) <= call:
        return "survives, with a margin call", "note"
    return "survives", "old" if item["state"] == "stale" else "good"


def _limit(item: StressItemDocument) -> str:
    first = item["first_to_liquidate"]
    if first is None:
        return ""
    move = Decimal(first["move"])
    sign = "−" if move < 0 else "+"
    return f"{first['asset']} alone: {sign}{format_percent(abs(move))}, at {format_price(Decimal(first['price_usdt']))}"

"""A fall of all prices, and each scope of an account after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from monitor.view.documents.types.stress import StressDocument, StressItemDocument
from monitor.view.formatting import format_level, format_needed_amount, format_percent, format_price
from monitor.web.pages.models.words import PageTone, decimal_of

DEFAULT_DROP = 20
"""Per cent; the slider starts there."""


@dataclass(frozen=True, slots=True)
class StressRow:
    """One scope after the fall. `key` names it for the script; `limit`: the asset that liquidates it first, alone."""

    key: str
    label: str
    before: str
    after: str
    words: str
    tone: PageTone
    limit: str


@dataclass(frozen=True, slots=True)
class StressView:
    """The fall in per cent, and the scopes of the account."""

    drop: int
    rows: tuple[StressRow, ...]


def stress_view(document: StressDocument, account: str) -> StressView:
    drop = int(Decimal(document["shock"]["drop"]) * 100)
    return StressView(drop, tuple(_rows(document, account)))


def _rows(document: StressDocument, account: str) -> Iterator[StressRow]:
    for item in document["accounts"]:
        if item["account"] != account or item["state"] == "not_created":
            continue
        label = item["symbol"] or item["scope"]
        before, after = decimal_of(item["level_before"]), decimal_of(item["level_after"])
        words, tone = _outcome(item)
        yield StressRow(
            key=label,
            label=label,
            before=format_level(before) if before is not None else "",
            after=format_level(after) if after is not None else "",
            words=words,
            tone=tone,
            limit=_limit(item),
        )


def _outcome(item: StressItemDocument) -> tuple[str, PageTone]:
    if item["level_after"] is None:
        return ("nothing is owed", "good") if item["state"] == "no_debt" else ("not known well enough to say", "old")
    wanted = decimal_of(item["to_survive_usdt"])
    more = f"; {format_needed_amount(wanted, 'USDT')} more beforehand would carry it" if wanted else ""
    if item["liquidated"]:
        part = decimal_of(item["liquidated_at"])
        return (f"liquidated {format_percent(part)} of the way{more}" if part else f"liquidated{more}"), "bad"
    return (f"survives, barely{more}", "note") if wanted else ("survives", "good")


def _limit(item: StressItemDocument) -> str:
    first = item["first_to_liquidate"]
    if first is None:
        return ""
    move = Decimal(first["move"])
    sign = "−" if move < 0 else "+"
    return f"{first['asset']} alone: {sign}{format_percent(abs(move))}, at {format_price(Decimal(first['price_usdt']))}"

"""Scopes taken through the past, as a table and lines."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from monitor.core.numbers.durations import format_duration, from_seconds
from monitor.view.documents.types.stress import (
    PastRemedyDocument,
    PastWindowsDocument,
    StressDocument,
    StressItemDocument,
)
from monitor.view.formatting import format_level, format_minute, format_needed_amount
from monitor.view.json_values import parse_json_decimal
from monitor.view.past.past_days import moves_text, odds_text, past_days_text, scope_subject
from monitor.view.terminal.table import Cell, Table, Tone

MAX_MOVES = 5
"""Limit of price moves named in a line."""

_PERCENTILES = {"1": "1 of 100", "5": "5 of 100", "50": "half"}
"""Headings of the lowest levels that so many windows fall to, or below."""


def past_table(document: StressDocument) -> Table:
    """One row for each scope whose past is known, those with the greatest odds on top."""
    known = [(item, past) for item, past in _known(document) if past["worst"] is not None]
    rows = []
    for item, past in sorted(known, key=lambda row: -Decimal(row[1]["odds"] or 0)):
        worst = past["worst"]
        assert worst is not None
        tone = _tone(past)
        rows.append(
            [
                Cell(item["account"]),
                Cell(item["symbol"] or item["scope"]),
                Cell(format_level(parse_json_decimal(item["level_before"]))),
                Cell(f"{past['liquidated']:,} of {past['windows']:,}", tone),
                Cell(odds_text(Decimal(past["odds"] or 0)), tone),
                Cell(format_level(Decimal(worst["level"])), tone),
                Cell(format_minute(worst["lowest_at"])),
                *(Cell(format_level(parse_json_decimal(past["level_percentiles"].get(name)))) for name in _PERCENTILES),
            ]
        )
    headings = ("account", "scope", "level", "liquidated", "odds", "worst", "at (UTC)", *_PERCENTILES.values())
    return Table(headings, rows, frozenset({2, 3, 4, 5, 7, 8, 9}))


def past_heading(document: StressDocument) -> list[Cell]:
    """The length of the windows, and the past that they cover."""
    for _, past in _known(document):
        if past["since"] is not None and past["until"] is not None:
            window = format_duration(from_seconds(Decimal(str(past["window_s"]))))
            span = f"{past['since'][:16].replace('T', ' ')} to {past['until'][:16].replace('T', ' ')} UTC"
            text = f"the balances and debts of now, through every window of {window} from {span}"
            return [Cell(text, "strong")]
    return []


def past_lines(document: StressDocument) -> Iterator[Cell]:
    """What the past says of each scope, what would have helped, and what is not known."""
    now = datetime.fromisoformat(document["generated_at"])
    for item, past in _known(document):
        name = f"{item['account']} {item['symbol'] or item['scope']}"
        tone: Tone = "note" if past["unavailable"] is not None else _tone(past)
        yield Cell(f"{name}: {past_days_text(past, scope_subject(item['scope']), now)}", tone)
        worst = past["worst"]
        moves = {} if worst is None else {row["asset"]: Decimal(row["move"]) for row in worst["moves"]}
        if any(moves.values()):
            yield Cell(f"  prices in its worst window: {moves_text(moves, MAX_MOVES)}")
        if past["to_survive"] is not None and past["liquidated"]:
            yield Cell(f"  to have survived all of it: {remedy_text(past['to_survive'])}")
        if past["to_reach"] is not None:
            yield Cell(f"  {_target_text(past, past['to_reach'])}", "strong")
        if past["assets_without_history"] and past["unavailable"] is None:
            lacking = ", ".join(past["assets_without_history"])
            yield Cell(f"  without past prices, taken to stand still: {lacking}", "note")
        yield from (Cell(f"  {remark}", "dim") for remark in past["remarks"])


def remedy_text(remedy: PastRemedyDocument) -> str:
    """The two ways in words, the amounts rounded up."""
    brought = f"bring in {format_needed_amount(Decimal(remedy['bring_in_usdt']), 'USDT')}"
    less = parse_json_decimal(remedy["repay"])
    if less is None:
        return f"{brought} (to owe no {remedy['repay_asset']} at all would be too little)"
    return f"{brought}, or owe {format_needed_amount(less, remedy['repay_asset'])} less"


def _target_text(past: PastWindowsDocument, remedy: PastRemedyDocument) -> str:
    target = odds_text(Decimal(remedy["odds"]))
    if not Decimal(remedy["bring_in_usdt"]):
        return f"the odds are at most {target} already"
    return f"for odds of at most {target}: {remedy_text(remedy)}"


def _known(document: StressDocument) -> Iterator[tuple[StressItemDocument, PastWindowsDocument]]:
    for item in document["accounts"]:
        past = item.get("history")
        if past is not None:
            yield item, past


def _tone(past: PastWindowsDocument) -> Tone:
    return "bad" if past["liquidated"] else "good"

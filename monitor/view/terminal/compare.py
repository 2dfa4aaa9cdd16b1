"""Our figures beside the exchange's as a table, and the verdict."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from monitor.view.documents.types.checks import ComparedFigureDocument, CompareDocument, ComparisonVerdict
from monitor.view.terminal.table import Cell, Table, Tone

_TONES: Mapping[ComparisonVerdict, Tone] = {
    "same": "good",
    "different": "bad",
    "unavailable": "bad",
    "not_reported": "dim",
}
_WORDS: Mapping[ComparisonVerdict, str] = {
    "same": "same",
    "different": "DIFFERENT",
    "unavailable": "not known",
    "not_reported": "not reported",
}


def compare_table(document: CompareDocument, *, with_same_amounts: bool) -> Table:
    """One row for each figure. Net amounts that agree are many: they are left out unless asked for."""
    rows = [
        [
            Cell(item["account"]),
            Cell(item["symbol"] or item["scope"]),
            Cell(_figure_text(item)),
            Cell(item["ours"] or "–"),
            Cell(item["exchange"] or "–"),
            Cell(_difference_text(item), _TONES[item["result"]] if item["result"] == "different" else ""),
            Cell(_WORDS[item["result"]], _TONES[item["result"]]),
            Cell(item["why"] or "", "dim"),
        ]
        for item in document["items"]
        if with_same_amounts or not (item["figure"] == "net" and item["result"] == "same")
    ]
    headings = ("account", "scope", "figure", "ours", "exchange", "difference", "result", "why")
    return Table(headings, rows, frozenset({3, 4, 5}))


def compare_lines(document: CompareDocument) -> Iterator[Cell]:
    """The verdict, and the numbers of figures behind it."""
    different, unavailable = document["different"], document["unavailable"]
    if different:
        yield Cell(
            f"{_count(different, 'figure')} of ours {'differs' if different == 1 else 'differ'} from the exchange's",
            "bad",
        )
    if unavailable:
        yield Cell(f"{_count(unavailable, 'figure')} can't be compared: a read failed or a price is not known", "bad")
    if document["ok"]:
        yield Cell("no figure differs", "good")
    elif not different and not unavailable:
        yield Cell(
            "nothing was compared: no answer of the exchange has a figure of what the configuration names", "bad"
        )
    yield Cell(f"{document['same']} agree; {document['not_reported']} are in no answer of the exchange", "dim")
    if different:
        yield Cell(
            "run it again in a quiet minute: prices move between two reads; if it stays, see docs/guide/first-week.md",
            "dim",
        )


def _figure_text(item: ComparedFigureDocument) -> str:
    name = item["figure"].replace("_btc", " (BTC)").replace("_usdt", " (USDT)").replace("_", " ")
    return f"{name} {item['asset']}" if item["asset"] else name


def _difference_text(item: ComparedFigureDocument) -> str:
    """The difference with its sign, and its part of the exchange's figure; nothing where both are the same."""
    if item["difference"] is None or item["difference"] == "0":
        return ""
    sign = "" if item["difference"].startswith("-") else "+"
    percent = "" if item["relative"] is None else f" ({Decimal(item['relative']) * 100:+.4f}%)"
    return f"{sign}{item['difference']}{percent}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

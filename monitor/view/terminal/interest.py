"""Interest paid and current rates as tables and lines."""

from decimal import Decimal

from monitor.view.formatting import format_amount, format_percent, format_timestamp, format_usdt
from monitor.view.json_values import Document, parse_json_decimal
from monitor.view.terminal.table import Cell, Table


def interest_table(document: Document) -> Table:
    """One row for each sum of charges."""
    rows = [
        [
            *([Cell(item["day"])] if document["by"] == "day" else []),
            Cell(item["account"]),
            Cell(item["symbol"] or item["scope"]),
            Cell(f"{format_amount(Decimal(item['interest']))} {item['asset']}"),
            Cell(format_usdt(parse_json_decimal(item["interest_usdt"])) if item["interest_usdt"] is not None else ""),
            Cell(str(item["charges"])),
        ]
        for item in document["items"]
    ]
    start = ("day",) if document["by"] == "day" else ()
    first = len(start)
    headings = (*start, "account", "scope", "interest", "value now", "charges")
    return Table(headings, rows, frozenset({first + 2, first + 3, first + 4}))


def rates_table(document: Document) -> Table:
    """One row for each asset that is owed now."""
    rows = [
        [
            Cell(rate["asset"]),
            Cell(rate["symbol"] or rate["scope"]),
            Cell(f"{Decimal(rate['hourly']) * 100:.6f} %"),
            Cell(f"{Decimal(rate['next_hourly']) * 100:.6f} %" if rate["next_hourly"] is not None else ""),
            Cell(format_percent(Decimal(rate["annual"]))),
            Cell(format_timestamp(rate["as_of"]), "dim"),
        ]
        for rate in document["rates"]
    ]
    return Table(("asset", "scope", "an hour", "next hour", "a year", "as of"), rows, frozenset({2, 3, 4}))


def interest_lines(document: Document) -> list[Cell]:
    """The sums, the projected cost, and the debts that it leaves out."""
    ahead, recorded = document["projected"], document["recorded"]
    lines = [
        Cell(
            f"paid since {format_timestamp(document['since'])}: {format_usdt(Decimal(document['total_usdt']))}",
            "strong",
        ),
    ]
    if document["items"] and recorded["since"] is None:
        lines.append(Cell("not every charge of that time is recorded yet", "note"))
    elif recorded["since"] is not None and recorded["since"] > document["since"]:
        lines.append(Cell(f"charges before {format_timestamp(recorded['since'])} are not all recorded", "note"))
    if document["rates"] or not ahead["without"]:
        day, month, year = (format_usdt(Decimal(ahead[f"{span}_usdt"])) for span in ("day", "month", "year"))
        lines.append(Cell(f"at the rates now: {day} a day, {month} in 30 days, {year} a year"))
    if ahead["without"]:
        owed = ", ".join(ahead["without"])
        lines.append(Cell(f"what is owed in {owed} is not counted: its rate or price is not known yet", "note"))
    for saving in document["saving_if_repaid"]:
        amount = f"{format_amount(Decimal(saving['per_day']))} {saving['asset']}"
        lines.append(Cell(f"repaying what is free now would save {amount} a day"))
    return lines

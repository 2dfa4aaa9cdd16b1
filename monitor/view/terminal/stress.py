"""The result of a price shock as a table and lines."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from monitor.core.margin.stress import Shock
from monitor.core.margin.stress_scenarios import LARGE_ALTS, Crash
from monitor.core.numbers.amounts import INFINITE
from monitor.view.documents.stress import Keepers, stressed_scope
from monitor.view.documents.stress_portfolio import scopes_of
from monitor.view.formatting import age_text, level_text, needed_text, percent_text, price_text
from monitor.view.json_values import Document, number
from monitor.view.terminal.table import Cell, Table, Tone


def stress_table(document: Document) -> Table:
    """One row a scope that owes something, those that fall first above."""
    items = [item for item in document["accounts"] if item["level_after"] is not None]
    rows = [
        [
            Cell(item["account"]),
            Cell(item["symbol"] or item["scope"]),
            Cell(level_text(number(item["level_before"]))),
            Cell(_after(item), _tone(item)),
            Cell(_fate(item), _tone(item)),
            Cell(_wanted(item)),
            Cell(_alone(item["first_to_liquidate"])),
            Cell(_age(item), "bad" if item["state"] == "stale" else ""),
        ]
        for item in sorted(items, key=_falls_at)
    ]
    headings = ("account", "scope", "level", "after", "fate", "to survive, bring in", "or one price alone", "age")
    return Table(headings, rows, frozenset({2, 3, 5, 7}))


def verdict_lines(document: Document, shock: Shock) -> list[Cell]:
    """What was assumed, and which scope falls first."""
    lines = [Cell(f"assumed: {shock_text(shock)}", "strong")]
    fallen = sorted((item for item in document["accounts"] if item["liquidated"]), key=_falls_at)
    if fallen:
        part = Decimal(fallen[0]["liquidated_at"])
        when = "is at its liquidation level already" if not part else f"falls first, {percent_text(part)} of the way"
        lines.append(Cell(f"{_about(fallen[0])} {when}", "bad"))
    elif any(item["level_after"] is not None for item in document["accounts"]):
        lines.append(Cell("no scope is liquidated by this", "good"))
    return lines


def background_lines(document: Document, shock: Shock) -> list[Cell]:
    """The scopes that have no row, and who says what the night was like."""
    lines = []
    for item in document["accounts"]:
        if item["state"] == "no_debt":
            lines.append(Cell(f"{_about(item)} owes nothing", "dim"))
        elif item["level_after"] is None and item["state"] != "not_created":
            lines.append(Cell(f"{_about(item)}: not known well enough to say", "bad"))
    if shock.crash is not None:
        lines.append(Cell(f"figures of {shock.crash.date}: {shock.crash.source}", "dim"))
    return lines


def shock_text(shock: Shock) -> str:
    """The shock in words."""
    parts = []
    if shock.crash is not None:
        parts.append(f"{shock.crash.date} again ({_classes(shock.crash)}, all at their worst together)")
    if shock.drop:
        also = "at least " if shock.crash is not None else ""
        parts.append(f"everything that is not stable falls {also}{percent_text(shock.drop)}")
    parts += [f"{asset} {_signed(move)}" for asset, move in shock.named.items()]
    return "; ".join(parts)


def crash_cells(status: Document, crash: Crash, keepers: Keepers) -> Iterator[Cell]:
    """One line a scope that owes something: how it would come through that night."""
    for account in status["accounts"]:
        for label, scope in scopes_of(account):
            item = stressed_scope(account["account"], label, scope, Shock(crash=crash), keepers)
            if item["level_after"] is not None:
                wanted = _wanted(item)
                more = f"; {wanted} more would survive" if wanted and item["liquidated"] else ""
                text = f"{account['account']} {label}: if {crash.date} came again: {_after(item)}, {_word(item)}{more}"
                yield Cell(text, _tone(item))


def _classes(crash: Crash) -> str:
    large = ", ".join(sorted(LARGE_ALTS))
    named = "".join(f", {asset} {_signed(move)}" for asset, move in crash.named.items())
    return (
        f"BTC {_signed(crash.btc)}, {large} {_signed(crash.large_alts)}, other alts {_signed(crash.other_alts)}{named}"
    )


def _about(item: Document) -> str:
    return f"{item['account']} {item['symbol'] or item['scope']}"


def _falls_at(item: Document) -> tuple[Decimal, Decimal]:
    at = number(item["liquidated_at"])
    return INFINITE if at is None else at, Decimal(item["level_after"])


def _tone(item: Document) -> Tone:
    if item["liquidated"]:
        return "bad"
    return "note" if _wanted(item) else "good"


def _after(item: Document) -> str:
    return level_text(number(item["level_after"]))


def _word(item: Document) -> str:
    if item["liquidated"]:
        return "liquidated"
    return "survives, barely" if _wanted(item) else "survives"


def _fate(item: Document) -> str:
    word = _word(item)
    part = number(item["liquidated_at"])
    if not item["liquidated"]:
        return word
    return f"LIQUIDATED {percent_text(part)} of the way" if part else "LIQUIDATED"


def _wanted(item: Document) -> str:
    wanted = number(item["to_survive_usdt"])
    return needed_text(wanted, "USDT") if wanted else ""


def _alone(first: Document | None) -> str:
    if first is None:
        return "none does it"
    return f"{first['asset']} {_signed(Decimal(first['move']))} to {price_text(Decimal(first['price_usdt']))}"


def _age(item: Document) -> str:
    return "" if item["age_s"] is None else age_text(timedelta(seconds=item["age_s"]))


def _signed(move: Decimal) -> str:
    """A move with its sign, cut toward nothing moved, so that no limit looks further away than it is."""
    return f"{'-' if move < 0 else '+'}{percent_text(abs(move))}"

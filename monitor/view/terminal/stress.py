"""The result of a price shock as a table and lines."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from monitor.core.margin.stress import Shock
from monitor.core.margin.stress_scenarios import LARGE_ALTS, StressScenario
from monitor.core.numbers.amounts import INFINITE
from monitor.view.documents.stress import LIKE_WORST, StableAssets, stress_item
from monitor.view.documents.stress_portfolio import scopes_of
from monitor.view.documents.types.status import StatusDocument
from monitor.view.documents.types.stress import AssetMoveDocument, StressDocument, StressItemDocument
from monitor.view.formatting import (
    format_age,
    format_level,
    format_minute,
    format_needed_amount,
    format_percent,
    format_price,
)
from monitor.view.json_values import parse_json_decimal
from monitor.view.terminal.table import Cell, Table, Tone

MAX_NAMED = 5
"""Limit of liquidated scopes named in a line."""


def stress_table_rows(document: StressDocument) -> Table:
    """One row for each scope that owes something, those liquidated first on top; with the time of its worst window."""
    items = [item for item in document["accounts"] if item["level_after"] is not None]
    is_worst = document["shock"]["like"] == LIKE_WORST
    rows = [
        [
            Cell(item["account"]),
            Cell(item["symbol"] or item["scope"]),
            Cell(format_level(parse_json_decimal(item["level_before"]))),
            Cell(_level_after(item), _tone(item)),
            Cell(_outcome_text(item), _tone(item)),
            *([Cell(_worst_time(item))] if is_worst else ()),
            Cell(_amount_to_survive(item)),
            Cell(_single_asset_text(item["first_to_liquidate"])),
            Cell(_age(item), "bad" if item["state"] == "stale" else ""),
        ]
        for item in sorted(items, key=_liquidation_order)
    ]
    headings = (
        *("account", "scope", "level", "after", "fate"),
        *(("lowest at (UTC)",) if is_worst else ()),
        *("to survive, bring in", "or one price alone", "age"),
    )
    return Table(headings, rows, frozenset({2, 3, len(headings) - 3, len(headings) - 1}))


def verdict_lines(document: StressDocument, shock: Shock) -> list[Cell]:
    """The shock, and the scope that is liquidated first; of worst windows, which are not simultaneous, all of them."""
    is_worst = document["shock"]["like"] == LIKE_WORST
    assumed = "each scope's own worst window of the past, not one for all" if is_worst else format_shock(shock)
    lines = [Cell(f"assumed: {assumed}", "strong")]
    fallen = sorted((item for item in document["accounts"] if item["liquidated"]), key=_liquidation_order)
    if fallen and is_worst:
        more = f" and {len(fallen) - MAX_NAMED} more" if len(fallen) > MAX_NAMED else ""
        lines.append(Cell(f"liquidated: {', '.join(map(_scope_label, fallen[:MAX_NAMED]))}{more}", "bad"))
    elif fallen:
        part = parse_json_decimal(fallen[0]["liquidated_at"])
        when = "is at its liquidation level already" if not part else f"falls first, {format_percent(part)} of the way"
        lines.append(Cell(f"{_scope_label(fallen[0])} {when}", "bad"))
    elif any(item["level_after"] is not None for item in document["accounts"]):
        lines.append(Cell("no scope is liquidated by this", "good"))
    return lines


def note_lines(document: StressDocument, shock: Shock) -> list[Cell]:
    """Scopes without a row, and the source of the scenario."""
    lines = []
    for item in document["accounts"]:
        if item["state"] == "no_debt":
            lines.append(Cell(f"{_scope_label(item)} owes nothing", "dim"))
        elif item["level_after"] is None and item["state"] != "not_created":
            lines.append(Cell(f"{_scope_label(item)}: not known well enough to say", "bad"))
    if shock.scenario is not None:
        lines.append(Cell(f"figures of {shock.scenario.date}: {shock.scenario.source}", "dim"))
    return lines


def format_shock(shock: Shock) -> str:
    """The shock in words."""
    parts = []
    if shock.scenario is not None:
        parts.append(
            f"{shock.scenario.date} again ({_asset_classes_text(shock.scenario)}, all at their worst together)"
        )
    if shock.drop:
        also = "at least " if shock.scenario is not None else ""
        parts.append(f"everything that is not stable falls {also}{format_percent(shock.drop)}")
    parts += [f"{asset} {_signed_percent(move)}" for asset, move in shock.moves_by_asset.items()]
    return "; ".join(parts)


def scenario_cells(status: StatusDocument, scenario: StressScenario, stable_assets: StableAssets) -> Iterator[Cell]:
    """One line for each scope that owes something: its result in that scenario."""
    for account in status["accounts"]:
        for label, scope in scopes_of(account):
            item = stress_item(account["account"], label, scope, Shock(scenario=scenario), stable_assets)
            if item["level_after"] is not None:
                wanted = _amount_to_survive(item)
                more = f"; {wanted} more would survive" if wanted and item["liquidated"] else ""
                name = f"{account['account']} {label}"
                outcome = f"{_level_after(item)}, {_outcome_word(item)}{more}"
                yield Cell(f"{name}: if {scenario.date} came again: {outcome}", _tone(item))


def _asset_classes_text(crash: StressScenario) -> str:
    large = ", ".join(sorted(LARGE_ALTS))
    named = "".join(f", {asset} {_signed_percent(move)}" for asset, move in crash.moves_by_asset.items())
    classes = {"BTC": crash.btc, large: crash.large_alts, "other alts": crash.other_alts}
    return ", ".join(f"{name} {_signed_percent(move)}" for name, move in classes.items()) + named


def _scope_label(item: StressItemDocument) -> str:
    return f"{item['account']} {item['symbol'] or item['scope']}"


def _liquidation_order(item: StressItemDocument) -> tuple[Decimal, Decimal]:
    at = parse_json_decimal(item["liquidated_at"])
    return INFINITE if at is None else at, parse_json_decimal(item["level_after"]) or INFINITE


def _tone(item: StressItemDocument) -> Tone:
    if item["liquidated"]:
        return "bad"
    return "note" if _amount_to_survive(item) else "good"


def _level_after(item: StressItemDocument) -> str:
    return format_level(parse_json_decimal(item["level_after"]))


def _outcome_word(item: StressItemDocument) -> str:
    if item["liquidated"]:
        return "liquidated"
    return "survives, barely" if _amount_to_survive(item) else "survives"


def _outcome_text(item: StressItemDocument) -> str:
    word = _outcome_word(item)
    part = parse_json_decimal(item["liquidated_at"])
    if not item["liquidated"]:
        return word
    return f"LIQUIDATED {format_percent(part)} of the way" if part else "LIQUIDATED"


def _amount_to_survive(item: StressItemDocument) -> str:
    wanted = parse_json_decimal(item["to_survive_usdt"])
    return format_needed_amount(wanted, "USDT") if wanted else ""


def _single_asset_text(first: AssetMoveDocument | None) -> str:
    if first is None:
        return "none does it"
    return f"{first['asset']} {_signed_percent(Decimal(first['move']))} to {format_price(Decimal(first['price_usdt']))}"


def _worst_time(item: StressItemDocument) -> str:
    past = item.get("history")
    worst = None if past is None else past["worst"]
    return "" if worst is None else format_minute(worst["lowest_at"])


def _age(item: StressItemDocument) -> str:
    return "" if item["age_s"] is None else format_age(timedelta(seconds=item["age_s"]))


def _signed_percent(move: Decimal) -> str:
    """A move with its sign, rounded toward zero, so that no limit looks further away than it is."""
    return f"{'-' if move < 0 else '+'}{format_percent(abs(move))}"

"""The table of scopes on the status screen: distances to the thresholds."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from monitor.core.margin.levels import drop_to_level, rise_to_level, split_exposure
from monitor.core.margin.stress import StressPortfolio, find_nearest_asset_move
from monitor.core.numbers.amounts import INFINITE, ONE
from monitor.view.documents.stress import StableAssets
from monitor.view.documents.stress_portfolio import is_in_usdt, portfolio_of, scopes_of
from monitor.view.documents.types.account import AccountDocument
from monitor.view.formatting import (
    UNKNOWN,
    format_age,
    format_level,
    format_percent,
    format_price,
    format_threshold,
    format_whole,
)
from monitor.view.json_values import Document, parse_json_decimal
from monitor.view.terminal.table import Cell, Table, Tone

_THRESHOLDS = (("call", "margin_call_level"), ("liq.", "liquidation_level"))
_WHOLE_PRICE_FROM = Decimal(10_000)
_REACHED = "reached"


def scopes_table(accounts: Sequence[AccountDocument], stable_assets: StableAssets) -> Table:
    """A row for each scope and threshold: the move of all prices, or of one alone, that reaches it, and the loss
    (USDT).

    Made to fit 80 columns: a single account is not named in every row.
    """
    rows: list[list[Cell]] = []
    for account in accounts:
        scopes = list(scopes_of(account))
        if account["state"] in ("unknown", "key_refused") or not scopes:
            rows.append([Cell(account["account"]), *[Cell("")] * 2, Cell(state_words(account["state"]), "bad")])
        if account["state"] != "unknown":
            for label, scope in scopes:
                rows += _scope_rows(account["account"], label, scope, stable_assets)
    headings = ("account", "scope", "level", "initial", "bar", "if prices", "loss", "or alone", "age/poll")
    start = 1 if len(accounts) == 1 and accounts[0]["state"] not in ("unknown", "key_refused") else 0
    width = len(headings)
    padded = [[*row, *[Cell("")] * (width - len(row))][start:] for row in rows]
    return Table(headings[start:], padded, frozenset({2 - start, 6 - start, 8 - start}))


def _scope_rows(account: str, label: str, scope: Document, stable_assets: StableAssets) -> Iterator[list[Cell]]:
    level = parse_json_decimal(scope.get("margin_level"))
    state = scope["state"]
    words, tone = (
        threshold_band(scope) if state == "ok" else (state_words(state), "good" if state == "no_debt" else "bad")
    )
    shown = format_level(level) if level is not None else "∞" if state == "no_debt" else ""
    age = _age(scope)
    first = [Cell(account), Cell(label), Cell(shown, tone), Cell(words, tone)]
    portfolio = portfolio_of(scope)
    if portfolio is None:
        yield [*first, *[Cell("")] * 4, age]
        return
    for number_, (name, key) in enumerate(_THRESHOLDS):
        bar = parse_json_decimal(scope[key])
        cells = [Cell(f"{name} {format_threshold(bar) if bar is not None else UNKNOWN}")]
        cells += _distance_cells(scope, portfolio, bar, stable_assets) if bar is not None else [Cell("")] * 3
        yield [*(first if not number_ else [Cell("")] * 4), *cells, *([age] if not number_ else [])]


def _distance_cells(
    scope: Document, portfolio: StressPortfolio, bar: Decimal, stable_assets: StableAssets
) -> list[Cell]:
    """The distance to the threshold: the move of all prices, its loss, and the single price that reaches it first."""
    if portfolio.level <= bar:
        return [Cell(_REACHED, "bad"), Cell(""), Cell("")]
    own = portfolio.own_level(bar)
    # A pair is liquidated by its own price: everything in it is valued in its quote asset.
    stables = frozenset({scope["quote"]["asset"]}) if "index_price" in scope else stable_assets.stables
    parts = split_exposure(portfolio.positions, stables)
    drop, rise = drop_to_level(parts, own), rise_to_level(parts, own)
    move, loss = "no move does it", ""
    if min(drop, rise) < INFINITE:
        falls = drop <= rise
        net = parts.volatile_assets - parts.volatile_liabilities
        move = f"fall {format_percent(drop)}" if falls else f"rise {format_percent(rise)}"
        loss = format_whole(net * drop if falls else -net * rise) if is_in_usdt(scope) else ""
    first = find_nearest_asset_move(portfolio, bar, stables)
    unit = parse_json_decimal(scope["quote"]["price_usdt"]) or ONE if "index_price" in scope else ONE
    alone = f"{first.asset} {_short_price(first.price / unit)}" if first is not None else ""
    if (
        "index_price" in scope
        and bar == portfolio.liquidation_level
        and parse_json_decimal(scope["liquidation_price"]) is not None
    ):
        # For the pair's own liquidation the exchange's price is better.
        distance, price = (
            parse_json_decimal(scope["distance_to_liquidation"]),
            parse_json_decimal(scope["liquidation_price"]),
        )
        verb = {"below": "fall", "above": "rise"}.get(scope["danger"] or "", "move")
        move, alone = f"{verb} {format_percent(distance)}", f"{scope['base']['asset']} {_short_price(price)}"
    return [Cell(move), Cell(loss), Cell(alone, "dim")]


def _short_price(price: Decimal | None) -> str:
    """A price without cents where they don't matter."""
    return format_price(price) if price is None or price < _WHOLE_PRICE_FROM else f"{price:,.0f}"


def threshold_band(scope: Document) -> tuple[str, Tone]:
    """The two thresholds around the scope's level."""
    level = parse_json_decimal(scope.get("margin_level"))
    initial, call, liquidation = (
        parse_json_decimal(scope.get(key)) for key in ("initial_level", "margin_call_level", "liquidation_level")
    )
    if level is None or liquidation is None:
        return "bars unknown", "note"
    if level <= liquidation:
        return "LIQUIDATION", "bad"
    if call is not None and level <= call:
        return "MARGIN CALL", "bad"
    if initial is None:
        return "initial bar unknown", "note"
    return (
        (f"below {format_threshold(initial)}", "note")
        if level < initial
        else (f"over {format_threshold(initial)}", "good")
    )


def _age(scope: Document) -> Cell:
    """The age of the level, and of the read beneath it, where the level follows prices since."""
    if scope["age_s"] is None:
        return Cell("")
    polled, live = format_age(timedelta(seconds=scope["age_s"])), scope.get("live_age_s")
    if scope["state"] != "ok":
        return Cell(polled, "bad" if scope["state"] == "stale" else "")
    return Cell(f"{polled} polled" if live is None else f"{format_age(timedelta(seconds=live))}/{polled}")


def state_words(state: str) -> str:
    return state.replace("_", " ")

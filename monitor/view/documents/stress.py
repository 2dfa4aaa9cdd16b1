"""The stress document: each scope after a price shock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.margin.stress import AssetMove, Shock, simulate_shock
from monitor.core.model.price_history import HOUR
from monitor.core.numbers.amounts import format_decimal
from monitor.core.numbers.durations import format_duration
from monitor.view.documents.stress_portfolio import hourly_interest, is_in_usdt, portfolio_of, scopes_of
from monitor.view.documents.types.scopes import CrossDocument, IsolatedDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.view.documents.types.stress import (
    AssetMoveDocument,
    PastWindowsDocument,
    ShockDocument,
    StressDocument,
    StressItemDocument,
)
from monitor.view.json_values import json_decimal

PastByScope = Mapping[tuple[str, str], PastWindowsDocument]
"""Scopes taken through the past, by account and "cross" or a pair's symbol."""

LIKE_WORST = "worst"
"""The value of `like` for the worst window of each scope's own past."""


@dataclass(frozen=True, slots=True)
class StableAssets:
    """Stable assets, and the tokens that are pegged to another asset."""

    stables: frozenset[str]
    pegs: Mapping[str, str]


def stress_document(
    status: StatusDocument,
    shock: Shock,
    stable_assets: StableAssets,
    past: PastByScope | None = None,
    worst_window: timedelta | None = None,
) -> StressDocument:
    """One item for each scope of the `status` document, with the age of its figures.

    A scope that owes nothing, or is not known well enough, has no level after the shock. `liquidated_at` is the part of
    the shock after which the scope is liquidated. With the `past` each item has its history; with `worst_window`, the
    length of its windows, too, the shock of a scope is that of its own worst window, with the interest charged by then.
    """
    items: list[StressItemDocument] = []
    for account in status["accounts"]:
        for label, scope in scopes_of(account):
            history = None if past is None else past.get((account["account"], label))
            if worst_window is None:
                item = stress_item(account["account"], label, scope, shock, stable_assets)
            else:
                own, interest = _worst_shock(history), _worst_interest(history, scope)
                item = stress_item(account["account"], label, scope, own, stable_assets, interest)
            if past is not None:
                item["history"] = history
            items.append(item)
    return {
        "generated_at": status["generated_at"],
        "shock": _shock_document(shock) if worst_window is None else _worst_window_document(worst_window),
        "accounts": items,
    }


def _shock_document(shock: Shock) -> ShockDocument:
    return {
        "drop": format_decimal(shock.drop),
        "moves": {asset: format_decimal(move) for asset, move in shock.moves_by_asset.items()},
        "like": shock.scenario.date if shock.scenario is not None else None,
        "source": shock.scenario.source if shock.scenario is not None else None,
    }


def _worst_window_document(window: timedelta) -> ShockDocument:
    source = f"hourly bars of the exchange: the worst window of {format_duration(window)} of each scope's own past"
    return {"drop": "0", "moves": {}, "like": LIKE_WORST, "source": source}


def _worst_shock(history: PastWindowsDocument | None) -> Shock | None:
    """The moves of the worst window; None where no past is known."""
    worst = None if history is None else history["worst"]
    if worst is None:
        return None
    return Shock(moves_by_asset={row["asset"]: Decimal(row["move"]) for row in worst["moves"]})


def _worst_interest(
    history: PastWindowsDocument | None, scope: CrossDocument | IsolatedDocument
) -> Mapping[str, Decimal]:
    """The interest by asset that is charged up to the lowest level of the worst window."""
    worst = None if history is None else history["worst"]
    if worst is None or worst["level"] == scope.get("margin_level"):
        # The window is nowhere worse than at its beginning, before any charge.
        return {}
    hours = (datetime.fromisoformat(worst["lowest_at"]) - datetime.fromisoformat(worst["from"])) // HOUR + 1
    return hourly_interest(scope, hours)


def stress_item(
    account: str,
    label: str,
    scope: CrossDocument | IsolatedDocument,
    shock: Shock | None,
    stable_assets: StableAssets,
    interest: Mapping[str, Decimal] | None = None,
) -> StressItemDocument:
    """The effect on one scope of the shock (None: it is not known), and of interest charged during it, by asset."""
    portfolio = None if shock is None else portfolio_of(scope)
    item: StressItemDocument = {
        "account": account,
        "scope": "cross" if label == "cross" else "isolated",
        "symbol": None if label == "cross" else label,
        "state": scope["state"],
        "as_of": scope["as_of"],
        "age_s": scope["age_s"],
        "level_before": scope.get("margin_level"),
        "level_after": None,
        "liquidated": False,
        "liquidated_at": None,
        "to_survive_usdt": None,
        "first_to_liquidate": None,
    }
    if portfolio is None or shock is None:
        return item
    moves = {p.asset: shock.move(p.asset, stable_assets.stables, stable_assets.pegs) for p in portfolio.positions}
    found = simulate_shock(portfolio, moves, stable_assets.stables, interest)
    item["level_after"] = json_decimal(found.level_after)
    item["liquidated"] = found.is_liquidated
    item["liquidated_at"] = json_decimal(found.reached_at) if found.is_liquidated else None
    item["to_survive_usdt"] = json_decimal(found.to_survive) if is_in_usdt(scope) else None
    item["first_to_liquidate"] = _single_asset_move(found.nearest_asset_move)
    return item


def _single_asset_move(found: AssetMove | None) -> AssetMoveDocument | None:
    if found is None:
        return None
    return {"asset": found.asset, "move": format_decimal(found.move), "price_usdt": format_decimal(found.price)}

"""The `stress` document, and what people read of it: which scope a shock liquidates, and what would survive it."""

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.core.margin.stress import AssetMove, Shock, outcome
from monitor.core.numbers.amounts import plain
from monitor.view.documents.stress_portfolio import is_in_usdt, portfolio_of, scopes_of
from monitor.view.json_values import Document, decimal_text


@dataclass(frozen=True, slots=True)
class Keepers:
    """The assets that keep their value, and the tokens that stand for another asset."""

    stables: frozenset[str]
    pegs: Mapping[str, str]


def stress_document(status: Document, shock: Shock, keepers: Keepers) -> Document:
    """One item for each scope of the `status` document, with the age of the figures it rests on.

    A scope that owes nothing, or is not known well enough, has no level after it. `liquidated_at` is the part of the
    shock after which it is liquidated.
    """
    return {
        "generated_at": status["generated_at"],
        "shock": {
            "drop": plain(shock.drop),
            "moves": {asset: plain(move) for asset, move in shock.named.items()},
            "like": shock.crash.date if shock.crash is not None else None,
            "source": shock.crash.source if shock.crash is not None else None,
        },
        "accounts": [
            stressed_scope(account["account"], label, scope, shock, keepers)
            for account in status["accounts"]
            for label, scope in scopes_of(account)
        ],
    }


def stressed_scope(account: str, label: str, scope: Document, shock: Shock, keepers: Keepers) -> Document:
    """What the shock does to one scope."""
    portfolio = portfolio_of(scope)
    item: Document = {
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
    if portfolio is None:
        return item
    moves = {p.asset: shock.move(p.asset, keepers.stables, keepers.pegs) for p in portfolio.positions}
    found = outcome(portfolio, moves, keepers.stables)
    return item | {
        "level_after": decimal_text(found.level_after),
        "liquidated": found.liquidated,
        "liquidated_at": decimal_text(found.reached_at) if found.liquidated else None,
        "to_survive_usdt": decimal_text(found.to_survive) if is_in_usdt(scope) else None,
        "first_to_liquidate": _first(found.first),
    }


def _first(found: AssetMove | None) -> Document | None:
    if found is None:
        return None
    return {"asset": found.asset, "move": plain(found.move), "price_usdt": plain(found.price)}

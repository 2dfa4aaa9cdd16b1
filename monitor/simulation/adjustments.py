"""Adjustments: amounts that simulated orders have moved so far, applied to balances recorded later."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from monitor.core.model.account import Balance, Scope
from monitor.core.numbers.amounts import ZERO
from monitor.simulation.portfolio import SimulatedPortfolio

BalanceDelta = tuple[Decimal, Decimal, Decimal]
"""Change of one asset in one scope: free, borrowed, interest."""

Adjustments = Mapping[tuple[Scope | str, str], BalanceDelta]
"""Changes by place and asset. A place is a scope or the name of a wallet; in a wallet only free amounts change."""

_NO_DELTA: BalanceDelta = (ZERO, ZERO, ZERO)


def accumulate_difference(before: SimulatedPortfolio, after: SimulatedPortfolio, so_far: Adjustments) -> Adjustments:
    """Add the difference between two portfolios of the same scopes to `so_far`."""
    old, new = _amounts(before), _amounts(after)
    total = dict(so_far)
    for key in old.keys() | new.keys():
        was, now, known = old.get(key, _NO_DELTA), new.get(key, _NO_DELTA), total.get(key, _NO_DELTA)
        if was != now:
            total[key] = (known[0] + now[0] - was[0], known[1] + now[1] - was[1], known[2] + now[2] - was[2])
    return total


def apply_adjustments(portfolio: SimulatedPortfolio, adjustments: Adjustments) -> SimulatedPortfolio:
    """Apply adjustments to a portfolio. No amount falls below zero: more than the recorded amount can't be taken."""
    for (place, asset), amounts in adjustments.items():
        if isinstance(place, str):
            wallet = dict(portfolio.wallets.get(place, {}))
            wallet[asset] = max(ZERO, wallet.get(asset, ZERO) + amounts[0])
            portfolio = replace(portfolio, wallets={**portfolio.wallets, place: wallet})
        elif not place.symbol:
            row = _shift(portfolio.cross.get(asset, Balance(asset)), amounts)
            portfolio = replace(portfolio, cross={**portfolio.cross, asset: row})
        elif place.symbol in portfolio.pairs:
            pair = portfolio.pairs[place.symbol]
            if pair.base.asset == asset:
                pair = replace(pair, base=_shift(pair.base, amounts))
            else:
                pair = replace(pair, quote=_shift(pair.quote, amounts))
            portfolio = replace(portfolio, pairs={**portfolio.pairs, place.symbol: pair})
    return portfolio


def _amounts(portfolio: SimulatedPortfolio) -> dict[tuple[Scope | str, str], BalanceDelta]:
    found: dict[tuple[Scope | str, str], BalanceDelta] = {
        (scope, row.asset): (row.free, row.borrowed, row.interest)
        for scope in portfolio.scopes
        for row in portfolio.balances_of(scope)
    }
    for name, wallet in portfolio.wallets.items():
        found |= {(name, asset): (free, ZERO, ZERO) for asset, free in wallet.items()}
    return found


def _shift(row: Balance, amounts: BalanceDelta) -> Balance:
    free, borrowed, interest = amounts
    return replace(
        row,
        free=max(ZERO, row.free + free),
        borrowed=max(ZERO, row.borrowed + borrowed),
        interest=max(ZERO, row.interest + interest),
    )

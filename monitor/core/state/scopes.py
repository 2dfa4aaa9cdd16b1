"""Watched scopes of an account, and the symbols whose prices they need."""

from collections.abc import Mapping

from monitor.core.margin.usdt_prices import candidate_symbols, find_route
from monitor.core.model.account import CROSS, Balance, Scope
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import live_scope_balances


def watched_scopes(state: AccountState, settings: AccountSettings) -> tuple[Scope, ...]:
    """Return the scopes that are watched and known to exist."""
    found: list[Scope] = []
    if settings.cross:
        found.append(CROSS)
    if state.isolated is not None:
        found += [Scope(symbol) for symbol in state.isolated.pairs if is_watched(state, settings, symbol)]
    return tuple(found)


def scopes_with_balances(state: AccountState, settings: AccountSettings) -> tuple[Scope, ...]:
    """Return the watched scopes with any balance."""
    return tuple(
        scope
        for scope in watched_scopes(state, settings)
        if any(not balance.is_zero for balance in live_scope_balances(state, scope))
    )


def polled_balances(state: AccountState, scope: Scope) -> Mapping[str, Balance] | None:
    """Return the balances of the scope as last read, by asset; None if they were never read."""
    if scope == CROSS:
        return state.cross.balances if state.cross is not None else None
    pair = state.polled_pair(scope.symbol)
    return None if pair is None else {side.asset: side for side in (pair.base, pair.quote)}


def is_watched(state: AccountState, settings: AccountSettings, symbol: str) -> bool:
    """Return whether the pair of this symbol is in `watched_scopes`."""
    pair = state.polled_pair(symbol)
    if pair is None or not (pair.created and pair.enabled):
        return False
    return settings.isolated is None or symbol in settings.isolated


def needed_symbols(state: AccountState, settings: AccountSettings) -> frozenset[str]:
    """Return the symbols whose prices matter: of each asset held or owed against USDT, each pair, and BTCUSDT.

    For an asset that turned out to have no USDT price, all symbols that may lead to one are needed until one does, and
    so is its pair with the asset that it is pegged to.
    """
    symbols = {"BTCUSDT"}
    assets: set[str] = set()
    if settings.cross and state.cross is not None:
        assets.update(state.cross.balances)
    for scope in watched_scopes(state, settings):
        if scope.symbol and state.isolated is not None:
            pair = state.isolated.pairs[scope.symbol]
            symbols.add(scope.symbol)
            assets.update(b.asset for b in (pair.base, pair.quote) if not b.is_zero)
            # The pair's metrics are in its quote asset; in USDT they need its price even when none is held.
            assets.add(pair.quote.asset)
    # Limits in USDT count movements in a gap at their present price.
    assets.update(movement.asset for movement in state.record_coverage.gap_movements)
    for asset in assets & settings.pegs.keys():
        assets.add(settings.pegs[asset])
        if state.prices.newest and f"{asset}USDT" not in state.prices.newest:
            symbols.add(f"{asset}{settings.pegs[asset]}")
    for asset in assets - {"USDT"}:
        symbols.add(f"{asset}USDT")
        if state.prices.newest and f"{asset}USDT" not in state.prices.newest:
            route = find_route(asset, state.prices.newest)
            symbols |= (
                {route.pair, route.bridge_pair or route.pair}
                if route is not None
                else candidate_symbols(asset, state.prices.newest)
            )
    return frozenset(symbols)

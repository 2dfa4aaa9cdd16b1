"""Price ratios of pegged assets, and the reference ratio that each should have.

A stable asset is worth one USDT. For other pegged assets nobody publishes a reference ratio, and a staking token gains
on its asset for ever: the median of a week follows that, and a crash of a few hours does not move it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from monitor.core.metrics.valuation import is_fresh, usdt_price
from monitor.core.model.account import CROSS, Price
from monitor.core.numbers.amounts import ONE
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.peg_history import build_history, slot_start
from monitor.core.state.scopes import watched_scopes


def peg_reference(asset: str, settings: AccountSettings) -> str | None:
    """Return the asset that this one should track; None if it is not pegged."""
    if asset in settings.stable_assets:
        return "USDT" if asset != "USDT" else None
    return settings.pegs.get(asset)


def price_ratio(asset: str, reference: str, prices: Mapping[str, Price]) -> Decimal | None:
    """Return the price of one unit of `asset` in `reference`, by their USDT prices, which margin levels use.

    Without USDT prices: by the pair of the two. None when neither is known.
    """
    value, unit = usdt_price(asset, prices), usdt_price(reference, prices)
    if value is not None and unit is not None:
        return value / unit
    pair = prices.get(f"{asset}{reference}")
    return pair.value if pair is not None else None


def reference_ratio(state: AccountState, settings: AccountSettings, asset: str) -> Decimal | None:
    """Return the reference ratio of a pegged asset; None while too little is known."""
    if asset in settings.stable_assets:
        return ONE
    known = state.prices.peg_history.get(asset)
    return known.reference_ratio if known is not None else None


def record_ratios(state: AccountState, settings: AccountSettings, now: datetime) -> AccountState:
    """Return the state with the present ratios of assets held or owed, unless the current slot has one."""
    slot = slot_start(now)
    lacking = [
        asset
        for asset in settings.pegs
        if ((known := state.prices.peg_history.get(asset)) is None or not known.points or known.points[-1][0] < slot)
        and _holds_or_owes(state, settings, asset)
    ]
    if not lacking or not is_fresh(state.prices.newest_at, now, settings.prices_stale_after):
        return state
    pegs = dict(state.prices.peg_history)
    for asset in lacking:
        ratio = price_ratio(asset, settings.pegs[asset], state.prices.newest)
        if ratio is not None and ratio > 0:
            before = pegs[asset].points if asset in pegs else ()
            pegs[asset] = build_history((*before, (slot, ratio)), now)
    return replace(state, prices=replace(state.prices, peg_history=pegs))


def _holds_or_owes(state: AccountState, settings: AccountSettings, asset: str) -> bool:
    if settings.cross and state.cross is not None:
        balance = state.cross.balances.get(asset)
        if balance is not None and not balance.is_zero:
            return True
    if state.isolated is None:
        return False
    pairs = (state.isolated.pairs[scope.symbol] for scope in watched_scopes(state, settings) if scope != CROSS)
    return any(side.asset == asset and not side.is_zero for pair in pairs for side in (pair.base, pair.quote))

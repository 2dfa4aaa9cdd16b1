"""Collateral: drift from the exchange's level, ratios of assets brought in, and transfer-out limits per asset."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.margin.collateral_ratios import (
    TRANSFER_OUT_LEVEL,
    collateral_value,
    marginal_ratio,
    max_tiered_transfer_out,
)
from monitor.core.margin.levels import margin_level
from monitor.core.margin.usdt_prices import asset_basis, usdt_price
from monitor.core.metrics.delisting import assets_to_be_delisted
from monitor.core.metrics.scope_metrics import is_stale
from monitor.core.metrics.valuation import build_price_context
from monitor.core.model.account import CROSS, Balance, CollateralTier, Price, Scope
from monitor.core.numbers.amounts import EIGHT_DECIMALS, ONE, ZERO, floor_to
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import live_cross_balances

CollateralTiers = Mapping[str, tuple[CollateralTier, ...]]

_FULL_RATIO = (CollateralTier(ZERO, None, ONE),)
"""Full collateral ratio, which is the safe assumption: of an asset with a lower ratio more may leave, never less."""


@dataclass(frozen=True, slots=True)
class TransferOutLimit:
    """Maximum amount of one asset that may leave if no other asset does."""

    asset: str
    amount: Decimal
    value_usdt: Decimal


@dataclass(frozen=True, slots=True)
class _CollateralTotals:
    """The collateral value of everything held, and the value of everything owed."""

    collateral: Decimal
    liabilities: Decimal

    @property
    def level(self) -> Decimal:
        return margin_level(self.collateral, self.liabilities)


def collateral_drift(state: AccountState) -> Decimal | None:
    """Return the drift of our own collateral level from the exchange's at the last read, as a fraction of the latter.

    None if they can't be compared: nothing is owed, or ratios or prices are unknown.
    """
    factor = _calibration(state)
    return abs(ONE / factor - ONE) if factor is not None else None


def worthless_collateral(state: AccountState, scope: Scope, held: Mapping[str, Decimal]) -> frozenset[str]:
    """Return the assets that would not help as collateral: a ratio of zero, no more is accepted, or delisting is near.

    A pair counts both of its assets in full until the pair itself is to be delisted. `held` are the values held in the
    scope, by asset.
    """
    found = assets_to_be_delisted(state, scope, held)
    if scope != CROSS:
        return found
    if state.reference.schedules is not None:
        found |= state.reference.schedules.restrictions.no_more_collateral
    return found | {asset for asset, share in marginal_ratios(state, scope, held).items() if not share}


def marginal_ratios(state: AccountState, scope: Scope, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return the ratio at which the next unit of each transferable asset counts, beside the value held already."""
    known = state.reference.collateral
    if scope != CROSS or known is None:
        return {}
    transferable = {asset for wallet in state.wallets.values() for asset in wallet.free}
    return {asset: marginal_ratio(held.get(asset, ZERO), known.tiers.get(asset, ())) for asset in transferable}


def transfer_out_limits(state: AccountState, settings: AccountSettings, now: datetime) -> tuple[TransferOutLimit, ...]:
    """Return the amounts that may leave the cross account while it has debts, by asset, largest value first.

    The collateral level that the exchange demands remains, and no more leaves than is free. Empty when nothing may
    leave, nothing is owed, or too little is known. If our collateral level disagrees with the exchange's, every asset
    is assumed to count in full. The exchange's own answer to maxTransferable is the authority.
    """
    snapshot = state.cross
    if snapshot is None or not snapshot.transfer_out_enabled or is_stale(snapshot.as_of, settings, now):
        return ()
    if not build_price_context(state, settings, now).is_fresh:
        return ()
    balances, prices = live_cross_balances(state).values(), _Prices(state.prices.newest, state.prices.at_cross.bases)
    tiers, factor = _tiers(state), _calibration(state)
    counted = _collateral_totals(balances, prices, tiers) if factor is not None else None
    if factor is None or counted is None or abs(ONE / factor - ONE) > settings.max_drift:
        # The values held and owed are updated by prices; their collateral value is the one that the exchange reported.
        tiers, counted = None, _totals_from_polled_level(balances, prices, snapshot.collateral_margin_level)
        factor = ONE
    if counted is None or counted.liabilities <= ZERO:
        return ()
    found = [
        leaving
        for balance in balances
        if (leaving := _transfer_out_limit(balance, prices, tiers, counted, TRANSFER_OUT_LEVEL / factor)) is not None
    ]
    return tuple(sorted(found, key=lambda leaving: (-leaving.value_usdt, leaving.asset)))


@dataclass(frozen=True, slots=True)
class _Prices:
    prices: Mapping[str, Price]
    bases: Mapping[str, Decimal]

    def value_of(self, asset: str) -> Decimal | None:
        """Return the exchange's value of one unit."""
        price = usdt_price(asset, self.prices)
        return None if price is None else price * asset_basis(asset, self.prices, self.bases)


def _transfer_out_limit(
    balance: Balance, prices: _Prices, tiers: CollateralTiers | None, totals: _CollateralTotals, level: Decimal
) -> TransferOutLimit | None:
    price = prices.value_of(balance.asset)
    if not price or balance.free <= ZERO:
        return None
    own = _FULL_RATIO if tiers is None else tiers.get(balance.asset, ())
    value = max_tiered_transfer_out(balance.held * price, own, totals.collateral, totals.liabilities, level)
    amount = floor_to(min(balance.free, value / price), EIGHT_DECIMALS)
    return TransferOutLimit(balance.asset, amount, amount * price) if amount > ZERO else None


def _calibration(state: AccountState) -> Decimal | None:
    """Return the exchange's collateral level over ours, both at the last read; None if they can't be compared."""
    snapshot = state.cross
    if snapshot is None or not snapshot.collateral_margin_level.is_finite():
        return None
    own = _collateral_totals(
        snapshot.balances.values(),
        _Prices(state.prices.at_cross.prices, state.prices.at_cross.bases),
        _tiers(state),
    )
    if own is None or own.liabilities <= ZERO or own.collateral <= ZERO or snapshot.collateral_margin_level <= ZERO:
        return None
    return snapshot.collateral_margin_level / own.level


def _collateral_totals(
    balances: Iterable[Balance], prices: _Prices, tiers: CollateralTiers | None
) -> _CollateralTotals | None:
    """Return the collateral value and the liability; None if the ratios or a price are unknown."""
    if tiers is None:
        return None
    collateral = liabilities = ZERO
    for balance in balances:
        price = prices.value_of(balance.asset)
        if price is None:
            return None
        collateral += collateral_value(balance.held * price, tiers.get(balance.asset, ()))
        liabilities += balance.owed * price
    return _CollateralTotals(collateral, liabilities)


def _totals_from_polled_level(balances: Iterable[Balance], prices: _Prices, level: Decimal) -> _CollateralTotals | None:
    liabilities = ZERO
    for balance in balances:
        price = prices.value_of(balance.asset)
        if price is None and balance.owed:
            return None
        liabilities += balance.owed * (price or ZERO)
    return _CollateralTotals(level * liabilities, liabilities) if level.is_finite() else None


def _tiers(state: AccountState) -> CollateralTiers | None:
    known = state.reference.collateral
    return None if known is None else known.tiers

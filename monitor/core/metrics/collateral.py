"""What counts as collateral in cross margin by the exchange's ratios, and how much of each asset may leave."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from monitor.core.margin.collateral_ratios import TRANSFER_OUT_LEVEL, collateral_value, largest_tiered_transfer_out
from monitor.core.margin.levels import margin_level
from monitor.core.margin.usdt_prices import basis_of, price_of
from monitor.core.metrics.common import is_stale
from monitor.core.metrics.valuation import market_at
from monitor.core.model.account import Balance, CollateralTier, Price
from monitor.core.numbers.amounts import EIGHT, ONE, ZERO, floor_to
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import cross_balances

Tiers = Mapping[str, tuple[CollateralTier, ...]]

_WHOLE = (CollateralTier(ZERO, None, ONE),)
"""Of an asset that counts less than whole more may leave than of one that does; never less."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """So much of one asset may leave, if nothing else does."""

    asset: str
    amount: Decimal
    value_usdt: Decimal


@dataclass(frozen=True, slots=True)
class _Counted:
    """The collateral value of everything held, and the value of everything owed."""

    collateral: Decimal
    liabilities: Decimal

    @property
    def level(self) -> Decimal:
        return margin_level(self.collateral, self.liabilities)


def collateral_drift(state: AccountState) -> Decimal | None:
    """How far our own collateral level was off the exchange's when it was read, as a fraction of the exchange's.

    None while they do not compare: nothing is owed, or ratios or prices are not known.
    """
    factor = _factor(state)
    return abs(ONE / factor - ONE) if factor is not None else None


def may_leave(state: AccountState, settings: Settings, now: datetime) -> tuple[Leaving, ...]:
    """What may leave the cross account although it owes, by asset, that of most value first.

    The collateral level that the exchange demands remains, and no more leaves than is free. Empty when nothing may
    leave, nothing is owed, or too little is known. Where our collateral level disagrees with the exchange's, every
    asset is taken to count whole. The exchange's own answer to maxTransferable is the authority.
    """
    snapshot = state.cross
    if snapshot is None or not snapshot.transfer_out_enabled or is_stale(snapshot.as_of, settings, now):
        return ()
    if not market_at(state, settings, now).is_fresh:
        return ()
    balances, prices = cross_balances(state).values(), _Prices(state.prices, state.cross_bases)
    tiers, factor = _tiers(state), _factor(state)
    counted = _counted(balances, prices, tiers) if factor is not None else None
    if factor is None or counted is None or abs(ONE / factor - ONE) > settings.drift_bound:
        # Held and owed are moved on by prices; what of it counts is the exchange's own word.
        tiers, counted = None, _by_polled(balances, prices, snapshot.collateral_margin_level)
        factor = ONE
    if counted is None or counted.liabilities <= ZERO:
        return ()
    found = [
        leaving
        for balance in balances
        if (leaving := _leaving(balance, prices, tiers, counted, TRANSFER_OUT_LEVEL / factor)) is not None
    ]
    return tuple(sorted(found, key=lambda leaving: (-leaving.value_usdt, leaving.asset)))


@dataclass(frozen=True, slots=True)
class _Prices:
    prices: Mapping[str, Price]
    bases: Mapping[str, Decimal]

    def of(self, asset: str) -> Decimal | None:
        """What one unit is worth to the exchange."""
        price = price_of(asset, self.prices)
        return None if price is None else price * basis_of(asset, self.prices, self.bases)


def _leaving(
    balance: Balance, prices: _Prices, tiers: Tiers | None, counted: _Counted, level: Decimal
) -> Leaving | None:
    price = prices.of(balance.asset)
    if not price or balance.free <= ZERO:
        return None
    own = _WHOLE if tiers is None else tiers.get(balance.asset, ())
    value = largest_tiered_transfer_out(balance.held * price, own, counted.collateral, counted.liabilities, level)
    amount = floor_to(min(balance.free, value / price), EIGHT)
    return Leaving(balance.asset, amount, amount * price) if amount > ZERO else None


def _factor(state: AccountState) -> Decimal | None:
    """The exchange's collateral level over ours, both of the last read; None: they do not compare."""
    snapshot = state.cross
    if snapshot is None or not snapshot.collateral_margin_level.is_finite():
        return None
    own = _counted(snapshot.balances.values(), _Prices(state.cross_prices, state.cross_bases), _tiers(state))
    if own is None or own.liabilities <= ZERO or own.collateral <= ZERO or snapshot.collateral_margin_level <= ZERO:
        return None
    return snapshot.collateral_margin_level / own.level


def _counted(balances: Iterable[Balance], prices: _Prices, tiers: Tiers | None) -> _Counted | None:
    """None while the ratios or the price of something are not known."""
    if tiers is None:
        return None
    collateral = liabilities = ZERO
    for balance in balances:
        price = prices.of(balance.asset)
        if price is None:
            return None
        collateral += collateral_value(balance.held * price, tiers.get(balance.asset, ()))
        liabilities += balance.owed * price
    return _Counted(collateral, liabilities)


def _by_polled(balances: Iterable[Balance], prices: _Prices, level: Decimal) -> _Counted | None:
    liabilities = ZERO
    for balance in balances:
        price = prices.of(balance.asset)
        if price is None and balance.owed:
            return None
        liabilities += balance.owed * (price or ZERO)
    return _Counted(level * liabilities, liabilities) if level.is_finite() else None


def _tiers(state: AccountState) -> Tiers | None:
    known = state.followed.collateral
    return None if known is None else known.tiers

"""Every metric of a cross account, computed from its state. Formulas live in margin.py and interest.py.

The level is the exchange's own at the last poll, times what prices and events have done to our own valuation since:
equal to the polled one, to the last digit, for as long as no price has moved and nothing was told. What the exchange
said of it since the poll counts where it is worse.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from monitor.core.margin.levels import Exposure, Totals, drop_to_level, move_to_level, rise_to_level
from monitor.core.margin.liquidation import liquidation_price
from monitor.core.metrics.common import (
    UNAVAILABLE,
    Level,
    bar_values,
    is_stale,
    measured,
    move_to,
    never_read,
    value_usdt,
    with_notice,
    worse,
)
from monitor.core.metrics.interest_rates import hourly_rate, seconds_to_liquidation
from monitor.core.metrics.isolated import isolated_figures
from monitor.core.metrics.thresholds import cross_in_force
from monitor.core.metrics.valuation import Market, book_now, book_then, drift, market_at, positions, price_of
from monitor.core.model.account import Balance, CrossSnapshot, Price
from monitor.core.model.metric import Value
from monitor.core.model.metric_values import Figures, Holding, Measured
from monitor.core.numbers.amounts import INFINITE, ONE, ZERO
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.core.state.live_balances import cross_balances
from monitor.core.state.scope_value import book_of

LEVEL_ROUNDING = Decimal("0.00000002")
"""The exchange tells its level to eight decimals; moved on with prices, that much of it may be rounding."""

__all__ = ["cross_figures", "isolated_figures"]


def cross_figures(state: AccountState, settings: Settings, now: datetime, market: Market | None = None) -> Figures:
    """The cross account's metrics and its non-zero balances. `market` saves working it out again."""
    snapshot = state.cross
    if snapshot is None:
        return with_notice(never_read("cross", "", cross_in_force(state, now)), state.picture.notice, settings, now)
    view = _Cross(state, settings, snapshot, market or market_at(state, settings, now))
    shown = Measured(_METRICS, view, view.bars)
    found = measured("cross", "", snapshot.as_of, now, settings, view.level, shown, view.holdings, view.in_force)
    return with_notice(found, state.picture.notice, settings, now) if state.picture.notice is not None else found


class _Cross:
    """The account as its figures are worked out. Nothing of it changes; what costs is made when it is asked for."""

    __slots__ = (
        "_held",
        "_parts",
        "bars",
        "in_force",
        "level",
        "market",
        "own",
        "present",
        "settings",
        "snapshot",
        "state",
        "then",
    )

    def __init__(self, state: AccountState, settings: Settings, snapshot: CrossSnapshot, market: Market) -> None:
        self.state = state
        self.settings = settings
        self.snapshot = snapshot
        self.market = market
        self.in_force = cross_in_force(state, market.now)
        self.bars = bar_values(self.in_force)
        self.then = book_then(state, snapshot)
        self.present = book_now(state, self.then.unpriced)
        self.own = self._level()
        self.level = worse(self.own, state.picture.notice, settings, market.now)
        self._parts: Exposure | None = None
        self._held: tuple[Holding, ...] | None = None

    def holdings(self) -> tuple[Holding, ...]:
        """Every row with its price, worked out once."""
        if self._held is None:
            self._held = _holdings(self.state, self.level.value, self.bars["liquidation_level"])
        return self._held

    def _level(self) -> Level:
        """The polled level, moved as our own valuation moved since, if that may be believed.

        What prices said after the poll, before they fell silent, is old news, but newer than the poll: where it is
        worse, it counts until the next one.
        """
        polled, then = self.snapshot.margin_level, self.then
        off = drift(polled, then.totals) if self.market.cross_then else None
        moved = self._moved(off)
        if moved is None:
            return Level(polled, False, off)
        if self.market.is_fresh and not is_stale(self.snapshot.as_of, self.settings, self.market.now):
            return Level(moved, True, off)
        return Level(min(polled, moved), False, off)

    def _moved(self, off: Decimal | None) -> Decimal | None:
        """The level at the newest prices.

        None when prices were stale or unknown when the snapshot came, or when our own valuation was `off` by more than
        the bound then: assets without a price show there.
        """
        polled = self.snapshot.margin_level
        if self.present.unpriced:
            return None
        if not polled.is_finite():
            # The first debt, told since: there is no level of the exchange's to move on from.
            return self.present.level if self.present.liabilities else None
        if off is None or off > self.settings.drift_bound:
            return None
        return polled * (self.present.level / self.then.level)

    def change_5m(self) -> Value:
        """What prices alone did to the level in five minutes."""
        level = self.own
        if not level.value.is_finite():
            return ZERO
        past = self.market.before() if level.is_live else None
        before = (
            past.totals(self.present.balances, self.then.unpriced, self.present.bases) if past is not None else None
        )
        if before is None:
            return UNAVAILABLE
        if not self.snapshot.margin_level.is_finite():
            return level.value - before.level
        return level.value - self.snapshot.margin_level * (before.level / self.then.level)

    def parts(self) -> Exposure | None:
        """What is held and owed at the newest prices.

        Assets without a price are worth what the exchange's totals had beyond all others, and count as volatile. None
        when that can't be told either.
        """
        if self._parts is None:
            if self.then.unpriced or self.present.unpriced:
                return self._parts_with_unpriced()
            self._parts = self.present.exposure(self.settings.stable_assets)
        return self._parts

    def _parts_with_unpriced(self) -> Exposure | None:
        snapshot, stables = self.snapshot, self.settings.stable_assets
        btc = price_of("BTC", self.state.cross_prices)
        if btc is None or self.present.unpriced:
            everything = book_of(self.present.balances, self.state.prices, bases=self.state.cross_bases)
            return None if everything.unpriced else everything.exposure(stables)
        seen, parts = self.then.totals, self.present.exposure(stables)
        return Exposure(
            parts.stable_assets,
            parts.stable_liabilities,
            parts.volatile_assets + max(ZERO, snapshot.assets_btc * btc - seen.assets),
            parts.volatile_liabilities + max(ZERO, snapshot.liabilities_btc * btc - seen.liabilities),
        )

    def move(self, reach: Callable[[Exposure, Decimal], Decimal], bar: str) -> Value:
        return move_to(reach, self.level.value, self.parts() if self.level.value.is_finite() else None, self.bars[bar])

    def value(self, of: Callable[[Totals], Decimal]) -> Value:
        return value_usdt(of, self.parts(), ONE)

    def interest_usdt(self) -> Value:
        return _interest_usdt(self.present.balances, self.market.prices)

    def time_by_interest(self) -> Value:
        level = self.level.value
        if not level.is_finite():
            return INFINITE
        owing = [balance for balance in self.present.balances.values() if balance.owed]
        prices = {asset: p.price for asset, p in positions(owing, self.market.prices).items()}
        bar = self.bars["liquidation_level"]
        return seconds_to_liquidation(self.state, self.settings, "", owing, prices, level, bar, self.market.now)


_METRICS: Mapping[str, Callable[[_Cross], Value]] = MappingProxyType(
    {
        "margin_level": lambda cross: cross.level.value,
        "polled_margin_level": lambda cross: cross.snapshot.margin_level,
        "collateral_margin_level": lambda cross: cross.snapshot.collateral_margin_level,
        "margin_level_change_5m": _Cross.change_5m,
        "initial_level": lambda cross: cross.bars["initial_level"],
        "margin_call_level": lambda cross: cross.bars["margin_call_level"],
        "liquidation_level": lambda cross: cross.bars["liquidation_level"],
        "assets_usdt": lambda cross: cross.value(lambda sums: sums.assets),
        "liabilities_usdt": lambda cross: cross.value(lambda sums: sums.liabilities),
        "equity_usdt": lambda cross: cross.value(lambda sums: sums.equity),
        "interest_usdt": _Cross.interest_usdt,
        "drop_to_liquidation": lambda cross: cross.move(drop_to_level, "liquidation_level"),
        "rise_to_liquidation": lambda cross: cross.move(rise_to_level, "liquidation_level"),
        "drop_to_margin_call": lambda cross: cross.move(drop_to_level, "margin_call_level"),
        "distance_to_liquidation": lambda cross: cross.move(move_to_level, "liquidation_level"),
        "time_to_liquidation_by_interest": _Cross.time_by_interest,
    }
)


def _interest_usdt(balances: Mapping[str, Balance], prices: Mapping[str, Price]) -> Value:
    total = ZERO
    for balance in balances.values():
        if balance.interest:
            price = price_of(balance.asset, prices)
            if price is None:
                return UNAVAILABLE
            total += balance.interest * price
    return total


def _holdings(state: AccountState, level: Decimal, liquidation: Value) -> tuple[Holding, ...]:
    """Every row with its price, and the price at which it alone would liquidate when all rows have one."""
    balances = cross_balances(state)
    known = positions(balances.values(), state.prices)
    own = Totals(
        sum((p.held * p.price for p in known.values()), ZERO), sum((p.owed * p.price for p in known.values()), ZERO)
    )
    bar: Decimal | None = None
    if len(known) == len(balances) and level.is_finite() and level > ZERO and own.liabilities > ZERO:
        # The exchange acts on its own level: where that meets the bar, ours reads this much.
        # What it rounds away of its level is no difference.
        scale = ONE if abs(own.level - level) <= LEVEL_ROUNDING else own.level / level
        bar = liquidation * scale if isinstance(liquidation, Decimal) else None

    def row(balance: Balance) -> Holding:
        rate = hourly_rate(state, balance.asset)
        position = known.get(balance.asset)
        if position is None:
            return Holding(balance, hourly_rate=rate)
        if bar is None or balance.asset == "USDT":
            return Holding(balance, position.price, rate)
        end = liquidation_price(position, own, bar)
        if end is None:
            return Holding(balance, position.price, rate)
        return Holding(balance, position.price, rate, end.price, end.danger)

    return tuple(row(balance) for _, balance in sorted(balances.items()))

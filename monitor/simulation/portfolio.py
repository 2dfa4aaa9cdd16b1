"""Simulated portfolio: its balances, the reads that show them, and the effect of orders and liquidations."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.actions.scope_position import ScopePosition
from monitor.core.margin.levels import margin_level
from monitor.core.margin.liquidation import isolated_liquidation_price
from monitor.core.metrics.valuation import usdt_price
from monitor.core.model.account import (
    CROSS,
    Balance,
    CrossSnapshot,
    IsolatedPair,
    IsolatedSnapshot,
    LeverageTier,
    PairStatus,
    Price,
    Scope,
    Thresholds,
    WalletBalances,
)
from monitor.core.model.events import CrossRead, Event, IsolatedRead, WalletRead
from monitor.core.model.order import Order
from monitor.core.model.reads import TradingRulesRead
from monitor.core.model.symbols import TradingRules
from monitor.core.numbers.amounts import EIGHT_DECIMALS, INFINITE, ONE, ZERO

WALLET_NAMES: tuple[Literal["spot", "funding"], ...] = ("spot", "funding")
EXCESSIVE_ABOVE = Decimal(2)
"""Level above which the exchange calls a pair EXCESSIVE, by the usual reading of its documentation."""

_NO_LIMIT = Decimal("1E30")
_EMPTY: Mapping[str, Decimal] = {}


@dataclass(frozen=True, slots=True)
class PairHolding:
    """One isolated pair: its two balances, and its thresholds where they are known."""

    base: Balance
    quote: Balance
    thresholds: Thresholds | None = None


@dataclass(frozen=True, slots=True)
class SimulatedPortfolio:
    """Balances of one account in a simulation.

    `level_factors` are the exchange's margin level divided by our own, by scope; 1 where a scope is missing.
    """

    cross: Mapping[str, Balance] = field(default_factory=dict)
    thresholds: Thresholds | None = None
    pairs: Mapping[str, PairHolding] = field(default_factory=dict)
    wallets: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    level_factors: Mapping[Scope, Decimal] = field(default_factory=dict)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        return (CROSS, *map(Scope, self.pairs))

    def thresholds_of(self, scope: Scope) -> Thresholds | None:
        return self.thresholds if scope == CROSS else self.pairs[scope.symbol].thresholds

    def balances_of(self, scope: Scope) -> tuple[Balance, ...]:
        """Balances of one scope."""
        if scope == CROSS:
            return tuple(self.cross.values())
        pair = self.pairs[scope.symbol]
        return pair.base, pair.quote


def threshold_tiers(pair: PairHolding) -> tuple[LeverageTier, ...]:
    """Thresholds of the pair as the single tier of its table; empty if they are not known."""
    if pair.thresholds is None:
        return ()
    return (LeverageTier(1, pair.thresholds.initial, pair.thresholds.liquidation, _NO_LIMIT, _NO_LIMIT),)


def margin_level_of(portfolio: SimulatedPortfolio, scope: Scope, prices: Mapping[str, Price]) -> Decimal:
    """Margin level of the scope at these prices; INFINITE if nothing is owed. Assets without a price are left out."""
    held, owed = _totals(portfolio, scope, prices)
    return margin_level(held, owed) * portfolio.level_factors.get(scope, ONE) if owed > ZERO else INFINITE


def missing_price_symbols(portfolio: SimulatedPortfolio, prices: Mapping[str, Price]) -> tuple[str, ...]:
    """Symbols whose prices are missing to value the portfolio."""
    assets = {row.asset for row in portfolio.cross.values()}
    assets |= {pair.quote.asset for pair in portfolio.pairs.values()}
    lacking = {f"{asset}USDT" for asset in assets if usdt_price(asset, prices) is None}
    return tuple(sorted(lacking | (portfolio.pairs.keys() - prices.keys())))


def balance_reads(portfolio: SimulatedPortfolio, prices: Mapping[str, Price], at: datetime) -> tuple[Event, ...]:
    """Reads of all balances as the exchange would answer them at this moment."""
    found: list[Event] = [CrossRead(_cross(portfolio, prices, at)), IsolatedRead(_isolated(portfolio, prices, at))]
    found += [WalletRead(name, WalletBalances(at, portfolio.wallets.get(name, _EMPTY))) for name in WALLET_NAMES]
    return tuple(found)


def symbol_rules_read(portfolio: SimulatedPortfolio, at: datetime) -> TradingRulesRead:
    """Trading rules that allow any quantity: of every cross asset against USDT, and of each pair."""
    held = {asset for asset, row in portfolio.cross.items() if not row.is_zero}
    found = [TradingRules(f"{asset}USDT", asset, "USDT", EIGHT_DECIMALS, EIGHT_DECIMALS) for asset in held - {"USDT"}]
    for symbol, pair in portfolio.pairs.items():
        found.append(TradingRules(symbol, pair.base.asset, pair.quote.asset, EIGHT_DECIMALS, EIGHT_DECIMALS))
    return TradingRulesRead({market.symbol: market for market in found}, frozenset(held), at)


def execute_order(portfolio: SimulatedPortfolio, order: Order, position: ScopePosition) -> SimulatedPortfolio:
    """The portfolio after `order`. `position` is the position of the order's scope before it."""
    after = position.after(order)
    rows = {asset: row.balance for asset, row in after.by_asset.items()}
    changed = _with_balances(portfolio, position.scope, rows)
    wallets = dict(portfolio.wallets)
    for place, amounts in after.external.items():
        if place != "cross":
            wallets[place] = amounts
        elif position.scope != CROSS:
            moved = {
                asset: replace(changed.cross.get(asset, Balance(asset)), free=free) for asset, free in amounts.items()
            }
            changed = replace(changed, cross={**changed.cross, **moved})
    return replace(changed, wallets=wallets)


def liquidate(portfolio: SimulatedPortfolio, scope: Scope, prices: Mapping[str, Price]) -> SimulatedPortfolio:
    """The portfolio after the scope's assets were sold, without any fee, and its debts repaid with the proceeds."""
    held, owed = _totals(portfolio, scope, prices)
    rest = max(ZERO, held - owed)
    if scope == CROSS:
        return replace(portfolio, cross={"USDT": Balance("USDT", free=rest)})
    pair = portfolio.pairs[scope.symbol]
    rows = {
        pair.base.asset: Balance(pair.base.asset),
        pair.quote.asset: Balance(pair.quote.asset, free=rest),
    }
    return _with_balances(portfolio, scope, rows)


def _totals(portfolio: SimulatedPortfolio, scope: Scope, prices: Mapping[str, Price]) -> tuple[Decimal, Decimal]:
    """Value held and value owed: of cross in USDT, of a pair in its quote asset."""
    held = owed = ZERO
    for row in portfolio.balances_of(scope):
        price = usdt_price(row.asset, prices) if scope == CROSS else _in_quote(portfolio, scope, row, prices)
        if price is not None:
            held += row.held * price
            owed += row.owed * price
    return held, owed


def _in_quote(portfolio: SimulatedPortfolio, scope: Scope, row: Balance, prices: Mapping[str, Price]) -> Decimal | None:
    if row.asset == portfolio.pairs[scope.symbol].quote.asset:
        return ONE
    index = prices.get(scope.symbol)
    return None if index is None else index.value


def _with_balances(portfolio: SimulatedPortfolio, scope: Scope, rows: Mapping[str, Balance]) -> SimulatedPortfolio:
    if scope == CROSS:
        return replace(portfolio, cross={**portfolio.cross, **rows})
    pair = portfolio.pairs[scope.symbol]
    changed = replace(pair, base=rows.get(pair.base.asset, pair.base), quote=rows.get(pair.quote.asset, pair.quote))
    return replace(portfolio, pairs={**portfolio.pairs, scope.symbol: changed})


def _cross(portfolio: SimulatedPortfolio, prices: Mapping[str, Price], at: datetime) -> CrossSnapshot:
    """Cross snapshot. Collateral ratios are not known here: the collateral level equals the margin level."""
    level = margin_level_of(portfolio, CROSS, prices)
    held, owed = _totals(portfolio, CROSS, prices)
    btc = usdt_price("BTC", prices)
    return CrossSnapshot(
        as_of=at,
        received_at=at,
        balances={asset: row for asset, row in portfolio.cross.items() if not row.is_zero},
        margin_level=level,
        collateral_margin_level=level,
        assets_btc=held / btc if btc else ZERO,
        liabilities_btc=owed / btc if btc else ZERO,
    )


def _isolated(portfolio: SimulatedPortfolio, prices: Mapping[str, Price], at: datetime) -> IsolatedSnapshot:
    pairs = {symbol: _pair(portfolio, symbol, prices) for symbol in portfolio.pairs if symbol in prices}
    return IsolatedSnapshot(as_of=at, received_at=at, pairs=pairs)


def _pair(portfolio: SimulatedPortfolio, symbol: str, prices: Mapping[str, Price]) -> IsolatedPair:
    pair, index = portfolio.pairs[symbol], prices[symbol].value
    level = margin_level_of(portfolio, Scope(symbol), prices)
    end = None
    if pair.thresholds is not None:
        end = isolated_liquidation_price(
            base_held=pair.base.held,
            base_owed=pair.base.owed,
            quote_held=pair.quote.held,
            quote_owed=pair.quote.owed,
            price=index,
            level=pair.thresholds.liquidation,
        )
    return IsolatedPair(
        symbol=symbol,
        base=pair.base,
        quote=pair.quote,
        margin_level=level,
        status=_status(level, pair.thresholds),
        index_price=index,
        liquidation_price=None if end is None else end.price,
    )


def _status(level: Decimal, thresholds: Thresholds | None) -> PairStatus | None:
    if thresholds is None:
        return None
    if level <= thresholds.liquidation:
        return PairStatus.FORCE_LIQUIDATION
    if level <= thresholds.margin_call:
        return PairStatus.MARGIN_CALL
    return PairStatus.EXCESSIVE if level > EXCESSIVE_ABOVE else PairStatus.NORMAL

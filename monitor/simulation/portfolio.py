"""What is held and owed in a rehearsal, the reads that tell of it, and what orders and liquidations make of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from monitor.core.actions.position import ScopePosition
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
"""The level above which the exchange calls a pair EXCESSIVE, by the usual reading of its words."""

_NO_LIMIT = Decimal("1E30")
_EMPTY: Mapping[str, Decimal] = {}


@dataclass(frozen=True, slots=True)
class PairHolding:
    """One isolated pair: its two sides, and its bars where they are known."""

    base: Balance
    quote: Balance
    thresholds: Thresholds | None = None


@dataclass(frozen=True, slots=True)
class SimulatedPortfolio:
    """One account in a rehearsal.

    `scales` is by how much the exchange's level of a scope was above our own, 1 where nothing is said of it.
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
        """What is held and owed in one scope."""
        if scope == CROSS:
            return tuple(self.cross.values())
        pair = self.pairs[scope.symbol]
        return pair.base, pair.quote


def threshold_tiers(pair: PairHolding) -> tuple[LeverageTier, ...]:
    """The pair's bars as the one tier of its table; none where they are not known."""
    if pair.thresholds is None:
        return ()
    return (LeverageTier(1, pair.thresholds.initial, pair.thresholds.liquidation, _NO_LIMIT, _NO_LIMIT),)


def margin_level_of(portfolio: SimulatedPortfolio, scope: Scope, prices: Mapping[str, Price]) -> Decimal:
    """The scope's level at these prices; INFINITE when nothing is owed. What has no price is left out."""
    held, owed = _totals(portfolio, scope, prices)
    return margin_level(held, owed) * portfolio.level_factors.get(scope, ONE) if owed > ZERO else INFINITE


def missing_price_symbols(portfolio: SimulatedPortfolio, prices: Mapping[str, Price]) -> tuple[str, ...]:
    """The symbols without whose prices the portfolio has no value."""
    assets = {row.asset for row in portfolio.cross.values()}
    assets |= {pair.quote.asset for pair in portfolio.pairs.values()}
    lacking = {f"{asset}USDT" for asset in assets if usdt_price(asset, prices) is None}
    return tuple(sorted(lacking | (portfolio.pairs.keys() - prices.keys())))


def balance_reads(portfolio: SimulatedPortfolio, prices: Mapping[str, Price], at: datetime) -> tuple[Event, ...]:
    """What the exchange would answer to every read of balances at this moment."""
    found: list[Event] = [CrossRead(_cross(portfolio, prices, at)), IsolatedRead(_isolated(portfolio, prices, at))]
    found += [WalletRead(name, WalletBalances(at, portfolio.wallets.get(name, _EMPTY))) for name in WALLET_NAMES]
    return tuple(found)


def symbol_rules_read(portfolio: SimulatedPortfolio, at: datetime) -> TradingRulesRead:
    """Symbols by which everything can be traded in any quantity: of cross against USDT, of a pair its own."""
    held = {asset for asset, row in portfolio.cross.items() if not row.is_zero}
    found = [TradingRules(f"{asset}USDT", asset, "USDT", EIGHT_DECIMALS, EIGHT_DECIMALS) for asset in held - {"USDT"}]
    for symbol, pair in portfolio.pairs.items():
        found.append(TradingRules(symbol, pair.base.asset, pair.quote.asset, EIGHT_DECIMALS, EIGHT_DECIMALS))
    return TradingRulesRead({market.symbol: market for market in found}, frozenset(held), at)


def execute_order(portfolio: SimulatedPortfolio, order: Order, position: ScopePosition) -> SimulatedPortfolio:
    """The portfolio once `order` is done; `standing` is its own scope's as it was before."""
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
    """The portfolio after everything held in the scope was sold, without any fee, and what is owed repaid with it."""
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
    """What is held and what is owed: of cross in USDT, of a pair in its quote asset."""
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
    """The cross account. Haircuts are not known here: the collateral level is the level."""
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

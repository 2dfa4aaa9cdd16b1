"""The value of margin accounts at current index prices, and their distance from liquidation."""

from dataclasses import dataclass
from decimal import Decimal

from monitor.sandbox.amounts import ONE, ZERO
from monitor.sandbox.ledger.accounts import SimAccount, SimMarginAccount
from monitor.sandbox.ledger.ledger import SimBalance
from monitor.sandbox.ledger.margin_levels import (
    IsolatedStatus,
    SimLiquidationSide,
    collateral_value,
    isolated_status,
    liquidation_price,
    margin_level,
)
from monitor.sandbox.market.listings import Listings, SimIsolatedTier
from monitor.sandbox.market.prices import CurrentPrices
from monitor.sandbox.scenario.scenario import SimThresholds


@dataclass(frozen=True, slots=True)
class MarginValuation:
    """Values in USDT, levels unrounded; a level is None when nothing is owed."""

    assets: Decimal
    liabilities: Decimal
    interest: Decimal
    collateral: Decimal
    level: Decimal | None
    collateral_level: Decimal | None
    thresholds: SimThresholds
    tier: SimIsolatedTier | None = None
    status: IsolatedStatus | None = None
    index_price: Decimal | None = None
    liquidation: tuple[Decimal, SimLiquidationSide] | None = None

    @property
    def equity(self) -> Decimal:
        """Assets minus liabilities."""
        return self.assets - self.liabilities


class Valuer:
    """Values margin accounts at the prices of one `CurrentPrices`."""

    def __init__(self, prices: CurrentPrices, catalogue: Listings) -> None:
        self._prices = prices
        self._listings = catalogue

    def value_account(self, account: SimAccount, margin: SimMarginAccount) -> MarginValuation:
        """The present values of a margin account."""
        if margin.symbol is None:
            return self._cross(account, margin)
        return self._isolated(margin, margin.symbol)

    def level(self, margin: SimMarginAccount) -> Decimal | None:
        """The level alone, unrounded: the one that liquidation uses."""
        if margin.symbol is None:
            assets, liabilities, _ = self._totals(margin)
            return margin_level(assets, liabilities)
        pair = self._listings.pairs[margin.symbol]
        base, quote = margin.wallet.get(pair.base), margin.wallet.get(pair.quote)
        price = self._prices.index(margin.symbol) or ZERO
        return margin_level(base.held * price + quote.held, base.owed * price + quote.owed)

    def thresholds(self, account: SimAccount, margin: SimMarginAccount) -> SimThresholds:
        """The thresholds that apply to a margin account now."""
        if margin.symbol is None:
            return account.thresholds
        pair = self._listings.pairs[margin.symbol]
        wallet = margin.wallet
        return _tier_thresholds(self._listings.tier_for(margin.symbol, wallet.owed(pair.base), wallet.owed(pair.quote)))

    def cross_liquidation_price(self, account: SimAccount, asset: str) -> tuple[Decimal, SimLiquidationSide] | None:
        """The price of `asset` in USDT at which the cross account is liquidated, others fixed."""
        assets, liabilities, _ = self._totals(account.cross)
        balance, price = account.cross.wallet.get(asset), self._prices.usdt_price(asset)
        return liquidation_price(
            account.thresholds.liquidation,
            assets - balance.held * price,
            liabilities - balance.owed * price,
            balance.held,
            balance.owed,
        )

    def _totals(self, margin: SimMarginAccount) -> tuple[Decimal, Decimal, Decimal]:
        assets = liabilities = interest = ZERO
        for asset, balance in margin.wallet.balances.items():
            if balance.held or balance.owed:
                price = self._prices.usdt_price(asset)
                assets += balance.held * price
                liabilities += balance.owed * price
                interest += balance.interest * price
        return assets, liabilities, interest

    def _cross(self, account: SimAccount, margin: SimMarginAccount) -> MarginValuation:
        assets, liabilities, interest = self._totals(margin)
        collateral = ZERO
        for asset, balance in margin.wallet.balances.items():
            tiers = self._listings.collateral.get(asset)
            if balance.held and tiers is not None:
                collateral += collateral_value(balance.held * self._prices.usdt_price(asset), tiers)
        return MarginValuation(
            assets=assets,
            liabilities=liabilities,
            interest=interest,
            collateral=collateral,
            level=margin_level(assets, liabilities),
            collateral_level=margin_level(collateral, liabilities),
            thresholds=account.thresholds,
        )

    def _isolated(self, margin: SimMarginAccount, symbol: str) -> MarginValuation:
        pair = self._listings.pairs[symbol]
        base, quote = margin.wallet.get(pair.base), margin.wallet.get(pair.quote)
        price = self._prices.index(symbol) or ZERO
        in_usdt = ONE if pair.quote == "USDT" else self._prices.usdt_price(pair.quote)
        assets, liabilities = base.held * price + quote.held, base.owed * price + quote.owed
        tier = self._listings.tier_for(symbol, base.owed, quote.owed)
        current = margin_level(assets, liabilities)
        return MarginValuation(
            assets=assets * in_usdt,
            liabilities=liabilities * in_usdt,
            interest=(base.interest * price + quote.interest) * in_usdt,
            collateral=assets * in_usdt,
            level=current,
            collateral_level=current,
            thresholds=_tier_thresholds(tier),
            tier=tier,
            status=isolated_status(current, margin_call=tier.margin_call_ratio, liquidation=tier.liquidation_ratio),
            index_price=price,
            liquidation=_pair_liquidation(tier.liquidation_ratio, base, quote),
        )


def _tier_thresholds(tier: SimIsolatedTier) -> SimThresholds:
    return SimThresholds(tier.initial_ratio, tier.margin_call_ratio, tier.liquidation_ratio)


def _pair_liquidation(ratio: Decimal, base: SimBalance, quote: SimBalance) -> tuple[Decimal, SimLiquidationSide] | None:
    if not base.owed and not quote.owed:
        return None
    return liquidation_price(ratio, quote.held, quote.owed, base.held, base.owed)

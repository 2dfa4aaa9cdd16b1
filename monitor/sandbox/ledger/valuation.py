"""What a margin account is worth at the present index prices, and how near liquidation it stands."""

from dataclasses import dataclass
from decimal import Decimal

from monitor.sandbox.amounts import ONE, ZERO
from monitor.sandbox.ledger.accounts import Account, Margin
from monitor.sandbox.ledger.ledger import Balance
from monitor.sandbox.ledger.margin_levels import (
    Danger,
    Status,
    collateral_value,
    isolated_status,
    level,
    liquidation_price,
)
from monitor.sandbox.market.listings import Catalogue, Tier
from monitor.sandbox.market.prices import PriceBook
from monitor.sandbox.scenario.scenario import Bars


@dataclass(frozen=True, slots=True)
class Standing:
    """Values in USDT, levels unrounded; a level is None when nothing is owed."""

    assets: Decimal
    liabilities: Decimal
    interest: Decimal
    collateral: Decimal
    level: Decimal | None
    collateral_level: Decimal | None
    bars: Bars
    tier: Tier | None = None
    status: Status | None = None
    index_price: Decimal | None = None
    liquidation: tuple[Decimal, Danger] | None = None

    @property
    def equity(self) -> Decimal:
        """Assets minus liabilities."""
        return self.assets - self.liabilities


class Valuer:
    """Values margin accounts with one book of prices."""

    def __init__(self, prices: PriceBook, catalogue: Catalogue) -> None:
        self._prices = prices
        self._catalogue = catalogue

    def standing(self, account: Account, margin: Margin) -> Standing:
        """Where a margin account stands now."""
        if margin.symbol is None:
            return self._cross(account, margin)
        return self._isolated(margin, margin.symbol)

    def level(self, margin: Margin) -> Decimal | None:
        """The level alone, unrounded: what liquidation goes by."""
        if margin.symbol is None:
            assets, liabilities, _ = self._totals(margin)
            return level(assets, liabilities)
        pair = self._catalogue.pairs[margin.symbol]
        base, quote = margin.wallet.get(pair.base), margin.wallet.get(pair.quote)
        price = self._prices.index(margin.symbol) or ZERO
        return level(base.held * price + quote.held, base.owed * price + quote.owed)

    def bars(self, account: Account, margin: Margin) -> Bars:
        """The levels at which a margin account is judged now."""
        if margin.symbol is None:
            return account.bars
        pair = self._catalogue.pairs[margin.symbol]
        wallet = margin.wallet
        return _tier_bars(self._catalogue.tier_for(margin.symbol, wallet.owed(pair.base), wallet.owed(pair.quote)))

    def cross_liquidation_price(self, account: Account, asset: str) -> tuple[Decimal, Danger] | None:
        """The price of `asset` in USDT at which the cross account is liquidated, others fixed."""
        assets, liabilities, _ = self._totals(account.cross)
        balance, price = account.cross.wallet.get(asset), self._prices.usdt(asset)
        return liquidation_price(
            account.bars.liquidation,
            assets - balance.held * price,
            liabilities - balance.owed * price,
            balance.held,
            balance.owed,
        )

    def _totals(self, margin: Margin) -> tuple[Decimal, Decimal, Decimal]:
        assets = liabilities = interest = ZERO
        for asset, balance in margin.wallet.balances.items():
            if balance.held or balance.owed:
                price = self._prices.usdt(asset)
                assets += balance.held * price
                liabilities += balance.owed * price
                interest += balance.interest * price
        return assets, liabilities, interest

    def _cross(self, account: Account, margin: Margin) -> Standing:
        assets, liabilities, interest = self._totals(margin)
        collateral = ZERO
        for asset, balance in margin.wallet.balances.items():
            tiers = self._catalogue.collateral.get(asset)
            if balance.held and tiers is not None:
                collateral += collateral_value(balance.held * self._prices.usdt(asset), tiers)
        return Standing(
            assets=assets,
            liabilities=liabilities,
            interest=interest,
            collateral=collateral,
            level=level(assets, liabilities),
            collateral_level=level(collateral, liabilities),
            bars=account.bars,
        )

    def _isolated(self, margin: Margin, symbol: str) -> Standing:
        pair = self._catalogue.pairs[symbol]
        base, quote = margin.wallet.get(pair.base), margin.wallet.get(pair.quote)
        price = self._prices.index(symbol) or ZERO
        in_usdt = ONE if pair.quote == "USDT" else self._prices.usdt(pair.quote)
        assets, liabilities = base.held * price + quote.held, base.owed * price + quote.owed
        tier = self._catalogue.tier_for(symbol, base.owed, quote.owed)
        current = level(assets, liabilities)
        return Standing(
            assets=assets * in_usdt,
            liabilities=liabilities * in_usdt,
            interest=(base.interest * price + quote.interest) * in_usdt,
            collateral=assets * in_usdt,
            level=current,
            collateral_level=current,
            bars=_tier_bars(tier),
            tier=tier,
            status=isolated_status(current, margin_call=tier.margin_call_ratio, liquidation=tier.liquidation_ratio),
            index_price=price,
            liquidation=_pair_liquidation(tier.liquidation_ratio, base, quote),
        )


def _tier_bars(tier: Tier) -> Bars:
    return Bars(tier.initial_ratio, tier.margin_call_ratio, tier.liquidation_ratio)


def _pair_liquidation(ratio: Decimal, base: Balance, quote: Balance) -> tuple[Decimal, Danger] | None:
    if not base.owed and not quote.owed:
        return None
    return liquidation_price(ratio, quote.held, quote.owed, base.held, base.owed)

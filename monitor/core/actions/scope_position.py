"""Position of one scope of one account, valued: the input by which actions are proposed, sized and limited."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal, assert_never

from monitor.core.margin.collateral_ratios import TRANSFER_OUT_LEVEL
from monitor.core.margin.levels import margin_level
from monitor.core.metrics.collateral import marginal_ratios, worthless_collateral
from monitor.core.metrics.delisting import assets_to_be_delisted
from monitor.core.metrics.valuation import usdt_price
from monitor.core.model.account import CROSS, Balance, KeyPermissions, Scope
from monitor.core.model.metric_values import MetricValues
from monitor.core.model.order import CancelOrders, Order, Reduce, Repay, Transfer
from monitor.core.model.symbols import OpenOrder, SymbolRulebook
from monitor.core.numbers.amounts import ZERO
from monitor.core.state.account_state import AccountState
from monitor.core.state.record_coverage import PricedMovement, RecordCoverage, price_movements

SourceWallet = Literal["spot", "funding", "cross"]

TRADING_FEE = Decimal("0.001")
"""Fee of a trade as a share of its value, without any discount."""

LEVEL_STEP = Decimal("1E-8")
"""Step to which the exchange rounds margin levels."""


@dataclass(frozen=True, slots=True)
class AssetPosition:
    """One asset of the scope: its balance, its USDT price, and the interest rate an hour last paid on it."""

    balance: Balance
    price: Decimal
    hourly_rate: Decimal = ZERO
    min_repay: Decimal = ZERO
    """Least amount that the exchange accepts as a partial repayment; zero while it is not known."""

    @property
    def next_interest(self) -> Decimal:
        """Interest that the next full hour adds to the debt; zero if the rate is not known."""
        return self.balance.borrowed * self.hourly_rate

    @property
    def sellable(self) -> Decimal:
        """Amount that may be sold without a negative net balance of the asset: never more than is free."""
        return max(ZERO, min(self.balance.free, self.balance.net))

    @property
    def shortfall(self) -> Decimal:
        """Debt beyond the amount held."""
        return max(ZERO, -self.balance.net)


@dataclass(frozen=True, slots=True)
class ScopePosition:
    """One scope as an action sees it. Values are in USDT.

    `assets` is the value held by the exchange's own level (level × liabilities), so sizes aim at the exchange's level,
    not at our valuation. `external` are the free amounts in other wallets, by wallet and asset; a wallet that was never
    read is missing.
    """

    account: str
    scope: Scope
    as_of: datetime
    assets: Decimal
    liabilities: Decimal
    by_asset: Mapping[str, AssetPosition]
    external_prices: Mapping[str, Decimal] = field(default_factory=dict)
    """USDT prices of assets that the scope does not hold but that could be brought in."""
    external: Mapping[SourceWallet, Mapping[str, Decimal]] = field(default_factory=dict)
    external_as_of: Mapping[SourceWallet, datetime] = field(default_factory=dict)
    is_paused: bool = False
    journal_failing: bool = False
    duplicate_account: str = ""
    unidentified_account: str = ""
    uid: int | None = None
    """The exchange's number of the account's user; None while it is not known."""
    key_accepted: bool | None = None
    key: KeyPermissions | None = None
    uses_action_key: bool = False
    """Whether a second key moves money; `action_key` holds the permissions of that key."""
    action_key_accepted: bool | None = None
    action_key: KeyPermissions | None = None
    transfer_in_enabled: bool = True
    cross_transfer_out_enabled: bool = True
    """Whether an amount that is brought to cross may leave it again."""
    repay_enabled: bool = True
    trade_enabled: bool = True
    symbol_rules: SymbolRulebook = field(default_factory=SymbolRulebook)
    last_prices: Mapping[str, Decimal] = field(default_factory=dict)
    """Last prices of symbols, quote per base. A missing one is replaced by the ratio of the assets' USDT prices."""
    open_orders: tuple[OpenOrder, ...] = ()
    """Open orders, as far as they were read."""
    record_coverage: RecordCoverage = field(default_factory=RecordCoverage)
    gap_movements: tuple[PricedMovement, ...] = ()
    """Movements of the last day in gaps of the record."""
    worthless_collateral: frozenset[str] = frozenset()
    """Assets that would not add collateral: no more of them counts, or they leave margin trading."""
    delisting: frozenset[str] = frozenset()
    """Assets to be delisted: no more of them may be brought in than the debt beyond the amount held."""
    terms_unknown: bool = False
    """Whether collateral ratios and delisting schedules were never read."""
    collateral_ratios: Mapping[str, Decimal] = field(default_factory=dict)
    """Share of an asset's value that counts as collateral, where it is known."""

    @property
    def is_key_refused(self) -> bool:
        """Whether the exchange refuses a key that actions need."""
        return self.key_accepted is False or (self.uses_action_key and self.action_key_accepted is False)

    @property
    def action_permissions(self) -> KeyPermissions | None:
        """Permissions of the key that moves money; None while they are not known."""
        return self.action_key if self.uses_action_key else self.key

    @property
    def level(self) -> Decimal:
        return margin_level(self.assets, self.liabilities)

    def price(self, asset: str) -> Decimal | None:
        row = self.by_asset.get(asset)
        return row.price if row is not None else self.external_prices.get(asset)

    def last_price(self, symbol: str) -> Decimal | None:
        """Price of one unit of the symbol's base asset in its quote asset; None if it is not known."""
        if symbol in self.last_prices:
            return self.last_prices[symbol]
        market = self.symbol_rules.by_symbol.get(symbol)
        base, quote = (None, None) if market is None else (self.price(market.base), self.price(market.quote))
        return None if base is None or not quote else base / quote

    def after(self, order: Order) -> "ScopePosition":
        """The position after `order`, at unchanged prices. Raises KeyError for an asset without a price."""
        match order:
            case Repay():
                return self._after_repay(order)
            case Transfer():
                return self._after_transfer(order)
            case Reduce():
                return self._after_trade(order)
            case CancelOrders():
                return self._after_cancel(order)
            case _:
                assert_never(order)

    def _after_repay(self, order: Repay) -> "ScopePosition":
        row = self.by_asset[order.asset]
        balance = row.balance
        interest = min(order.amount, balance.interest)
        left = replace(
            balance,
            free=balance.free - order.amount,
            interest=balance.interest - interest,
            borrowed=balance.borrowed - (order.amount - interest),
        )
        value = order.amount * row.price
        return replace(
            self,
            assets=self.assets - value,
            liabilities=self.liabilities - value if left.owed or len(self._owed_assets()) > 1 else ZERO,
            by_asset={**self.by_asset, order.asset: replace(row, balance=left)},
        )

    def _after_trade(self, order: Reduce) -> "ScopePosition":
        """The position after a trade: the sold amount is gone, and the proceeds repay as far as the asset is owed."""
        price = self.last_price(order.symbol) or order.price
        spent = order.quantity if order.side == "SELL" else order.quantity * price
        proceeds = order.amount * (1 - TRADING_FEE)
        sold, owing = self.by_asset[order.sell_asset], self.by_asset[order.asset]
        rows = {
            **self.by_asset,
            order.sell_asset: replace(sold, balance=replace(sold.balance, free=sold.balance.free - spent)),
            order.asset: replace(owing, balance=replace(owing.balance, free=owing.balance.free + proceeds)),
        }
        assets = self.assets - spent * sold.price + proceeds * owing.price
        repaid = Repay(order.scope, order.asset, min(proceeds, owing.balance.owed))
        return replace(self, assets=assets, by_asset=rows)._after_repay(repaid)

    def _after_cancel(self, order: CancelOrders) -> "ScopePosition":
        row = self.by_asset.get(order.unlocks)
        if row is None:
            return self
        free = replace(row.balance, free=row.balance.free + row.balance.locked, locked=ZERO)
        open_orders = tuple(open_order for open_order in self.open_orders if open_order.symbol != order.symbol)
        return replace(
            self, by_asset={**self.by_asset, order.unlocks: replace(row, balance=free)}, open_orders=open_orders
        )

    def _after_transfer(self, order: Transfer) -> "ScopePosition":
        source = dict(self.external.get(order.source, {}))
        source[order.asset] = source.get(order.asset, ZERO) - order.amount
        outside = {**self.external, order.source: source}
        if order.scope != self.scope:
            cross = dict(outside.get("cross", {}))
            cross[order.asset] = cross.get(order.asset, ZERO) + order.amount
            return replace(self, external={**outside, "cross": cross})
        price = self.price(order.asset)
        if price is None:
            raise KeyError(order.asset)
        row = self.by_asset.get(order.asset, AssetPosition(Balance(order.asset), price))
        balance = replace(row.balance, free=row.balance.free + order.amount)
        return replace(
            self,
            external=outside,
            assets=self.assets + order.amount * price,
            by_asset={**self.by_asset, order.asset: replace(row, balance=balance)},
        )

    def _owed_assets(self) -> tuple[str, ...]:
        return tuple(asset for asset, row in self.by_asset.items() if row.balance.owed)


def build_scope_position(state: AccountState, scope: Scope, metrics: MetricValues) -> ScopePosition | None:
    """Build the position of one scope; None while its level or the value of its debts is not known."""
    level, liabilities = metrics.read("margin_level"), metrics.read("liabilities_usdt")
    if metrics.as_of is None or not isinstance(level, Decimal) or not isinstance(liabilities, Decimal):
        return None
    by_asset = _asset_positions(state, scope, metrics)
    if not level.is_finite() or liabilities <= ZERO:
        assets_value = metrics.read("assets_usdt")
        assets, liabilities = assets_value if isinstance(assets_value, Decimal) else ZERO, ZERO
    else:
        # The exchange may have rounded the level up, and sizes would fall short: assume half a step less.
        assets = (level - LEVEL_STEP / 2) * liabilities
    held = {asset: row.balance.held * row.price for asset, row in by_asset.items()}
    external: dict[SourceWallet, Mapping[str, Decimal]] = {}
    external_as_of: dict[SourceWallet, datetime] = {}
    for name, wallet in state.wallets.items():
        source: SourceWallet = "spot" if name == "spot" else "funding"
        external[source], external_as_of[source] = wallet.free, wallet.as_of
    if state.cross is not None:
        external["cross"] = {asset: balance.free for asset, balance in state.cross.balances.items()}
        external_as_of["cross"] = state.cross.as_of
    return ScopePosition(
        account=state.account,
        scope=scope,
        as_of=metrics.as_of,
        assets=assets,
        liabilities=liabilities,
        by_asset=by_asset,
        external_prices=_external_prices(state, scope, external, by_asset),
        external=external,
        external_as_of=external_as_of,
        is_paused=state.is_paused,
        record_coverage=state.record_coverage,
        gap_movements=price_movements(state.record_coverage.gap_movements, state.prices.newest),
        journal_failing=state.health.store_failing,
        duplicate_account=state.health.duplicate_account,
        unidentified_account=state.health.unidentified_account,
        uid=state.uid,
        key_accepted=state.keys.is_accepted,
        key=state.keys.permissions,
        action_key_accepted=state.keys.is_action_key_accepted,
        action_key=state.keys.action_permissions,
        transfer_in_enabled=_transfer_in_enabled(state, scope),
        cross_transfer_out_enabled=_cross_transfer_out_enabled(state),
        repay_enabled=scope == CROSS or _pair_enabled(state, scope),
        trade_enabled=_trade_enabled(state, scope),
        symbol_rules=state.reference.trading_rules,
        last_prices=_last_prices(state),
        open_orders=_open_orders(state, scope),
        worthless_collateral=worthless_collateral(state, scope, held),
        delisting=assets_to_be_delisted(state, scope, by_asset),
        terms_unknown=_terms_unknown(state, scope),
        collateral_ratios=marginal_ratios(state, scope, held),
    )


def _asset_positions(state: AccountState, scope: Scope, metrics: MetricValues) -> dict[str, AssetPosition]:
    prices = {holding.balance.asset: holding.price for holding in metrics.holdings}
    pair = state.polled_pair(scope.symbol)
    index = metrics.read("index_price")
    if pair is not None and isinstance(index, Decimal):
        # The level of a pair follows its index price, not the last trade of the base asset.
        quote = prices[pair.quote.asset]
        prices[pair.base.asset] = index * quote if quote is not None else None
    by_asset: dict[str, AssetPosition] = {}
    for holding in metrics.holdings:
        asset = holding.balance.asset
        price, min_repay = prices[asset], state.reference.min_repay.get(asset, ZERO)
        if price is not None:
            by_asset[asset] = AssetPosition(holding.balance, price, holding.hourly_rate or ZERO, min_repay)
    return by_asset


def _external_prices(
    state: AccountState,
    scope: Scope,
    external: Mapping[SourceWallet, Mapping[str, Decimal]],
    by_asset: Mapping[str, AssetPosition],
) -> dict[str, Decimal]:
    if scope != CROSS:
        return {}
    found: dict[str, Decimal] = {}
    for wallet in external.values():
        for asset in wallet:
            price = None if asset in by_asset else usdt_price(asset, state.prices.newest)
            if price is not None:
                found[asset] = price
    return found


def _transfer_in_enabled(state: AccountState, scope: Scope) -> bool:
    return _pair_enabled(state, scope) if scope != CROSS else bool(state.cross and state.cross.transfer_in_enabled)


def _cross_transfer_out_enabled(state: AccountState) -> bool:
    """Return whether cross allows transfers out: below a collateral level of 2 the exchange refuses them."""
    cross = state.cross
    return cross is not None and cross.transfer_out_enabled and cross.collateral_margin_level > TRANSFER_OUT_LEVEL


def _trade_enabled(state: AccountState, scope: Scope) -> bool:
    if scope == CROSS:
        return state.cross is not None and state.cross.trade_enabled
    pair = state.polled_pair(scope.symbol)
    return _pair_enabled(state, scope) and pair is not None and pair.trade_enabled


def _last_prices(state: AccountState) -> dict[str, Decimal]:
    """Last prices of the symbols whose trading rules are known."""
    return {
        symbol: state.prices.newest[symbol].value
        for symbol in state.reference.trading_rules.by_symbol
        if symbol in state.prices.newest
    }


def _open_orders(state: AccountState, scope: Scope) -> tuple[OpenOrder, ...]:
    """Open orders of the last read, without those whose end a stream has reported since."""
    known = state.activity.orders.get(scope)
    if known is None:
        return ()
    return tuple(order for order in state.activity.open_orders.get(scope, ()) if order.order_id in known.order_ids)


def _terms_unknown(state: AccountState, scope: Scope) -> bool:
    known = state.reference
    is_unread = known.schedules is None or (scope == CROSS and known.collateral is None)
    return is_unread and not known.terms_assumed


def _pair_enabled(state: AccountState, scope: Scope) -> bool:
    pair = state.polled_pair(scope.symbol)
    return pair is not None and pair.created and pair.enabled

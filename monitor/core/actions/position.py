"""What those who propose, size and limit an action may look at: one scope of one account, valued."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal, assert_never

from monitor.core.margin.collateral_ratios import TRANSFER_OUT_LEVEL, marginal_ratio
from monitor.core.margin.levels import margin_level
from monitor.core.metrics.delisting import leaving
from monitor.core.metrics.valuation import price_of
from monitor.core.model.account import CROSS, Balance, KeyPermissions, Scope
from monitor.core.model.metric_values import Figures
from monitor.core.model.order import CancelOrders, Order, Reduce, Repay, Transfer
from monitor.core.model.symbols import Markets, Resting
from monitor.core.numbers.amounts import ZERO
from monitor.core.state.account_state import AccountState
from monitor.core.state.record_coverage import OwnRecord, Priced, priced

Place = Literal["spot", "funding", "cross"]

FEE = Decimal("0.001")
"""What a trade costs where nothing lowers it."""

LEVEL_STEP = Decimal("1E-8")
"""The exchange tells levels rounded to this."""


@dataclass(frozen=True, slots=True)
class Row:
    """One asset of the scope: its balance, its USDT price, and the interest rate an hour last paid on it."""

    balance: Balance
    price: Decimal
    hourly_rate: Decimal = ZERO
    min_repay: Decimal = ZERO
    """The least that the exchange takes as a repayment of a part; zero while that is not known."""

    @property
    def next_interest(self) -> Decimal:
        """What the next full hour adds to the debt, as far as the rate is known."""
        return self.balance.borrowed * self.hourly_rate

    @property
    def spare(self) -> Decimal:
        """What may be given for something else without owing more of it than is held: never more than is free."""
        return max(ZERO, min(self.balance.free, self.balance.net))

    @property
    def lacking(self) -> Decimal:
        """What is owed of it beyond what is held."""
        return max(ZERO, -self.balance.net)


@dataclass(frozen=True, slots=True)
class Standing:
    """One scope as an action finds it. Values are in USDT.

    `assets` is what the exchange's own level says is held (level × liabilities), so sizes aim at its level, not at
    our valuation. `outside` is what is free elsewhere, by place and asset; a place that was never read is missing.
    """

    account: str
    scope: Scope
    as_of: datetime
    assets: Decimal
    liabilities: Decimal
    rows: Mapping[str, Row]
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    """USDT prices of assets that the scope does not hold but that could be brought in."""
    outside: Mapping[Place, Mapping[str, Decimal]] = field(default_factory=dict)
    outside_as_of: Mapping[Place, datetime] = field(default_factory=dict)
    paused: bool = False
    journal_failing: bool = False
    twin: str = ""
    unidentified: str = ""
    uid: int | None = None
    """The exchange's number of the user whose account it is."""
    key_accepted: bool | None = None
    key: KeyPermissions | None = None
    acts_with_own_key: bool = False
    """Whether a second key moves money; `action_key` is what that one may do."""
    action_key_accepted: bool | None = None
    action_key: KeyPermissions | None = None
    transfer_in_enabled: bool = True
    cross_lets_out: bool = True
    """Whether what is brought to cross may leave it again."""
    repay_enabled: bool = True
    trade_enabled: bool = True
    markets: Markets = field(default_factory=Markets)
    traded: Mapping[str, Decimal] = field(default_factory=dict)
    """The last price of symbols, quote per base; where there is none, that which values the assets stands for it."""
    resting: tuple[Resting, ...] = ()
    """What is open, as far as it was read."""
    record: OwnRecord = field(default_factory=OwnRecord)
    found: tuple[Priced, ...] = ()
    """What moved in gaps of the record of the last day."""
    uncounted: frozenset[str] = frozenset()
    """Assets of which the exchange counts nothing more, or that leave margin trading."""
    leaving: frozenset[str] = frozenset()
    """Assets that are to be delisted: no more of them may be brought in than is owed beyond what is held."""
    terms_unread: bool = False
    """Whether it was never read what the exchange counts and what leaves margin trading."""
    counted: Mapping[str, Decimal] = field(default_factory=dict)
    """The share of its value that an asset counts for as collateral, where that is known."""

    @property
    def refuses_key(self) -> bool:
        """Whether the exchange refuses a key that is needed to act."""
        return self.key_accepted is False or (self.acts_with_own_key and self.action_key_accepted is False)

    @property
    def acting_key(self) -> KeyPermissions | None:
        """What the key that moves money may do; None while it is not known."""
        return self.action_key if self.acts_with_own_key else self.key

    @property
    def level(self) -> Decimal:
        return margin_level(self.assets, self.liabilities)

    def price(self, asset: str) -> Decimal | None:
        row = self.rows.get(asset)
        return row.price if row is not None else self.prices.get(asset)

    def last_price(self, symbol: str) -> Decimal | None:
        """What one unit of the symbol's base costs in its quote."""
        if symbol in self.traded:
            return self.traded[symbol]
        market = self.markets.by_symbol.get(symbol)
        base, quote = (None, None) if market is None else (self.price(market.base), self.price(market.quote))
        return None if base is None or not quote else base / quote

    def after(self, order: Order) -> "Standing":
        """The standing once `order` is done, all prices unchanged. Raises KeyError for an asset without a price."""
        match order:
            case Repay():
                return self._repaid(order)
            case Transfer():
                return self._brought_in(order)
            case Reduce():
                return self._traded(order)
            case CancelOrders():
                return self._freed(order)
            case _:
                assert_never(order)

    def _repaid(self, order: Repay) -> "Standing":
        row = self.rows[order.asset]
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
            liabilities=self.liabilities - value if left.owed or len(self._debts()) > 1 else ZERO,
            rows={**self.rows, order.asset: replace(row, balance=left)},
        )

    def _traded(self, order: Reduce) -> "Standing":
        """What is sold is gone, and what came in repays as far as that is owed."""
        price = self.last_price(order.symbol) or order.price
        given = order.quantity if order.side == "SELL" else order.quantity * price
        brought = order.amount * (1 - FEE)
        sold, owing = self.rows[order.sells], self.rows[order.asset]
        rows = {
            **self.rows,
            order.sells: replace(sold, balance=replace(sold.balance, free=sold.balance.free - given)),
            order.asset: replace(owing, balance=replace(owing.balance, free=owing.balance.free + brought)),
        }
        assets = self.assets - given * sold.price + brought * owing.price
        repaid = Repay(order.scope, order.asset, min(brought, owing.balance.owed))
        return replace(self, assets=assets, rows=rows)._repaid(repaid)

    def _freed(self, order: CancelOrders) -> "Standing":
        row = self.rows.get(order.frees)
        if row is None:
            return self
        free = replace(row.balance, free=row.balance.free + row.balance.locked, locked=ZERO)
        left = tuple(one for one in self.resting if one.symbol != order.symbol)
        return replace(self, rows={**self.rows, order.frees: replace(row, balance=free)}, resting=left)

    def _brought_in(self, order: Transfer) -> "Standing":
        source = dict(self.outside.get(order.source, {}))
        source[order.asset] = source.get(order.asset, ZERO) - order.amount
        outside = {**self.outside, order.source: source}
        if order.scope != self.scope:
            cross = dict(outside.get("cross", {}))
            cross[order.asset] = cross.get(order.asset, ZERO) + order.amount
            return replace(self, outside={**outside, "cross": cross})
        price = self.price(order.asset)
        if price is None:
            raise KeyError(order.asset)
        row = self.rows.get(order.asset, Row(Balance(order.asset), price))
        balance = replace(row.balance, free=row.balance.free + order.amount)
        return replace(
            self,
            outside=outside,
            assets=self.assets + order.amount * price,
            rows={**self.rows, order.asset: replace(row, balance=balance)},
        )

    def _debts(self) -> tuple[str, ...]:
        return tuple(asset for asset, row in self.rows.items() if row.balance.owed)


def standing_of(state: AccountState, scope: Scope, figures: Figures) -> Standing | None:
    """The standing of one scope; None while its level or the value of its debts is not known."""
    level, liabilities = figures.read("margin_level"), figures.read("liabilities_usdt")
    if figures.as_of is None or not isinstance(level, Decimal) or not isinstance(liabilities, Decimal):
        return None
    rows = _rows(state, scope, figures)
    if not level.is_finite() or liabilities <= ZERO:
        held = figures.read("assets_usdt")
        assets, liabilities = held if isinstance(held, Decimal) else ZERO, ZERO
    else:
        # What was rounded up would be missing at the end: the level is taken for half a step lower.
        assets = (level - LEVEL_STEP / 2) * liabilities
    outside: dict[Place, Mapping[str, Decimal]] = {}
    outside_as_of: dict[Place, datetime] = {}
    for name, wallet in state.wallets.items():
        place: Place = "spot" if name == "spot" else "funding"
        outside[place], outside_as_of[place] = wallet.free, wallet.as_of
    if state.cross is not None:
        outside["cross"] = {asset: balance.free for asset, balance in state.cross.balances.items()}
        outside_as_of["cross"] = state.cross.as_of
    return Standing(
        account=state.account,
        scope=scope,
        as_of=figures.as_of,
        assets=assets,
        liabilities=liabilities,
        rows=rows,
        prices=_other_prices(state, scope, outside, rows),
        outside=outside,
        outside_as_of=outside_as_of,
        paused=state.is_paused,
        record=state.record,
        found=priced(state.record.found, state.prices),
        journal_failing=state.health.store_failing,
        twin=state.health.twin,
        unidentified=state.health.unidentified,
        uid=state.uid,
        key_accepted=state.key_accepted,
        key=state.key,
        action_key_accepted=state.action_key_accepted,
        action_key=state.action_key,
        transfer_in_enabled=_takes_transfers(state, scope),
        cross_lets_out=_cross_lets_out(state),
        repay_enabled=scope == CROSS or _pair_enabled(state, scope),
        trade_enabled=_trades(state, scope),
        markets=state.followed.markets,
        traded=_last_prices(state),
        resting=_resting(state, scope),
        uncounted=_uncounted(state, scope, rows),
        leaving=leaving(state, scope, rows),
        terms_unread=_terms_unread(state, scope),
        counted=_counted(state, scope, rows),
    )


def _rows(state: AccountState, scope: Scope, figures: Figures) -> dict[str, Row]:
    prices = {holding.balance.asset: holding.price for holding in figures.holdings}
    pair = state.isolated.pairs.get(scope.symbol) if state.isolated is not None else None
    index = figures.read("index_price")
    if pair is not None and isinstance(index, Decimal):
        # The level of a pair follows its index price, not the last trade of the base asset.
        quote = prices[pair.quote.asset]
        prices[pair.base.asset] = index * quote if quote is not None else None
    rows: dict[str, Row] = {}
    for holding in figures.holdings:
        asset = holding.balance.asset
        price, least = prices[asset], state.followed.min_repay.get(asset, ZERO)
        if price is not None:
            rows[asset] = Row(holding.balance, price, holding.hourly_rate or ZERO, least)
    return rows


def _other_prices(
    state: AccountState, scope: Scope, outside: Mapping[Place, Mapping[str, Decimal]], rows: Mapping[str, Row]
) -> dict[str, Decimal]:
    if scope != CROSS:
        return {}
    found: dict[str, Decimal] = {}
    for wallet in outside.values():
        for asset in wallet:
            price = None if asset in rows else price_of(asset, state.prices)
            if price is not None:
                found[asset] = price
    return found


def _takes_transfers(state: AccountState, scope: Scope) -> bool:
    if scope == CROSS:
        return state.cross is not None and state.cross.transfer_in_enabled
    return _pair_enabled(state, scope)


def _cross_lets_out(state: AccountState) -> bool:
    """Whether cross allows transfers out: below a collateral level of 2 the exchange refuses them."""
    cross = state.cross
    return cross is not None and cross.transfer_out_enabled and cross.collateral_margin_level > TRANSFER_OUT_LEVEL


def _trades(state: AccountState, scope: Scope) -> bool:
    if scope == CROSS:
        return state.cross is not None and state.cross.trade_enabled
    pair = state.isolated.pairs.get(scope.symbol) if state.isolated is not None else None
    return _pair_enabled(state, scope) and pair is not None and pair.trade_enabled


def _last_prices(state: AccountState) -> dict[str, Decimal]:
    """Of the symbols whose rules are known."""
    return {symbol: state.prices[symbol].value for symbol in state.followed.markets.by_symbol if symbol in state.prices}


def _resting(state: AccountState, scope: Scope) -> tuple[Resting, ...]:
    """What was open when that was last read, without what a stream has told the end of since."""
    known = state.followed.orders.get(scope)
    if known is None:
        return ()
    return tuple(one for one in state.followed.resting.get(scope, ()) if one.number in known.numbers)


def _terms_unread(state: AccountState, scope: Scope) -> bool:
    known = state.followed
    unread = known.schedules is None or (scope == CROSS and known.collateral is None)
    return unread and not known.terms_given


def _uncounted(state: AccountState, scope: Scope, rows: Mapping[str, Row]) -> frozenset[str]:
    """What would not help as collateral: its share is zero, no more of it is taken, or it is delisted soon.

    A pair counts both of its assets whole for as long as it is not to be delisted itself.
    """
    found = leaving(state, scope, rows)
    if scope != CROSS:
        return found
    if state.followed.schedules is not None:
        found |= state.followed.schedules.restricted.no_more_collateral
    return frozenset(found | {asset for asset, share in _counted(state, scope, rows).items() if not share})


def _counted(state: AccountState, scope: Scope, rows: Mapping[str, Row]) -> dict[str, Decimal]:
    """The share that the next unit counts for, beside what is held already."""
    known = state.followed.collateral
    if scope != CROSS or known is None:
        return {}
    brought = {asset for wallet in state.wallets.values() for asset in wallet.free}
    held = {asset: row.balance.held * row.price for asset, row in rows.items()}
    return {asset: marginal_ratio(held.get(asset, ZERO), known.tiers.get(asset, ())) for asset in brought}


def _pair_enabled(state: AccountState, scope: Scope) -> bool:
    pair = state.isolated.pairs.get(scope.symbol) if state.isolated is not None else None
    return pair is not None and pair.created and pair.enabled

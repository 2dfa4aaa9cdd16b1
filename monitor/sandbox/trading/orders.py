"""Margin orders: limit, market and stops, filled at the spot price as far as the depth allows."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ONE, ZERO, step_down
from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.ledger.accounts import (
    SimAccount,
    SimMarginAccount,
    SimOrder,
    SimOrderList,
    SimPreventedMatch,
    SimTrade,
)
from monitor.sandbox.market.listings import ListedPair
from monitor.sandbox.trading import fills
from monitor.sandbox.trading.order_events import emit_execution_report, emit_list_status
from monitor.sandbox.trading.stop_triggers import STOP_KINDS, check_trigger, is_triggered
from monitor.sandbox.venue import Venue

Side = Literal["BUY", "SELL"]

# On some cross pairs a limit must lie within this share of the index price.
INDEX_BAND = Decimal("0.15")
MARKET_ORDER_KINDS = ("MARKET", "STOP_LOSS", "TAKE_PROFIT")


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order request. `quote_quantity` only for MARKET, `price` only for limits, `stop_price` for stops."""

    pair: ListedPair
    side: Side
    kind: str
    time_in_force: str
    quantity: Decimal
    quote_quantity: Decimal
    price: Decimal
    client_id: str
    side_effect: str
    stop_price: Decimal = ZERO
    trailing_bips: int = 0
    iceberg: Decimal = ZERO
    repays_at_cancel: bool = True
    prevention: str = "EXPIRE_MAKER"


def place_order(
    venue: Venue, account: SimAccount, margin: SimMarginAccount, ticket: OrderRequest
) -> tuple[SimOrder, list[SimTrade]]:
    """Place an order: filled at once as far as possible, then resting, killed or refused. Raises SimApiError."""
    spot = check_order(venue, account, margin, ticket)
    order = build_order(venue, margin, ticket, spot)
    fills.lock_funds(venue, account, margin, order, worst_price(order, spot))
    return order, activate_order(venue, account, margin, order)


def check_order(venue: Venue, account: SimAccount, margin: SimMarginAccount, ticket: OrderRequest) -> Decimal:
    """The spot price, if the order may be placed at it. Raises SimApiError."""
    symbol = ticket.pair.symbol
    spot = venue.prices.spot(symbol)
    if not spot:
        raise SimApiError(-1112, "No orders on book for symbol.")
    if symbol in venue.symbol_status:
        raise SimApiError(-2010, "Market is closed.")
    if any(order.is_open and order.client_id == ticket.client_id for order in account.orders.values()):
        raise SimApiError(-2010, "Duplicate order sent.")
    check_filters(ticket, spot)
    if margin.symbol is None and symbol in venue.scenario.limit_price_pairs:
        _check_index_band(ticket, venue.prices.index(symbol) or spot)
    if ticket.kind == "LIMIT_MAKER" and _crosses(ticket.side, ticket.price, spot):
        raise SimApiError(-2010, "Order would immediately match and take.")
    fixed_stop = ticket.kind in STOP_KINDS and not ticket.trailing_bips
    if fixed_stop and is_triggered(ticket.kind, ticket.side, ticket.stop_price, spot):
        raise SimApiError(-2010, "Order would trigger immediately.")
    return spot


def check_filters(ticket: OrderRequest, spot: Decimal) -> None:
    """Refuse (-1013) an order that violates the pair's steps or minimum value."""
    pair, at_market, quantity = ticket.pair, ticket.kind in MARKET_ORDER_KINDS, _base_quantity(ticket, spot)
    if quantity <= 0 or quantity % pair.step:
        raise SimApiError(-1013, "Filter failure: LOT_SIZE")
    priced = [price for price in (ticket.price, ticket.stop_price) if price] if at_market else [ticket.price]
    if any(price <= 0 or price % pair.tick for price in priced):
        raise SimApiError(-1013, "Filter failure: PRICE_FILTER")
    if quantity * (spot if at_market else ticket.price) < pair.min_notional:
        raise SimApiError(-1013, "Filter failure: NOTIONAL")


def build_order(venue: Venue, margin: SimMarginAccount, ticket: OrderRequest, spot: Decimal) -> SimOrder:
    """The order of a ticket, without any effect yet."""
    return SimOrder(
        order_id=venue.next_order_id(),
        client_id=ticket.client_id,
        symbol=ticket.pair.symbol,
        isolated=margin.symbol is not None,
        side=ticket.side,
        kind=ticket.kind,
        time_in_force=ticket.time_in_force,
        price=ticket.price,
        quantity=_base_quantity(ticket, spot),
        side_effect=ticket.side_effect,
        created_ms=venue.now_ms(),
        updated_ms=venue.now_ms(),
        prevention=ticket.prevention,
        repays_at_cancel=ticket.repays_at_cancel,
        stop_price=ticket.stop_price,
        trailing_bips=ticket.trailing_bips,
        iceberg=ticket.iceberg,
        awaits_trigger=ticket.kind in STOP_KINDS,
    )


def worst_price(order: SimOrder, spot: Decimal) -> Decimal:
    """The price that the funding of an order assumes."""
    return max(order.stop_price, spot) if order.fills_at_market else order.price


def activate_order(venue: Venue, account: SimAccount, margin: SimMarginAccount, order: SimOrder) -> list[SimTrade]:
    """Start a funded order: as much as possible is filled at once. Returns the fills."""
    account.orders[order.order_id] = order
    emit_execution_report(venue, margin, order, "NEW")
    return (
        []
        if order.awaits_trigger or order.is_pending
        else _execute_order(venue, account, margin, order, is_maker=False)
    )


def cancel_order(
    venue: Venue, account: SimAccount, margin: SimMarginAccount, order: SimOrder, *, new_client_id: str
) -> None:
    """Cancel an open order, and with it the rest of its list. Raises SimApiError (-2011) when it is not open."""
    if not order.is_open:
        raise SimApiError(-2011, "Unknown order sent.")
    for cancelled in (order, *_open_siblings(account, order)):
        cancelled.cancelled_as = new_client_id
        fills.close_order(venue, account, margin, cancelled, "CANCELED")
    _report_list(venue, account, margin, order)


def expire_all_orders(venue: Venue, account: SimAccount, margin: SimMarginAccount, *, reason: str) -> None:
    """Expire every open order of a margin account, as the exchange does."""
    for order in list(account.orders.values()):
        if order.is_open and _belongs_to(order, margin):
            fills.close_order(venue, account, margin, order, "EXPIRED", reason=reason)


def match_orders(venue: Venue) -> None:
    """Fill resting orders whose price the market has reached, and trigger stops."""
    for account in venue.accounts.values():
        for order in list(account.orders.values()):
            margin = account.margin(order.symbol if order.isolated else None)
            spot = venue.prices.spot(order.symbol)
            if not order.is_open or order.is_pending or margin is None or not spot:
                continue
            if not order.awaits_trigger:
                _execute_order(venue, account, margin, order, is_maker=True)
            elif check_trigger(order, spot):
                order.awaits_trigger = False
                _cancel_rivals(venue, account, margin, order)
                emit_execution_report(venue, margin, order, "NEW")
                _execute_order(venue, account, margin, order, is_maker=False)


def _execute_order(
    venue: Venue, account: SimAccount, margin: SimMarginAccount, order: SimOrder, *, is_maker: bool
) -> list[SimTrade]:
    spot = venue.prices.spot(order.symbol) or ZERO
    trades = []
    if order.fills_at_market or _crosses(order.side, order.price, spot):
        price = order.price if is_maker else spot
        quantity = _fillable_quantity(venue, order)
        if quantity and fills.can_pay(venue, margin, order, quantity, price):
            _cancel_rivals(venue, account, margin, order)
            trades.append(fills.fill_order(venue, account, margin, order, quantity, price, is_maker=is_maker))
            if order.is_open:
                # The rest waits for the next second's depth.
                venue.dirty = True
    if order.is_open and not is_maker:
        _prevent_own_match(venue, account, margin, order)
    if order.is_open and (order.fills_at_market or order.time_in_force in ("IOC", "FOK")):
        kind = "FOK_ORDER" if order.time_in_force == "FOK" else "IOC_QUANTITY"
        reason = "INSUFFICIENT_LIQUIDITY" if order.fills_at_market else f"UNFILLED_{kind}_EXPIRED"
        fills.close_order(venue, account, margin, order, "EXPIRED", reason=reason)
    _update_list(venue, account, margin, order)
    return trades


def _fillable_quantity(venue: Venue, order: SimOrder) -> Decimal:
    depth = venue.depth(order.symbol)
    if depth is None or depth >= order.remaining:
        return order.remaining
    if order.time_in_force == "FOK":
        return ZERO
    return step_down(max(ZERO, depth), venue.listings.pairs[order.symbol].step)


def _prevent_own_match(venue: Venue, account: SimAccount, margin: SimMarginAccount, order: SimOrder) -> None:
    """Keep the resting part of an order from trading with the user's own orders."""
    for other in list(account.orders.values()):
        opposite = other.is_working and other.symbol == order.symbol and other.side != order.side
        if not opposite or other.fills_at_market or order.prevention == "NONE":
            continue
        if not (order.fills_at_market or _crosses(order.side, order.price, other.price)):
            continue
        account.prevented_matches.append(
            SimPreventedMatch(
                len(account.prevented_matches) + 1, venue.now_ms(), order.symbol, order.isolated, order.order_id,
                other.order_id, order.prevention, other.price, min(order.remaining, other.remaining),
            )
        )  # fmt: skip
        other_margin = account.margin(other.symbol if other.isolated else None)
        if order.prevention != "EXPIRE_TAKER" and other_margin is not None:
            fills.close_order(venue, account, other_margin, other, "EXPIRED_IN_MATCH", execution="TRADE_PREVENTION")
            _update_list(venue, account, other_margin, other)
        if order.prevention != "EXPIRE_MAKER":
            fills.close_order(venue, account, margin, order, "EXPIRED_IN_MATCH", execution="TRADE_PREVENTION")
            return


def _cancel_rivals(venue: Venue, account: SimAccount, margin: SimMarginAccount, order: SimOrder) -> None:
    """Keep one leg of an OCO: the other expires, and its locked funds are locked for this one."""
    rivals = [
        sibling for sibling in _open_siblings(account, order) if _list_of(account, order).working_id != order.order_id
    ]
    for rival in rivals:
        fills.close_order(venue, account, margin, rival, "EXPIRED", reason="OCO_TRIGGER")
    if rivals and not order.locked and not order.fills_at_market:
        fills.lock_funds(venue, account, margin, order, order.price)


def _update_list(venue: Venue, account: SimAccount, margin: SimMarginAccount, order: SimOrder) -> None:
    """Apply the end of an order to the others of its list."""
    if order.list_id < 0 or order.is_open:
        return
    others, is_first = _open_siblings(account, order), _list_of(account, order).working_id == order.order_id
    if order.status == "FILLED" and is_first:
        _activate_pending(venue, account, margin, others)
    else:
        reason = "OTO_PHASE_ONE_EXPIRED" if is_first else "OCO_TRIGGER"
        for other in others:
            fills.close_order(venue, account, margin, other, "EXPIRED", reason=reason)
    _report_list(venue, account, margin, order)


def _activate_pending(venue: Venue, account: SimAccount, margin: SimMarginAccount, pending: list[SimOrder]) -> None:
    """Put orders that waited for a fill on the book; of two, only one may need funds."""
    spot = venue.prices.spot(pending[0].symbol) or ZERO if pending else ZERO
    dearest = max(pending, key=lambda waiting: worst_price(waiting, spot), default=None)
    for order in pending:
        if order.status != "PENDING_NEW":
            continue
        order.status, order.updated_ms = "NEW", venue.now_ms()
        try:
            if order is dearest:
                fills.lock_funds(venue, account, margin, order, worst_price(order, spot))
        except SimApiError:
            for waiting in pending:
                fills.close_order(venue, account, margin, waiting, "REJECTED", reason="REJECTED")
            return
        emit_execution_report(venue, margin, order, "NEW")
    for order in pending:
        if order.is_working:
            _execute_order(venue, account, margin, order, is_maker=False)


def _open_siblings(account: SimAccount, order: SimOrder) -> list[SimOrder]:
    if order.list_id < 0:
        return []
    numbers = _list_of(account, order).order_ids
    return [account.orders[number] for number in numbers if number != order.order_id and account.orders[number].is_open]


def _list_of(account: SimAccount, order: SimOrder) -> SimOrderList:
    return account.order_lists[order.list_id]


def _report_list(venue: Venue, account: SimAccount, margin: SimMarginAccount, order: SimOrder) -> None:
    if order.list_id >= 0:
        emit_list_status(venue, account, margin, _list_of(account, order))


def _base_quantity(ticket: OrderRequest, spot: Decimal) -> Decimal:
    return ticket.quantity or step_down(ticket.quote_quantity / spot, ticket.pair.step)


def _crosses(side: Side, price: Decimal, spot: Decimal) -> bool:
    return spot <= price if side == "BUY" else spot >= price


def _check_index_band(ticket: OrderRequest, index: Decimal) -> None:
    if ticket.kind in MARKET_ORDER_KINDS:
        return
    too_low = ticket.side == "SELL" and ticket.price < index * (ONE - INDEX_BAND)
    too_high = ticket.side == "BUY" and ticket.price > index * (ONE + INDEX_BAND)
    if too_low or too_high:
        raise SimApiError(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")


def _belongs_to(order: SimOrder, margin: SimMarginAccount) -> bool:
    return order.symbol == margin.symbol if order.isolated else margin.symbol is None

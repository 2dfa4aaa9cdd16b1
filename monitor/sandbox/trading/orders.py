"""Margin orders: limit, market and stops, filled at the spot price as far as the depth allows."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.sandbox.amounts import ONE, ZERO, step_down
from monitor.sandbox.api.errors import Refusal
from monitor.sandbox.ledger.accounts import Account, Margin, Order, OrderList, PreventedMatch, Trade
from monitor.sandbox.market.listings import Pair
from monitor.sandbox.trading import fills
from monitor.sandbox.trading.order_events import report, report_list
from monitor.sandbox.trading.stop_triggers import STOPS, goes_off, has_gone_off
from monitor.sandbox.venue import Venue

Side = Literal["BUY", "SELL"]

# On some cross pairs a limit must lie within this share of the index price.
INDEX_BAND = Decimal("0.15")
MARKET_KINDS = ("MARKET", "STOP_LOSS", "TAKE_PROFIT")


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as asked for. `quote_quantity` only for MARKET, `price` only for limits, `stop_price` for stops."""

    pair: Pair
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


def place(venue: Venue, account: Account, margin: Margin, ticket: Ticket) -> tuple[Order, list[Trade]]:
    """Place an order: filled at once as far as it can be, else resting, killed or refused. Raises Refusal."""
    spot = check(venue, account, margin, ticket)
    order = draw_up(venue, margin, ticket, spot)
    fills.fund(venue, account, margin, order, worst_price(order, spot))
    return order, enter(venue, account, margin, order)


def check(venue: Venue, account: Account, margin: Margin, ticket: Ticket) -> Decimal:
    """The spot price, if the order may be placed at it. Raises Refusal."""
    symbol = ticket.pair.symbol
    spot = venue.prices.spot(symbol)
    if not spot:
        raise Refusal(-1112, "No orders on book for symbol.")
    if symbol in venue.halted:
        raise Refusal(-2010, "Market is closed.")
    if any(one.is_open and one.client_id == ticket.client_id for one in account.orders.values()):
        raise Refusal(-2010, "Duplicate order sent.")
    check_filters(ticket, spot)
    if margin.symbol is None and symbol in venue.scenario.limit_price_pairs:
        _check_index_band(ticket, venue.prices.index(symbol) or spot)
    if ticket.kind == "LIMIT_MAKER" and _crosses(ticket.side, ticket.price, spot):
        raise Refusal(-2010, "Order would immediately match and take.")
    fixed_stop = ticket.kind in STOPS and not ticket.trailing_bips
    if fixed_stop and goes_off(ticket.kind, ticket.side, ticket.stop_price, spot):
        raise Refusal(-2010, "Order would trigger immediately.")
    return spot


def check_filters(ticket: Ticket, spot: Decimal) -> None:
    """Refuse (-1013) an order against the pair's steps and least value."""
    pair, at_market, quantity = ticket.pair, ticket.kind in MARKET_KINDS, _quantity(ticket, spot)
    if quantity <= 0 or quantity % pair.step:
        raise Refusal(-1013, "Filter failure: LOT_SIZE")
    priced = [price for price in (ticket.price, ticket.stop_price) if price] if at_market else [ticket.price]
    if any(price <= 0 or price % pair.tick for price in priced):
        raise Refusal(-1013, "Filter failure: PRICE_FILTER")
    if quantity * (spot if at_market else ticket.price) < pair.min_notional:
        raise Refusal(-1013, "Filter failure: NOTIONAL")


def draw_up(venue: Venue, margin: Margin, ticket: Ticket, spot: Decimal) -> Order:
    """The order that a ticket asks for. Nothing has happened yet."""
    return Order(
        order_id=venue.next_order_id(),
        client_id=ticket.client_id,
        symbol=ticket.pair.symbol,
        isolated=margin.symbol is not None,
        side=ticket.side,
        kind=ticket.kind,
        time_in_force=ticket.time_in_force,
        price=ticket.price,
        quantity=_quantity(ticket, spot),
        side_effect=ticket.side_effect,
        created_ms=venue.now_ms(),
        updated_ms=venue.now_ms(),
        prevention=ticket.prevention,
        repays_at_cancel=ticket.repays_at_cancel,
        stop_price=ticket.stop_price,
        trailing_bips=ticket.trailing_bips,
        iceberg=ticket.iceberg,
        waits=ticket.kind in STOPS,
    )


def worst_price(order: Order, spot: Decimal) -> Decimal:
    """The price by which an order is funded."""
    return max(order.stop_price, spot) if order.fills_at_market else order.price


def enter(venue: Venue, account: Account, margin: Margin, order: Order) -> list[Trade]:
    """Let a funded order begin: what can be filled is filled at once. Returns the fills."""
    account.orders[order.order_id] = order
    report(venue, margin, order, "NEW")
    return [] if order.waits or order.is_pending else _execute(venue, account, margin, order, is_maker=False)


def cancel(venue: Venue, account: Account, margin: Margin, order: Order, *, new_client_id: str) -> None:
    """Cancel an open order, and with it the rest of its list. Raises Refusal (-2011) when it is not open."""
    if not order.is_open:
        raise Refusal(-2011, "Unknown order sent.")
    for one in (order, *_others(account, order)):
        one.cancelled_as = new_client_id
        fills.close(venue, account, margin, one, "CANCELED")
    _tell_list(venue, account, margin, order)


def cancel_all(venue: Venue, account: Account, margin: Margin, *, reason: str) -> None:
    """Let the exchange end every open order of a margin account: they expire."""
    for order in list(account.orders.values()):
        if order.is_open and _belongs(order, margin):
            fills.close(venue, account, margin, order, "EXPIRED", reason=reason)


def match(venue: Venue) -> None:
    """Fill resting orders whose price the market has reached, and let stops go off."""
    for account in venue.accounts.values():
        for order in list(account.orders.values()):
            margin = account.margin(order.symbol if order.isolated else None)
            spot = venue.prices.spot(order.symbol)
            if not order.is_open or order.is_pending or margin is None or not spot:
                continue
            if not order.waits:
                _execute(venue, account, margin, order, is_maker=True)
            elif has_gone_off(order, spot):
                order.waits = False
                _lead(venue, account, margin, order)
                report(venue, margin, order, "NEW")
                _execute(venue, account, margin, order, is_maker=False)


def _execute(venue: Venue, account: Account, margin: Margin, order: Order, *, is_maker: bool) -> list[Trade]:
    spot = venue.prices.spot(order.symbol) or ZERO
    trades = []
    if order.fills_at_market or _crosses(order.side, order.price, spot):
        price = order.price if is_maker else spot
        quantity = _fillable(venue, order)
        if quantity and fills.can_pay(venue, margin, order, quantity, price):
            _lead(venue, account, margin, order)
            trades.append(fills.fill(venue, account, margin, order, quantity, price, is_maker=is_maker))
            if order.is_open:
                # The rest waits for the next second's depth.
                venue.restless = True
    if order.is_open and not is_maker:
        _prevent_own_match(venue, account, margin, order)
    if order.is_open and (order.fills_at_market or order.time_in_force in ("IOC", "FOK")):
        kind = "FOK_ORDER" if order.time_in_force == "FOK" else "IOC_QUANTITY"
        reason = "INSUFFICIENT_LIQUIDITY" if order.fills_at_market else f"UNFILLED_{kind}_EXPIRED"
        fills.close(venue, account, margin, order, "EXPIRED", reason=reason)
    _settle_list(venue, account, margin, order)
    return trades


def _fillable(venue: Venue, order: Order) -> Decimal:
    depth = venue.depth(order.symbol)
    if depth is None or depth >= order.rest:
        return order.rest
    if order.time_in_force == "FOK":
        return ZERO
    return step_down(max(ZERO, depth), venue.catalogue.pairs[order.symbol].step)


def _prevent_own_match(venue: Venue, account: Account, margin: Margin, order: Order) -> None:
    """Keep what rests of an order from trading with the user's own resting orders."""
    for other in list(account.orders.values()):
        opposite = other.is_working and other.symbol == order.symbol and other.side != order.side
        if not opposite or other.fills_at_market or order.prevention == "NONE":
            continue
        if not (order.fills_at_market or _crosses(order.side, order.price, other.price)):
            continue
        account.prevented.append(
            PreventedMatch(
                len(account.prevented) + 1, venue.now_ms(), order.symbol, order.isolated, order.order_id,
                other.order_id, order.prevention, other.price, min(order.rest, other.rest),
            )
        )  # fmt: skip
        other_margin = account.margin(other.symbol if other.isolated else None)
        if order.prevention != "EXPIRE_TAKER" and other_margin is not None:
            fills.close(venue, account, other_margin, other, "EXPIRED_IN_MATCH", execution="TRADE_PREVENTION")
            _settle_list(venue, account, other_margin, other)
        if order.prevention != "EXPIRE_MAKER":
            fills.close(venue, account, margin, order, "EXPIRED_IN_MATCH", execution="TRADE_PREVENTION")
            return


def _lead(venue: Venue, account: Account, margin: Margin, order: Order) -> None:
    """Let one leg of an OCO go on alone: the other expires, and what it locked is locked for this one."""
    rivals = [one for one in _others(account, order) if _list_of(account, order).working_id != order.order_id]
    for rival in rivals:
        fills.close(venue, account, margin, rival, "EXPIRED", reason="OCO_TRIGGER")
    if rivals and not order.locked and not order.fills_at_market:
        fills.fund(venue, account, margin, order, order.price)


def _settle_list(venue: Venue, account: Account, margin: Margin, order: Order) -> None:
    """Do what the end of an order means for the others of its list."""
    if order.list_id < 0 or order.is_open:
        return
    others, is_first = _others(account, order), _list_of(account, order).working_id == order.order_id
    if order.status == "FILLED" and is_first:
        _wake(venue, account, margin, others)
    else:
        reason = "OTO_PHASE_ONE_EXPIRED" if is_first else "OCO_TRIGGER"
        for other in others:
            fills.close(venue, account, margin, other, "EXPIRED", reason=reason)
    _tell_list(venue, account, margin, order)


def _wake(venue: Venue, account: Account, margin: Margin, pending: list[Order]) -> None:
    """Put the orders that waited for a fill on the book; of two, only one may need funds."""
    spot = venue.prices.spot(pending[0].symbol) or ZERO if pending else ZERO
    dearest = max(pending, key=lambda one: worst_price(one, spot), default=None)
    for order in pending:
        if order.status != "PENDING_NEW":
            continue
        order.status, order.updated_ms = "NEW", venue.now_ms()
        try:
            if order is dearest:
                fills.fund(venue, account, margin, order, worst_price(order, spot))
        except Refusal:
            for one in pending:
                fills.close(venue, account, margin, one, "REJECTED", reason="REJECTED")
            return
        report(venue, margin, order, "NEW")
    for order in pending:
        if order.is_working:
            _execute(venue, account, margin, order, is_maker=False)


def _others(account: Account, order: Order) -> list[Order]:
    if order.list_id < 0:
        return []
    numbers = _list_of(account, order).order_ids
    return [account.orders[one] for one in numbers if one != order.order_id and account.orders[one].is_open]


def _list_of(account: Account, order: Order) -> OrderList:
    return account.order_lists[order.list_id]


def _tell_list(venue: Venue, account: Account, margin: Margin, order: Order) -> None:
    if order.list_id >= 0:
        report_list(venue, account, margin, _list_of(account, order))


def _quantity(ticket: Ticket, spot: Decimal) -> Decimal:
    return ticket.quantity or step_down(ticket.quote_quantity / spot, ticket.pair.step)


def _crosses(side: Side, price: Decimal, spot: Decimal) -> bool:
    return spot <= price if side == "BUY" else spot >= price


def _check_index_band(ticket: Ticket, index: Decimal) -> None:
    if ticket.kind in MARKET_KINDS:
        return
    too_low = ticket.side == "SELL" and ticket.price < index * (ONE - INDEX_BAND)
    too_high = ticket.side == "BUY" and ticket.price > index * (ONE + INDEX_BAND)
    if too_low or too_high:
        raise Refusal(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")


def _belongs(order: Order, margin: Margin) -> bool:
    return order.symbol == margin.symbol if order.isolated else margin.symbol is None

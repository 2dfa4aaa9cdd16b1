"""Placing orders that are bound to each other: one cancels the other, one triggers one or two others."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from monitor.sandbox.api.errors import Refusal
from monitor.sandbox.ledger.accounts import Account, Margin, Order, OrderList
from monitor.sandbox.trading import fills, orders
from monitor.sandbox.trading.order_events import report_list
from monitor.sandbox.trading.orders import Ticket
from monitor.sandbox.venue import Venue


def place_pair(venue: Venue, account: Account, margin: Margin, client_id: str, legs: Sequence[Ticket]) -> OrderList:
    """Place an OCO of two legs, both at once on the book. Raises Refusal, and then nothing has happened."""
    _check_list(account, client_id, legs)
    spot = min(orders.check(venue, account, margin, leg) for leg in legs)
    drawn = [orders.draw_up(venue, margin, leg, spot) for leg in legs]
    dearest = max(drawn, key=lambda one: orders.worst_price(one, spot))
    fills.fund(venue, account, margin, dearest, orders.worst_price(dearest, spot))
    made = _bind(venue, account, drawn, client_id, "OCO", None)
    report_list(venue, account, margin, made)
    for order in drawn:
        orders.enter(venue, account, margin, order)
    return made


def place_chain(
    venue: Venue, account: Account, margin: Margin, client_id: str, working: Ticket, pending: Sequence[Ticket]
) -> OrderList:
    """Place an OTO or OTOCO: `pending` waits until `working` is filled whole. Raises Refusal."""
    _check_list(account, client_id, [working, *pending])
    spot = orders.check(venue, account, margin, working)
    first = orders.draw_up(venue, margin, working, spot)
    for one in pending:
        orders.check_filters(one, working.price)
    waiting = [orders.draw_up(venue, margin, one, working.price) for one in pending]
    for order in waiting:
        order.status = "PENDING_NEW"
    fills.fund(venue, account, margin, first, orders.worst_price(first, spot))
    made = _bind(venue, account, [first, *waiting], client_id, "OTO", first.order_id)
    report_list(venue, account, margin, made)
    # The first one last: it may be filled at once, and then the others must be there.
    for order in (*waiting, first):
        orders.enter(venue, account, margin, order)
    return made


def find(
    account: Account, *, isolated: bool, symbol: str | None, list_id: int | None, client_id: str | None
) -> OrderList:
    """The newest order list with that number or client id. Refused (-2013) when there is none."""
    for one in reversed(account.order_lists.values()):
        named = one.list_id == list_id if list_id is not None else one.client_id == client_id
        if named and one.isolated == isolated and symbol in (None, one.symbol):
            return one
    raise Refusal(-2013, "Order list does not exist.")


def borrowed(account: Account, one: OrderList) -> tuple[Decimal, str] | None:
    """What the orders of a list borrowed when they were placed, and of which asset."""
    for number in one.order_ids:
        order = account.orders[number]
        if order.borrowed:
            return order.borrowed, order.borrowed_asset
    return None


def _check_list(account: Account, client_id: str, legs: Sequence[Ticket]) -> None:
    open_ids = {
        one.client_id
        for one in account.order_lists.values()
        if any(account.orders[number].is_open for number in one.order_ids)
    }
    names = [leg.client_id for leg in legs]
    taken = {order.client_id for order in account.orders.values() if order.is_open}
    if client_id in open_ids or len(set(names)) < len(names) or taken.intersection(names):
        raise Refusal(-2010, "Duplicate order sent.")


def _bind(
    venue: Venue,
    account: Account,
    drawn: Sequence[Order],
    client_id: str,
    contingency: Literal["OCO", "OTO"],
    working_id: int | None,
) -> OrderList:
    numbers = tuple(order.order_id for order in drawn)
    first = drawn[0]
    made = OrderList(
        venue.next_list_id(), client_id, contingency, first.symbol, first.isolated, numbers, working_id, venue.now_ms()
    )
    account.order_lists[made.list_id] = made
    for order in drawn:
        order.list_id = made.list_id
        account.orders[order.order_id] = order
    return made

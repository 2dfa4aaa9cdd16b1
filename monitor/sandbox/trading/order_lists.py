"""Order lists: one order cancels the other, or triggers one or two others."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.ledger.accounts import SimAccount, SimMarginAccount, SimOrder, SimOrderList
from monitor.sandbox.trading import fills, orders
from monitor.sandbox.trading.order_events import emit_list_status
from monitor.sandbox.trading.orders import OrderRequest
from monitor.sandbox.venue import Venue


def place_pair(
    venue: Venue, account: SimAccount, margin: SimMarginAccount, client_id: str, legs: Sequence[OrderRequest]
) -> SimOrderList:
    """Place an OCO of two legs, both at once on the book. Raises SimApiError without any effect."""
    _check_list(account, client_id, legs)
    spot = min(orders.check_order(venue, account, margin, leg) for leg in legs)
    drawn = [orders.build_order(venue, margin, leg, spot) for leg in legs]
    dearest = max(drawn, key=lambda leg: orders.worst_price(leg, spot))
    fills.lock_funds(venue, account, margin, dearest, orders.worst_price(dearest, spot))
    made = _link_orders(venue, account, drawn, client_id, "OCO", None)
    emit_list_status(venue, account, margin, made)
    for order in drawn:
        orders.activate_order(venue, account, margin, order)
    return made


def place_chain(
    venue: Venue,
    account: SimAccount,
    margin: SimMarginAccount,
    client_id: str,
    working: OrderRequest,
    pending: Sequence[OrderRequest],
) -> SimOrderList:
    """Place an OTO or OTOCO: `pending` waits until `working` is completely filled. Raises SimApiError."""
    _check_list(account, client_id, [working, *pending])
    spot = orders.check_order(venue, account, margin, working)
    first = orders.build_order(venue, margin, working, spot)
    for ticket in pending:
        orders.check_filters(ticket, working.price)
    waiting = [orders.build_order(venue, margin, ticket, working.price) for ticket in pending]
    for order in waiting:
        order.status = "PENDING_NEW"
    fills.lock_funds(venue, account, margin, first, orders.worst_price(first, spot))
    made = _link_orders(venue, account, [first, *waiting], client_id, "OTO", first.order_id)
    emit_list_status(venue, account, margin, made)
    # The working order last: it may be filled at once, and then the pending ones must exist.
    for order in (*waiting, first):
        orders.activate_order(venue, account, margin, order)
    return made


def find_order_list(
    account: SimAccount, *, isolated: bool, symbol: str | None, list_id: int | None, client_id: str | None
) -> SimOrderList:
    """The newest order list with that number or client id. Refused (-2013) when there is none."""
    for order_list in reversed(account.order_lists.values()):
        named = order_list.list_id == list_id if list_id is not None else order_list.client_id == client_id
        if named and order_list.isolated == isolated and symbol in (None, order_list.symbol):
            return order_list
    raise SimApiError(-2013, "Order list does not exist.")


def total_borrowed(account: SimAccount, order_list: SimOrderList) -> tuple[Decimal, str] | None:
    """The amount that the orders of a list borrowed when they were placed, and its asset."""
    for number in order_list.order_ids:
        order = account.orders[number]
        if order.borrowed:
            return order.borrowed, order.borrowed_asset
    return None


def _check_list(account: SimAccount, client_id: str, legs: Sequence[OrderRequest]) -> None:
    open_ids = {
        order_list.client_id
        for order_list in account.order_lists.values()
        if any(account.orders[number].is_open for number in order_list.order_ids)
    }
    names = [leg.client_id for leg in legs]
    taken = {order.client_id for order in account.orders.values() if order.is_open}
    if client_id in open_ids or len(set(names)) < len(names) or taken.intersection(names):
        raise SimApiError(-2010, "Duplicate order sent.")


def _link_orders(
    venue: Venue,
    account: SimAccount,
    drawn: Sequence[SimOrder],
    client_id: str,
    contingency: Literal["OCO", "OTO"],
    working_id: int | None,
) -> SimOrderList:
    numbers = tuple(order.order_id for order in drawn)
    first = drawn[0]
    made = SimOrderList(
        venue.next_list_id(), client_id, contingency, first.symbol, first.isolated, numbers, working_id, venue.now_ms()
    )
    account.order_lists[made.list_id] = made
    for order in drawn:
        order.list_id = made.list_id
        account.orders[order.order_id] = order
    return made

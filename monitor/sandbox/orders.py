"""Margin orders: limit and market, filled whole at the spot price, with the side effects of margin."""

import itertools
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from monitor.sandbox import loans
from monitor.sandbox.accounts import Account, Margin, Order, Trade
from monitor.sandbox.catalogue import Pair
from monitor.sandbox.money import ONE, ZERO, down, nearest, step_down, text
from monitor.sandbox.refusal import Refusal
from monitor.sandbox.venue import Venue

Side = Literal["BUY", "SELL"]

# On some cross pairs a limit must lie within this share of the index price.
INDEX_BAND = Decimal("0.15")

_execution_ids = itertools.count(8_641_984)


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as asked for. `quote_quantity` only for MARKET, `price` only for limits."""

    pair: Pair
    side: Side
    kind: str
    time_in_force: str
    quantity: Decimal
    quote_quantity: Decimal
    price: Decimal
    client_id: str
    side_effect: str


def place(venue: Venue, account: Account, margin: Margin, ticket: Ticket) -> tuple[Order, list[Trade]]:
    """Place an order: filled at once if it can be, else resting, killed or refused. Raises Refusal."""
    spot = venue.prices.spot(ticket.pair.symbol)
    if not spot:
        raise Refusal(-1112, "No orders on book for symbol.")
    if any(one.is_open and one.client_id == ticket.client_id for one in account.orders.values()):
        raise Refusal(-2010, "Duplicate order sent.")
    quantity = ticket.quantity or step_down(ticket.quote_quantity / spot, ticket.pair.step)
    _check_filters(ticket, quantity, spot)
    if margin.symbol is None and ticket.pair.symbol in venue.scenario.limit_price_pairs:
        _check_index_band(ticket, venue.prices.index(ticket.pair.symbol) or spot)
    crosses = ticket.kind == "MARKET" or (spot <= ticket.price if ticket.side == "BUY" else spot >= ticket.price)
    if crosses and ticket.kind == "LIMIT_MAKER":
        raise Refusal(-2010, "Order would immediately match and take.")
    order = Order(
        order_id=venue.next_order_id(),
        client_id=ticket.client_id,
        symbol=ticket.pair.symbol,
        isolated=margin.symbol is not None,
        side=ticket.side,
        kind=ticket.kind,
        time_in_force=ticket.time_in_force,
        price=ticket.price,
        quantity=quantity,
        side_effect=ticket.side_effect,
        created_ms=venue.now_ms(),
        updated_ms=venue.now_ms(),
        prevention="EXPIRE_MAKER",
    )
    _lock(venue, account, margin, order, ticket.pair, spot if ticket.kind == "MARKET" else ticket.price)
    account.orders[order.order_id] = order
    _report(venue, margin, order, "NEW")
    if crosses:
        return order, [_fill(venue, account, margin, order, ticket.pair, spot, is_maker=False)]
    if ticket.time_in_force in ("IOC", "FOK"):
        _close(venue, margin, order, ticket.pair, "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED")
    return order, []


def cancel(venue: Venue, account: Account, margin: Margin, order: Order, *, new_client_id: str) -> None:
    """Cancel an open order. Raises Refusal (-2011) when it is not open."""
    if not order.is_open:
        raise Refusal(-2011, "Unknown order sent.")
    order.cancelled_as = new_client_id
    _close(venue, margin, order, venue.catalogue.pairs[order.symbol], "CANCELED")


def cancel_all(venue: Venue, account: Account, margin: Margin, *, reason: str) -> None:
    """Let the exchange end every open order of a margin account: they expire."""
    for order in list(account.orders.values()):
        if order.is_open and _belongs(order, margin):
            _close(venue, margin, order, venue.catalogue.pairs[order.symbol], "EXPIRED", reason)


def match(venue: Venue) -> None:
    """Fill resting orders whose price the market has reached."""
    for account in venue.accounts.values():
        for order in list(account.orders.values()):
            if not order.is_open:
                continue
            margin = account.margin(order.symbol if order.isolated else None)
            spot = venue.prices.spot(order.symbol)
            if margin is None or not spot:
                continue
            if spot <= order.price if order.side == "BUY" else spot >= order.price:
                _fill(venue, account, margin, order, venue.catalogue.pairs[order.symbol], order.price, is_maker=True)


def tell_exchange_fill(
    venue: Venue, margin: Margin, order_id: int, symbol: str, side: Side, quantity: Decimal, price: Decimal
) -> None:
    """Report a liquidation order of the exchange's own as filled."""
    order = Order(
        order_id=order_id,
        client_id=f"liquidation-{order_id}",
        symbol=symbol,
        isolated=margin.symbol is not None,
        side=side,
        kind="LIMIT",
        time_in_force="IOC",
        price=nearest(price),
        quantity=quantity,
        side_effect="NO_SIDE_EFFECT",
        created_ms=venue.now_ms(),
        status="FILLED",
        executed=quantity,
        executed_quote=down(quantity * price),
    )
    trade = Trade(
        venue.next_trade_id(), order_id, venue.now_ms(), symbol, order.isolated, side == "BUY", False,
        nearest(price), quantity, ZERO, venue.catalogue.pairs[symbol].quote,
    )  # fmt: skip
    _report(venue, margin, order, "TRADE", trade=trade)


def _check_filters(ticket: Ticket, quantity: Decimal, spot: Decimal) -> None:
    pair = ticket.pair
    if quantity <= 0 or quantity % pair.step:
        raise Refusal(-1013, "Filter failure: LOT_SIZE")
    if ticket.kind != "MARKET" and (ticket.price <= 0 or ticket.price % pair.tick):
        raise Refusal(-1013, "Filter failure: PRICE_FILTER")
    if quantity * (spot if ticket.kind == "MARKET" else ticket.price) < pair.min_notional:
        raise Refusal(-1013, "Filter failure: NOTIONAL")


def _check_index_band(ticket: Ticket, index: Decimal) -> None:
    if ticket.kind == "MARKET":
        return
    too_low = ticket.side == "SELL" and ticket.price < index * (ONE - INDEX_BAND)
    too_high = ticket.side == "BUY" and ticket.price > index * (ONE + INDEX_BAND)
    if too_low or too_high:
        raise Refusal(-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")


def _lock(venue: Venue, account: Account, margin: Margin, order: Order, pair: Pair, price: Decimal) -> None:
    asset = pair.quote if order.side == "BUY" else pair.base
    needed = nearest(order.quantity * price) if order.side == "BUY" else order.quantity
    missing = needed - margin.wallet.free(asset)
    if missing > 0:
        if order.side_effect not in ("MARGIN_BUY", "AUTO_BORROW_REPAY"):
            raise Refusal(-2010, "Account has insufficient balance for requested action.")
        loans.borrow(venue, account, margin, asset, missing, kind="AUTO", by="api")
        order.borrowed, order.borrowed_asset = missing, asset
    venue.books.lock(margin.wallet, asset, needed)
    order.locked = needed


def _fill(
    venue: Venue, account: Account, margin: Margin, order: Order, pair: Pair, price: Decimal, *, is_maker: bool
) -> Trade:
    is_buyer = order.side == "BUY"
    _release(venue, margin, order, pair)
    quote = down(order.quantity * price)
    given, received = (pair.quote, pair.base) if is_buyer else (pair.base, pair.quote)
    pays, gets = (quote, order.quantity) if is_buyer else (order.quantity, quote)
    commission = down(gets * venue.scenario.commission)
    venue.books.pay(given, pays, margin.wallet, "market", "trade")
    venue.books.pay(received, gets, "market", margin.wallet, "trade")
    venue.books.pay(received, commission, margin.wallet, "fees", "commission")
    order.status, order.executed, order.executed_quote = "FILLED", order.quantity, quote
    order.updated_ms = venue.now_ms()
    trade = Trade(
        venue.next_trade_id(), order.order_id, venue.now_ms(), order.symbol, order.isolated, is_buyer, is_maker,
        price, order.quantity, commission, received,
    )  # fmt: skip
    account.trades.append(trade)
    for asset, kind, amount in (
        (received, f"{order.side}_INCOME", gets),
        (given, f"{order.side}_EXPENSE", -pays),
        (received, "TRADING_COMMISSION", -commission),
    ):
        venue.record_flow(account, margin.symbol, asset, kind, amount, trade.trade_id)
    venue.record_movement(account, "trade", given, pays, margin.scope, "market", trade.trade_id, "api")
    _report(venue, margin, order, "TRADE", trade=trade)
    venue.tell_position(margin, [pair.base, pair.quote])
    owed = margin.wallet.owed(received)
    if order.side_effect in ("AUTO_REPAY", "AUTO_BORROW_REPAY") and owed:
        amount = min(gets - commission, owed, margin.wallet.free(received))
        loans.repay(venue, account, margin, received, amount, kind="AUTO", by="api")
    return trade


def _release(venue: Venue, margin: Margin, order: Order, pair: Pair) -> None:
    venue.books.unlock(margin.wallet, pair.quote if order.side == "BUY" else pair.base, order.locked)
    order.locked = ZERO


def _close(venue: Venue, margin: Margin, order: Order, pair: Pair, status: str, reason: str = "") -> None:
    _release(venue, margin, order, pair)
    order.status, order.updated_ms = status, venue.now_ms()
    _report(venue, margin, order, status, expiry=reason)
    venue.tell_position(margin, [pair.base, pair.quote])


def _belongs(order: Order, margin: Margin) -> bool:
    return order.symbol == margin.symbol if order.isolated else margin.symbol is None


def _report(
    venue: Venue, margin: Margin, order: Order, execution: str, *, trade: Trade | None = None, expiry: str = ""
) -> None:
    now = venue.now_ms()
    last_quote = ZERO if trade is None else down(trade.quantity * trade.price)
    fields: dict[str, object] = {
        "s": order.symbol, "c": order.cancelled_as or order.client_id, "S": order.side, "o": order.kind,
        "f": order.time_in_force, "q": text(order.quantity), "p": text(order.price), "P": text(ZERO),
        "F": text(ZERO), "g": -1, "C": order.client_id if order.cancelled_as else "", "x": execution,
        "X": order.status, "r": "NONE", "i": order.order_id, "l": text(ZERO if trade is None else trade.quantity),
        "z": text(order.executed), "L": text(ZERO if trade is None else trade.price),
        "n": "0" if trade is None else text(trade.commission),
        "N": None if trade is None else trade.commission_asset, "T": now,
        "t": -1 if trade is None else trade.trade_id, "I": next(_execution_ids),
        "w": order.is_open and order.kind != "MARKET", "m": trade is not None and trade.is_maker, "M": False,
        "O": order.created_ms, "Z": text(order.executed_quote), "Y": text(last_quote), "Q": text(ZERO),
        "W": order.created_ms, "V": order.prevention,
    }  # fmt: skip
    if expiry:
        fields["eR"] = expiry
    venue.feed.emit(margin.account, margin.symbol, "account", "executionReport", fields, now)

"""What an order does to the books: locking, borrowing, trading, freeing, and what margin adds to that."""

import contextlib
from decimal import Decimal

from monitor.sandbox.amounts import ZERO, down, nearest, up
from monitor.sandbox.api.errors import Refusal
from monitor.sandbox.ledger.accounts import Account, Margin, Order, Trade
from monitor.sandbox.lending import loans
from monitor.sandbox.trading.order_events import report
from monitor.sandbox.venue import Venue


def fund(venue: Venue, account: Account, margin: Margin, order: Order, price: Decimal) -> None:
    """Lock what the rest of an order needs at `price`, borrowing it if its side effect says so.

    Raises Refusal (-2010) when it is not there.
    """
    asset = _given(venue, order)
    needed = nearest(order.rest * price) if order.side == "BUY" else order.rest
    missing = needed - margin.wallet.free(asset)
    if missing > 0:
        if order.side_effect not in ("MARGIN_BUY", "AUTO_BORROW_REPAY"):
            raise Refusal(-2010, "Account has insufficient balance for requested action.")
        loans.borrow(venue, account, margin, asset, missing, kind="AUTO", by="api")
        order.borrowed, order.borrowed_asset = missing, asset
    venue.books.lock(margin.wallet, asset, needed)
    order.locked = needed


def can_pay(venue: Venue, margin: Margin, order: Order, quantity: Decimal, price: Decimal) -> bool:
    """Whether what is locked and free suffices to fill `quantity` at `price`."""
    pays = down(quantity * price) if order.side == "BUY" else quantity
    return pays <= order.locked + margin.wallet.free(_given(venue, order))


def fill(
    venue: Venue, account: Account, margin: Margin, order: Order, quantity: Decimal, price: Decimal, *, is_maker: bool
) -> Trade:
    """Fill a part or the rest of an order, and repay a debt with it if its side effect says so."""
    pair = venue.catalogue.pairs[order.symbol]
    is_buyer = order.side == "BUY"
    _release(venue, margin, order, min(order.locked, up(order.locked * quantity / order.rest)))
    quote = down(quantity * price)
    given, received = (pair.quote, pair.base) if is_buyer else (pair.base, pair.quote)
    pays, gets = (quote, quantity) if is_buyer else (quantity, quote)
    if margin.wallet.free(given) < pays:
        _release(venue, margin, order, order.locked)
    commission = down(gets * venue.scenario.commission)
    venue.books.pay(given, pays, margin.wallet, "market", "trade")
    venue.books.pay(received, gets, "market", margin.wallet, "trade")
    venue.books.pay(received, commission, margin.wallet, "fees", "commission")
    venue.use_depth(order.symbol, quantity)
    order.executed += quantity
    order.executed_quote += quote
    order.status = "PARTIALLY_FILLED" if order.rest else "FILLED"
    order.updated_ms = venue.now_ms()
    trade = Trade(
        venue.next_trade_id(), order.order_id, venue.now_ms(), order.symbol, order.isolated, is_buyer, is_maker,
        price, quantity, commission, received,
    )  # fmt: skip
    account.trades.append(trade)
    for asset, kind, amount in (
        (received, f"{order.side}_INCOME", gets),
        (given, f"{order.side}_EXPENSE", -pays),
        (received, "TRADING_COMMISSION", -commission),
    ):
        venue.record_flow(account, margin.symbol, asset, kind, amount, trade.trade_id)
    venue.record_movement(account, "trade", given, pays, margin.scope, "market", trade.trade_id, "api")
    if not order.rest:
        _release(venue, margin, order, order.locked)
    report(venue, margin, order, "TRADE", trade=trade)
    venue.tell_position(margin, [pair.base, pair.quote])
    if order.side_effect in ("AUTO_REPAY", "AUTO_BORROW_REPAY"):
        _repay(venue, account, margin, received, gets - commission)
    return trade


def close(
    venue: Venue,
    account: Account,
    margin: Margin,
    order: Order,
    status: str,
    *,
    reason: str = "",
    execution: str | None = None,
) -> None:
    """End an open order unfilled or partly filled: what it locked is free, what it borrowed goes back."""
    pair = venue.catalogue.pairs[order.symbol]
    _release(venue, margin, order, order.locked)
    order.status, order.updated_ms, order.waits = status, venue.now_ms(), False
    report(venue, margin, order, execution or status, expiry=reason)
    venue.tell_position(margin, [pair.base, pair.quote])
    if order.borrowed and order.repays_at_cancel:
        _repay(venue, account, margin, order.borrowed_asset, order.borrowed)


def _given(venue: Venue, order: Order) -> str:
    pair = venue.catalogue.pairs[order.symbol]
    return pair.quote if order.side == "BUY" else pair.base


def _release(venue: Venue, margin: Margin, order: Order, amount: Decimal) -> None:
    venue.books.unlock(margin.wallet, _given(venue, order), amount)
    order.locked -= amount


def _repay(venue: Venue, account: Account, margin: Margin, asset: str, most: Decimal) -> None:
    # Such a repayment fails silently: when another one is in flight, or the rest would be too small.
    amount = min(most, margin.wallet.owed(asset), margin.wallet.free(asset))
    if amount <= ZERO or account.loan_in_flight:
        return
    with contextlib.suppress(Refusal):
        loans.repay(venue, account, margin, asset, amount, kind="AUTO", by="api")

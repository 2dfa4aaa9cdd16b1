"""Effects of an order on balances: locking, borrowing, filling, releasing, repaying."""

import contextlib
from decimal import Decimal

from monitor.sandbox.amounts import ZERO, round_down, round_half_up, round_up
from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.ledger.accounts import SimAccount, SimMarginAccount, SimOrder, SimTrade
from monitor.sandbox.lending import loans
from monitor.sandbox.trading.order_events import emit_execution_report
from monitor.sandbox.venue import Venue


def lock_funds(venue: Venue, account: SimAccount, margin: SimMarginAccount, order: SimOrder, price: Decimal) -> None:
    """Lock the funds that the rest of an order needs at `price`, borrowing them if its side effect says so.

    Raises SimApiError (-2010) when they are missing.
    """
    asset = _spent_asset(venue, order)
    needed = round_half_up(order.remaining * price) if order.side == "BUY" else order.remaining
    missing = needed - margin.wallet.free(asset)
    if missing > 0:
        if order.side_effect not in ("MARGIN_BUY", "AUTO_BORROW_REPAY"):
            raise SimApiError(-2010, "Account has insufficient balance for requested action.")
        loans.borrow(venue, account, margin, asset, missing, kind="AUTO", by="api")
        order.borrowed, order.borrowed_asset = missing, asset
    venue.ledger.lock(margin.wallet, asset, needed)
    order.locked = needed


def can_pay(venue: Venue, margin: SimMarginAccount, order: SimOrder, quantity: Decimal, price: Decimal) -> bool:
    """Return whether the locked and free amounts suffice to fill `quantity` at `price`."""
    pays = round_down(quantity * price) if order.side == "BUY" else quantity
    return pays <= order.locked + margin.wallet.free(_spent_asset(venue, order))


def fill_order(
    venue: Venue,
    account: SimAccount,
    margin: SimMarginAccount,
    order: SimOrder,
    quantity: Decimal,
    price: Decimal,
    *,
    is_maker: bool,
) -> SimTrade:
    """Fill a part or the rest of an order, and repay a debt with it if its side effect says so."""
    pair = venue.listings.pairs[order.symbol]
    is_buyer = order.side == "BUY"
    _unlock_funds(venue, margin, order, min(order.locked, round_up(order.locked * quantity / order.remaining)))
    quote = round_down(quantity * price)
    given, received = (pair.quote, pair.base) if is_buyer else (pair.base, pair.quote)
    pays, gets = (quote, quantity) if is_buyer else (quantity, quote)
    if margin.wallet.free(given) < pays:
        _unlock_funds(venue, margin, order, order.locked)
    commission = round_down(gets * venue.scenario.commission)
    venue.ledger.pay(given, pays, margin.wallet, "market", "trade")
    venue.ledger.pay(received, gets, "market", margin.wallet, "trade")
    venue.ledger.pay(received, commission, margin.wallet, "fees", "commission")
    venue.consume_depth(order.symbol, quantity)
    order.executed += quantity
    order.executed_quote += quote
    order.status = "PARTIALLY_FILLED" if order.remaining else "FILLED"
    order.updated_ms = venue.now_ms()
    trade = SimTrade(
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
    if not order.remaining:
        _unlock_funds(venue, margin, order, order.locked)
    emit_execution_report(venue, margin, order, "TRADE", trade=trade)
    venue.emit_position(margin, [pair.base, pair.quote])
    if order.side_effect in ("AUTO_REPAY", "AUTO_BORROW_REPAY"):
        _auto_repay(venue, account, margin, received, gets - commission)
    return trade


def close_order(
    venue: Venue,
    account: SimAccount,
    margin: SimMarginAccount,
    order: SimOrder,
    status: str,
    *,
    reason: str = "",
    execution: str | None = None,
) -> None:
    """End an open order unfilled or partly filled: its locked funds are freed, its loan is repaid."""
    pair = venue.listings.pairs[order.symbol]
    _unlock_funds(venue, margin, order, order.locked)
    order.status, order.updated_ms, order.awaits_trigger = status, venue.now_ms(), False
    emit_execution_report(venue, margin, order, execution or status, expiry=reason)
    venue.emit_position(margin, [pair.base, pair.quote])
    if order.borrowed and order.repays_at_cancel:
        _auto_repay(venue, account, margin, order.borrowed_asset, order.borrowed)


def _spent_asset(venue: Venue, order: SimOrder) -> str:
    pair = venue.listings.pairs[order.symbol]
    return pair.quote if order.side == "BUY" else pair.base


def _unlock_funds(venue: Venue, margin: SimMarginAccount, order: SimOrder, amount: Decimal) -> None:
    venue.ledger.unlock(margin.wallet, _spent_asset(venue, order), amount)
    order.locked -= amount


def _auto_repay(venue: Venue, account: SimAccount, margin: SimMarginAccount, asset: str, max_amount: Decimal) -> None:
    # Such a repayment fails silently: when another one is in flight, or the rest would be too small.
    amount = min(max_amount, margin.wallet.owed(asset), margin.wallet.free(asset))
    if amount <= ZERO or account.loan_in_flight:
        return
    with contextlib.suppress(SimApiError):
        loans.repay(venue, account, margin, asset, amount, kind="AUTO", by="api")

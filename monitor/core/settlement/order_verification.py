"""Verification of orders on the market by their client id, and of cancellations by the list of open orders."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from monitor.core.model.intent import Intent
from monitor.core.model.order import CancelOrders, ExchangeRecord, Reduce
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.numbers.amounts import ZERO, format_decimal
from monitor.core.settlement.observation import (
    MIN_OBSERVATIONS,
    Confirmed,
    Failed,
    Observation,
    Verdict,
    compute_decrease,
    decide_later,
    find_send_time,
)

ROUNDING_TOLERANCE = Decimal("1E-8")


def verify_market_order(
    intent: Intent, order: Reduce, observations: Sequence[Observation], safety: SafetySettings, now: datetime
) -> Verdict:
    """Verdict on an order on the market from its observations, oldest first.

    Confirmed: the order ended with something filled, however little, and the sold amount is gone. Failed: the order
    ended with nothing filled, or the exchange does not know its client id in five observations over the settle time and
    nothing is gone.
    """
    last = observations[-1]
    record = next(iter(last.records), None)
    sold = compute_decrease(intent.source_before, last.source)
    if record is None:
        return _without_record(intent, order, observations, safety, now)
    if record.status == "PENDING":
        return decide_later(intent, f"order {record.ref} is still open", safety, now)
    if record.status == "FAILED":
        return Failed(f"order {record.ref} ended with nothing filled at {format_decimal(order.price)} or better")
    if sold is None:
        return decide_later(intent, f"order {record.ref} is filled, but the balances could not be read", safety, now)
    if sold < (record.spent or ZERO) - ROUNDING_TOLERANCE:
        what = f"order {record.ref} is filled, but the balance of {order.sell_asset} does not show it"
        return decide_later(intent, what, safety, now)
    return Confirmed(_evidence_text(intent, order, record, last), record.ref, last.at, record.amount)


def verify_cancellation(
    intent: Intent, order: CancelOrders, observations: Sequence[Observation], safety: SafetySettings, now: datetime
) -> Verdict:
    """Verdict on a cancellation from its observations, oldest first.

    Confirmed: none of the orders from before is open, and less is locked. Failed: the orders stay open.
    """
    last = observations[-1]
    freed = compute_decrease(intent.source_before, last.source)
    still_open = _orders_open_before(intent, last)
    if not still_open and freed is not None and freed > ZERO:
        change = f"{format_decimal(intent.source_before or ZERO)} → {format_decimal(last.source or ZERO)}"
        evidence = f"no order is open on {order.symbol}; {order.unlocks} locked {change}"
        return Confirmed(evidence, intent.ref or "", last.at)
    if not still_open:
        return decide_later(
            intent, f"no order is open on {order.symbol}, but no less {order.unlocks} is locked", safety, now
        )
    with_open_orders = [observation for observation in observations if _orders_open_before(intent, observation)]
    is_ripe = len(with_open_orders) >= MIN_OBSERVATIONS and last.at - with_open_orders[0].at >= safety.settle
    if intent.ref is None and is_ripe and freed is not None and freed <= ZERO:
        return Failed(f"{len(still_open)} orders on {order.symbol} are still open")
    return decide_later(intent, f"{len(still_open)} orders on {order.symbol} are still open", safety, now)


def _without_record(
    intent: Intent, order: Reduce, observations: Sequence[Observation], safety: SafetySettings, now: datetime
) -> Verdict:
    what = "the exchange does not know the order"
    if intent.ref is not None:
        return decide_later(intent, f"acknowledged as {intent.ref}, but {what}", safety, now)
    sold = compute_decrease(intent.source_before, observations[-1].source)
    if sold is None:
        return decide_later(intent, f"{what}, and the balances could not be read", safety, now)
    if sold > ZERO:
        return decide_later(intent, f"{what}, but there is less {order.sell_asset}", safety, now)
    without_records = [observation for observation in observations if not observation.records]
    absent_for = without_records[-1].at - without_records[0].at
    if len(without_records) < MIN_OBSERVATIONS or absent_for < safety.settle:
        return decide_later(
            intent, f"{what} in {len(without_records)} looks, and the balances did not move", safety, now
        )
    seconds = int(absent_for.total_seconds())
    return Failed(f"{what} in {len(without_records)} looks over {seconds} s, and the balances did not move")


def _orders_open_before(intent: Intent, observation: Observation) -> list[ExchangeRecord]:
    """Open orders that existed when the cancellation was sent."""
    return [record for record in observation.records if record.at <= find_send_time(intent)]


def _evidence_text(intent: Intent, order: Reduce, record: ExchangeRecord, observation: Observation) -> str:
    filled = record.spent if order.side == "SELL" else record.amount
    sold = f"{order.sell_asset} {_amount_text(intent.source_before)} → {_amount_text(observation.source)}"
    owed = f"{order.asset} owed {_amount_text(intent.owed_before)} → {_amount_text(observation.owed)}"
    part = f"{_amount_text(filled)} of {format_decimal(order.quantity)} filled"
    return f"order {record.ref}: {part}, brought {format_decimal(record.amount + ZERO)} {order.asset}; {sold}; {owed}"


def _amount_text(amount: Decimal | None) -> str:
    return "?" if amount is None else format_decimal(amount + ZERO)

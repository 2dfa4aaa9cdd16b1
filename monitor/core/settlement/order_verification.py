"""Did an order on the market, or a cancellation, happen? The exchange knows the one by its name, and lists the open."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from monitor.core.model.intent import Intent
from monitor.core.model.order import CancelOrders, Record, Reduce
from monitor.core.model.safety import Safety
from monitor.core.numbers.amounts import ZERO, plain
from monitor.core.settlement.observation import (
    LOOKS,
    Confirmed,
    Failed,
    Judgement,
    Look,
    fell,
    sent_at,
    undecided,
)

ROUNDING = Decimal("1E-8")


def judge_trade(intent: Intent, order: Reduce, looks: Sequence[Look], safety: Safety, now: datetime) -> Judgement:
    """What the looks, oldest first, prove of an order.

    Confirmed: it has ended with something filled, however little, and what was sold is gone. Failed: it has ended with
    nothing filled, or the exchange does not know its name in five looks over the settle time and nothing is gone.
    """
    last = looks[-1]
    record = next(iter(last.records), None)
    gone = fell(intent.source_before, last.source)
    if record is None:
        return _unknown_there(intent, order, looks, safety, now)
    if record.status == "PENDING":
        return undecided(intent, f"order {record.ref} is still open", safety, now)
    if record.status == "FAILED":
        return Failed(f"order {record.ref} ended with nothing filled at {plain(order.price)} or better")
    if gone is None:
        return undecided(intent, f"order {record.ref} is filled, but the balances could not be read", safety, now)
    if gone < (record.spent or ZERO) - ROUNDING:
        what = f"order {record.ref} is filled, but the balance of {order.sells} does not show it"
        return undecided(intent, what, safety, now)
    return Confirmed(_told(intent, order, record, last), record.ref, last.at, record.amount)


def judge_cancellation(
    intent: Intent, order: CancelOrders, looks: Sequence[Look], safety: Safety, now: datetime
) -> Judgement:
    """Confirmed: none of the orders from before is open, and less is locked. Failed: they stay open."""
    last = looks[-1]
    freed = fell(intent.source_before, last.source)
    left = _older(intent, last)
    if not left and freed is not None and freed > ZERO:
        change = f"{plain(intent.source_before or ZERO)} → {plain(last.source or ZERO)}"
        told = f"no order is open on {order.symbol}; {order.frees} locked {change}"
        return Confirmed(told, intent.ref or "", last.at)
    if not left:
        return undecided(
            intent, f"no order is open on {order.symbol}, but no less {order.frees} is locked", safety, now
        )
    full = [look for look in looks if _older(intent, look)]
    is_ripe = len(full) >= LOOKS and last.at - full[0].at >= safety.settle
    if intent.ref is None and is_ripe and freed is not None and freed <= ZERO:
        return Failed(f"{len(left)} orders on {order.symbol} are still open")
    return undecided(intent, f"{len(left)} orders on {order.symbol} are still open", safety, now)


def _unknown_there(intent: Intent, order: Reduce, looks: Sequence[Look], safety: Safety, now: datetime) -> Judgement:
    what = "the exchange does not know the order"
    if intent.ref is not None:
        return undecided(intent, f"acknowledged as {intent.ref}, but {what}", safety, now)
    gone = fell(intent.source_before, looks[-1].source)
    if gone is None:
        return undecided(intent, f"{what}, and the balances could not be read", safety, now)
    if gone > ZERO:
        return undecided(intent, f"{what}, but there is less {order.sells}", safety, now)
    empty = [look for look in looks if not look.records]
    absent_for = empty[-1].at - empty[0].at
    if len(empty) < LOOKS or absent_for < safety.settle:
        return undecided(intent, f"{what} in {len(empty)} looks, and the balances did not move", safety, now)
    seconds = int(absent_for.total_seconds())
    return Failed(f"{what} in {len(empty)} looks over {seconds} s, and the balances did not move")


def _older(intent: Intent, look: Look) -> list[Record]:
    """The open orders that were there when the cancellation was sent."""
    return [record for record in look.records if record.at <= sent_at(intent)]


def _told(intent: Intent, order: Reduce, record: Record, look: Look) -> str:
    filled = record.spent if order.side == "SELL" else record.amount
    sold = f"{order.sells} {_text(intent.source_before)} → {_text(look.source)}"
    owed = f"{order.asset} owed {_text(intent.owed_before)} → {_text(look.owed)}"
    part = f"{_text(filled)} of {plain(order.quantity)} filled"
    return f"order {record.ref}: {part}, brought {plain(record.amount + ZERO)} {order.asset}; {sold}; {owed}"


def _text(amount: Decimal | None) -> str:
    return "?" if amount is None else plain(amount + ZERO)

"""Open orders of a scope: the last read, and changes from the stream since."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

CHANGE_RETENTION = timedelta(minutes=10)
"""Time for which a change is kept, so that a read that began before the change does not undo it."""


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """The ids of the open orders, and the time of their read; None before the first read.

    `changes` are recent updates from the stream: the time of an order's last update, and whether it was open then.
    `locked_without_orders`: the exchange itself lists no open order, whatever else has locked something.
    """

    order_ids: frozenset[int] = frozenset()
    read_at: datetime | None = None
    changes: Mapping[int, tuple[datetime, bool]] = field(default_factory=dict)
    locked_without_orders: bool = False

    def with_change(self, order_id: int, is_open: bool, at: datetime) -> "OpenOrders":
        """Return the open orders after an update from the stream; an update older than the last one changes nothing."""
        last = self.changes.get(order_id)
        if last is not None and last[0] > at:
            return self
        changes = {n: change for n, change in self.changes.items() if at - change[0] <= CHANGE_RETENTION} | {
            order_id: (at, is_open)
        }
        numbers = self.order_ids | {order_id} if is_open else self.order_ids - {order_id}
        return OpenOrders(numbers, self.read_at, changes)

    def with_read(self, order_ids: frozenset[int], as_of: datetime) -> "OpenOrders":
        """Return the open orders after a read of all of them as of `as_of`; newer updates from the stream are kept."""
        if self.read_at is not None and as_of < self.read_at:
            return self
        newer = {number: change for number, change in self.changes.items() if change[0] >= as_of}
        opened = {number for number, (_, is_open) in newer.items() if is_open}
        closed = newer.keys() - opened
        left = (order_ids | opened) - closed
        return OpenOrders(left, as_of, newer, locked_without_orders=not left)

    def with_nothing_locked(self, as_of: datetime) -> "OpenOrders":
        """Return the open orders after a snapshot in which nothing is locked: then no order is open."""
        return replace(self.with_read(frozenset(), as_of), locked_without_orders=False)

    def matches_locked(self, has_locked: bool, as_of: datetime) -> bool:
        """Return whether the open orders match the locked amounts of a snapshot: an open order locks what it may cost.

        While the stream has reported a change since the snapshot, they can't be compared: then True.
        """
        if any(at >= as_of for at, _ in self.changes.values()):
            return True
        if self.read_at is None:
            return False
        return has_locked == bool(self.order_ids) or (has_locked and self.locked_without_orders)

"""Which orders of a scope are open: as they were read, and as the stream told since."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

CHANGE_RETENTION = timedelta(minutes=10)
"""How long a change is remembered, so that a read that began before it does not undo it."""


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """The numbers of the open orders, and when that was read; None while it was never read.

    `changes` is what the stream told lately: when an order was last heard of, and whether it was open then.
    `none_though_locked`: the exchange itself lists none, whatever else has locked something.
    """

    order_ids: frozenset[int] = frozenset()
    read_at: datetime | None = None
    changes: Mapping[int, tuple[datetime, bool]] = field(default_factory=dict)
    locked_without_orders: bool = False

    def with_change(self, order_id: int, is_open: bool, at: datetime) -> "OpenOrders":
        """After the stream told of an order; what is older than what was told of it before changes nothing."""
        told = self.changes.get(order_id)
        if told is not None and told[0] > at:
            return self
        changes = {n: change for n, change in self.changes.items() if at - change[0] <= CHANGE_RETENTION} | {
            order_id: (at, is_open)
        }
        numbers = self.order_ids | {order_id} if is_open else self.order_ids - {order_id}
        return OpenOrders(numbers, self.read_at, changes)

    def with_read(self, order_ids: frozenset[int], as_of: datetime) -> "OpenOrders":
        """After all open orders were read as of `as_of`: what the stream told since then stands."""
        if self.read_at is not None and as_of < self.read_at:
            return self
        newer = {number: change for number, change in self.changes.items() if change[0] >= as_of}
        opened = {number for number, (_, is_open) in newer.items() if is_open}
        closed = newer.keys() - opened
        left = (order_ids | opened) - closed
        return OpenOrders(left, as_of, newer, locked_without_orders=not left)

    def with_nothing_locked(self, as_of: datetime) -> "OpenOrders":
        """After a snapshot in which nothing is locked: then no order is open."""
        return replace(self.with_read(frozenset(), as_of), locked_without_orders=False)

    def matches_locked(self, has_locked: bool, as_of: datetime) -> bool:
        """Whether it fits a snapshot in which something is locked, or nothing: an open order locks what it may cost.

        While the stream told of a change since the snapshot, they can't be compared.
        """
        if any(at >= as_of for at, _ in self.changes.values()):
            return True
        if self.read_at is None:
            return False
        return has_locked == bool(self.order_ids) or (has_locked and self.locked_without_orders)

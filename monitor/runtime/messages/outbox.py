"""The outbox of one channel in memory: the database makes it durable, and it works without one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from monitor.core.model.alert import Alert, AlertState
from monitor.core.notifications.outbox import (
    CRITICAL_RETRY_FOR,
    FIRST_UNRECORDED_ID,
    GIVE_UP_AFTER,
    Delivery,
    DeliveryAttempt,
    DeliveryIdentity,
    DeliveryKey,
    DeliveryState,
    LastNotified,
    NotifiedAlert,
    after_attempt,
    retry_delay_s,
)
from monitor.store.writes.due_notifications import ChannelDue

HOUR = timedelta(hours=1)

MAX_ITEMS = 1000
"""Most deliveries kept of one channel; beyond that the oldest finished ones are dropped."""

_CLOSED_STATES = (AlertState.RESOLVED, AlertState.INACTIVE)


@dataclass(slots=True)
class OutboxItem:
    """One delivery with its progress.

    `unwritten_attempts` belong to a row that does not exist yet. `refused_at`: since when the service refuses the
    message itself. `needs_row`: no journal entry holds the delivery, so its row is made here. `is_started`: the
    delivery was or is being sent.
    """

    delivery: Delivery
    unwritten_attempts: list[DeliveryAttempt] = field(default_factory=list)
    refused_at: datetime | None = None
    needs_row: bool = False
    is_started: bool = False

    @property
    def is_open(self) -> bool:
        """True if the delivery is still to be sent."""
        return self.delivery.state is DeliveryState.QUEUED

    @property
    def is_untried(self) -> bool:
        """True if no attempt was made or begun yet."""
        return self.is_open and not self.is_started and self.delivery.attempts == 0

    def note_refusal(self, now: datetime, speed: float) -> bool:
        """Note that the message itself was refused; return whether that is final: for a critical one not at once."""
        if self.refused_at is None:
            self.refused_at = now
        delivery = self.delivery
        if delivery.severity == "critical" and delivery.drill is None:
            return now - self.refused_at >= CRITICAL_RETRY_FOR * speed
        return True


@dataclass(frozen=True, slots=True)
class OutboxView:
    """Due deliveries, attempts to record in rows, and rows that repeat deliveries already sent."""

    due: ChannelDue
    attempts: tuple[DeliveryAttempt, ...]
    duplicates: Mapping[DeliveryKey, str]


class ChannelOutbox:
    """The deliveries of one channel, what it was last notified of, and the times of its messages."""

    def __init__(self, numbers: Iterator[int], speed: float = 1.0) -> None:
        """`numbers` are the ids of deliveries without a row, shared by all channels. `speed` is that of the clock."""
        self._numbers = numbers
        self._speed = speed
        self._items: dict[DeliveryIdentity, OutboxItem] = {}
        self._identities: dict[DeliveryKey, DeliveryIdentity] = {}
        self._alerts: dict[int, Alert] = {}
        self._notified_alerts: dict[int, NotifiedAlert] = {}
        self._last_notified: dict[int, LastNotified] = {}
        self._sent: list[datetime] = []
        self._misdated: set[datetime] = set()

    def update_alerts(self, alerts: Iterable[Alert]) -> None:
        """Replace the known alerts by these."""
        self._alerts |= {alert.id: alert for alert in alerts}

    def add(self, delivery: Delivery, *, needs_row: bool = False) -> Delivery | None:
        """Add a delivery without a row and return it with its id; None when the same one is known already."""
        if delivery.identity in self._items:
            return None
        delivery = replace(delivery, id=FIRST_UNRECORDED_ID + next(self._numbers))
        self._add(OutboxItem(delivery, needs_row=needs_row))
        return delivery

    def merge_row(self, row: Delivery) -> tuple[OutboxItem, Sequence[DeliveryAttempt]]:
        """Merge a delivery's row from the database; return the item and the attempts to record in the row."""
        item = self._items.get(row.identity)
        if item is None:
            item = OutboxItem(row)
            self._add(item)
            return item, ()
        if not item.delivery.is_recorded:
            # The first ones are in the row where a call whose answer was lost has made it.
            attempts = [replace(attempt, delivery=row.key) for attempt in item.unwritten_attempts[row.attempts :]]
            # An attempt under way still names the key without a row.
            self._identities[row.key] = row.identity
            is_over = item.is_open and row.state is not DeliveryState.QUEUED
            item.delivery = row if is_over else replace(item.delivery, id=row.id)
            item.unwritten_attempts, item.needs_row = [], False
            return item, attempts
        if item.is_open and row.id != item.delivery.id:
            self._identities[row.key] = row.identity
            item.delivery = replace(item.delivery, id=row.id)
        if item.is_open and row.attempts >= item.delivery.attempts:
            item.delivery = replace(row, next_at=max(row.next_at, item.delivery.next_at))
        return item, ()

    def find_item(self, key: DeliveryKey) -> OutboxItem | None:
        """Return the delivery of that key, if it is known."""
        identity = self._identities.get(key)
        return None if identity is None else self._items[identity]

    def forget_rows(self) -> None:
        """Forget the rows of messages still to be sent: the database may have lost them. A drill closes its own."""
        for item in list(self._items.values()):
            if item.is_open and item.delivery.is_recorded and item.delivery.drill is None:
                item.delivery = replace(item.delivery, id=FIRST_UNRECORDED_ID + next(self._numbers))
                item.needs_row = True
                self._identities[item.delivery.key] = item.delivery.identity

    def items_without_row(self, now: datetime) -> list[OutboxItem]:
        """Return the items whose rows are to be made here, except those too old for one."""
        return [
            item
            for item in self._items.values()
            if item.needs_row and not item.delivery.is_recorded and now - item.delivery.created_at < GIVE_UP_AFTER
        ]

    def find_alert(self, number: int) -> Alert | None:
        """Return the alert of that id as last known here."""
        return self._alerts.get(number)

    def is_given_up(self, delivery: Delivery, now: datetime, *, is_final: bool) -> bool:
        """Return whether a refusal ends the delivery."""
        item = self.find_item(delivery.key)
        return is_final and (item is None or item.note_refusal(now, self._speed))

    def mark_started(self, deliveries: Iterable[Delivery], now: datetime) -> None:
        """Mark deliveries as being sent: whatever happens to the sender, they are not sent again at once."""
        for delivery in deliveries:
            item = self.find_item(delivery.key)
            if item is not None:
                wait = timedelta(seconds=retry_delay_s(delivery.attempts + 1, None) * self._speed)
                item.is_started = True
                item.delivery = replace(item.delivery, next_at=now + wait)

    def apply_attempts(self, attempts: Iterable[DeliveryAttempt]) -> list[DeliveryAttempt]:
        """Apply the results of attempts; return those to record in rows."""
        for_rows: list[DeliveryAttempt] = []
        moments: set[datetime] = set()
        for attempt in attempts:
            item = self.find_item(attempt.delivery)
            if item is None:
                for_rows.append(attempt)
                continue
            attempt = replace(attempt, delivery=item.delivery.key)
            item.delivery = after_attempt(item.delivery, attempt)
            if attempt.last_notified is not None and item.delivery.alert is not None:
                # The alert may have got another id while the message was being sent.
                attempt = replace(attempt, last_notified=replace(attempt.last_notified, alert=item.delivery.alert))
            (for_rows if item.delivery.is_recorded else item.unwritten_attempts).append(attempt)
            if attempt.last_notified is not None:
                self._last_notified[attempt.last_notified.alert] = attempt.last_notified
            if attempt.ok and item.delivery.drill is None:
                moments.add(_truncate_to_ms(attempt.at))
        self._sent += sorted(moments)
        return for_rows

    def close(self, key: DeliveryKey, why: str) -> None:
        """Close the delivery unsent, since it holds nothing new."""
        self._change(key, state=DeliveryState.EXPIRED, answer=why)

    def postpone(self, keys: Iterable[DeliveryKey], until: datetime) -> None:
        """Postpone deliveries until then."""
        for key in keys:
            self._change(key, next_at=until)

    def merge_due(self, stored: ChannelDue | None, now: datetime, *, is_limited: bool) -> "OutboxView":
        """Merge due deliveries of database and memory. `stored` None: it can't be read, memory alone counts."""
        attempts: list[DeliveryAttempt] = []
        doubles: dict[DeliveryKey, str] = {}
        due: list[Delivery] = []
        rows: set[DeliveryKey] = set()
        for row in () if stored is None else stored.deliveries:
            item, late = self.merge_row(row)
            attempts += late
            if row.id != item.delivery.id:
                doubles[row.key] = "the very same was told"
            elif item.delivery.state is DeliveryState.EXPIRED:
                # Closed while its row was not known.
                doubles[row.key] = item.delivery.answer or ""
            rows.add(item.delivery.key)
            if item.is_open and item.delivery.next_at <= now:
                due.append(item.delivery)
        later = [] if stored is None or stored.next_at is None else [stored.next_at]
        tried: set[int | None] = set()
        for item in self._items.values():
            delivery = item.delivery
            if delivery.attempts:
                tried.add(delivery.alert)
            if not item.is_open or (delivery.is_recorded and (stored is not None and delivery.key not in rows)):
                continue
            if delivery.next_at > now:
                later.append(delivery.next_at)
            elif delivery.key not in rows:
                due.append(delivery)
        self._sent = [at for at in self._sent if at > now - HOUR]
        # A row dated in the future was written with a clock that was ahead: it counts neither now nor later.
        self._misdated |= set() if stored is None else {at for at in stored.sent_at if at > now}
        self._drop_old()
        numbers = frozenset(delivery.alert for delivery in due if delivery.alert is not None)
        known = ChannelDue((), None) if stored is None else stored
        self.update_alerts(self._newest_alert(alert) for alert in known.alerts.values())
        self._notified_alerts |= known.last_notified
        due_now = ChannelDue(
            deliveries=tuple(sorted(due, key=lambda delivery: (delivery.next_at, delivery.id))),
            next_at=min(later, default=None),
            is_complete=known.is_complete,
            alerts={number: self._alerts[number] for number in numbers if number in self._alerts},
            last_notified=self._notified_of(
                known.last_notified if stored is not None else self._notified_alerts, numbers
            ),
            attempted=known.attempted | (numbers & tried),
            sent_at=tuple(sorted(({*known.sent_at} - self._misdated) | {*self._sent})) if is_limited else (),
            from_memory=stored is None,
        )
        return OutboxView(due_now, tuple(attempts), doubles)

    def release(self, now: datetime) -> None:
        """Make untried deliveries due now: their hold may no longer apply."""
        for item in self._items.values():
            if item.is_untried:
                item.delivery = replace(item.delivery, next_at=min(item.delivery.next_at, now))

    def shift_times(self, by: timedelta) -> None:
        """Shift all times by the correction of the clock, so that ages and waits stay the same."""
        self._misdated |= set(self._sent)
        self._sent = [_truncate_to_ms(at + by) for at in self._sent]
        for item in self._items.values():
            item.refused_at = None if item.refused_at is None else item.refused_at + by
            if item.is_open:
                item.delivery = replace(item.delivery, next_at=item.delivery.next_at + by)

    def renumber(self, numbers: Mapping[int, int]) -> None:
        """Set new ids of alerts: those under which the database knows them."""
        for identity, item in list(self._items.items()):
            old = item.delivery.alert
            if old is None or old not in numbers:
                continue
            del self._items[identity]
            item.delivery = replace(item.delivery, alert=numbers[old])
            item.unwritten_attempts = [
                attempt
                if attempt.last_notified is None
                else replace(attempt, last_notified=replace(attempt.last_notified, alert=numbers[old]))
                for attempt in item.unwritten_attempts
            ]
            self._items.setdefault(item.delivery.identity, item)
            keys = [key for key, known in self._identities.items() if known == identity]
            self._identities |= dict.fromkeys(keys, item.delivery.identity)
        for old, new in numbers.items():
            alert, told = self._alerts.pop(old, None), self._last_notified.pop(old, None)
            if alert is not None:
                self._alerts.setdefault(new, replace(alert, id=new))
            if told is not None:
                self._last_notified[new] = replace(told, alert=new)

    def _notified_of(self, stored: Mapping[int, NotifiedAlert], numbers: frozenset[int]) -> Mapping[int, NotifiedAlert]:
        """Return what the channel was last notified of, by alert.

        The result comes from the database, and from memory for alerts in `numbers` and deliveries without a row.
        """
        waiting = {item.delivery.alert for item in self._items.values() if not item.delivery.is_recorded}
        found = dict(stored)
        for number, told in self._last_notified.items():
            alert = self._alerts.get(number)
            key = found[number].last_notified.at if number in found else None
            if number not in found and alert is not None and (number in numbers or number in waiting):
                found[number] = NotifiedAlert(told, alert.key)
            elif key is not None and told.at > key:
                found[number] = replace(found[number], last_notified=told)
        return found

    def _newest_alert(self, alert: Alert) -> Alert:
        """Return the alert, or the known one where that is closed already."""
        known = self._alerts.get(alert.id)
        return (
            known
            if known is not None and known.state in _CLOSED_STATES and alert.state not in _CLOSED_STATES
            else alert
        )

    def _add(self, item: OutboxItem) -> None:
        self._items[item.delivery.identity] = item
        self._identities[item.delivery.key] = item.delivery.identity

    def _change(self, key: DeliveryKey, **fields: object) -> None:
        item = self.find_item(key)
        if item is not None:
            item.delivery = replace(item.delivery, **fields)  # type: ignore[arg-type]  # names of its own fields

    def _drop_old(self) -> None:
        if len(self._items) <= MAX_ITEMS:
            return
        finished = [identity for identity, item in self._items.items() if not item.is_open]
        for identity in finished[: len(self._items) - MAX_ITEMS // 2]:
            del self._items[identity]
        self._identities = {key: identity for key, identity in self._identities.items() if identity in self._items}
        open_alerts = {item.delivery.alert for item in self._items.values()}
        for kept in (self._alerts, self._last_notified, self._notified_alerts):
            for number in [number for number in kept if number not in open_alerts]:
                del kept[number]


def _truncate_to_ms(moment: datetime) -> datetime:
    """Return the moment with the database's precision."""
    return moment - timedelta(microseconds=moment.microsecond % 1000) if moment.microsecond % 1000 else moment


def build_failed_attempt(
    delivery: Delivery, answer: str, retry_after_s: float | None, gives_up: bool, now: datetime, speed: float
) -> DeliveryAttempt:
    """Return a failed attempt; the delivery is retried later, or given up. `speed` is that of the clock."""
    if gives_up or now - delivery.created_at >= GIVE_UP_AFTER:
        return DeliveryAttempt(delivery.channel, delivery.key, now, False, answer, DeliveryState.FAILED)
    # The service's retry time, and our own limit, are machine time.
    wait = timedelta(seconds=retry_delay_s(delivery.attempts + 1, retry_after_s, delivery.severity) * speed)
    return DeliveryAttempt(delivery.channel, delivery.key, now, False, answer, DeliveryState.QUEUED, now + wait)

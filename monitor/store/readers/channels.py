"""Delivery statistics of each channel."""

from collections import Counter, defaultdict
from datetime import datetime

from sqlalchemy import Connection, select

from monitor.core.notifications.outbox import DeliveryState
from monitor.records.channels import ChannelRow
from monitor.store.schema import tables


def read_channels(connection: Connection, since: datetime) -> tuple[ChannelRow, ...]:
    """Return, by name, every channel with attempts since a moment or with queued deliveries."""
    attempts, deliveries = tables.delivery_attempts, tables.deliveries
    tries: Counter[tuple[str, bool]] = Counter()
    answers: dict[str, str] = {}
    wanted = select(deliveries.c.channel, attempts.c.ok, attempts.c.answer)
    wanted = wanted.join(attempts, attempts.c.delivery == deliveries.c.id).where(attempts.c.at >= since)
    for channel, ok, answer in connection.execute(wanted.order_by(attempts.c.at, attempts.c.id)):
        tries[channel, ok] += 1
        if not ok:
            answers[channel] = answer
    waiting: Counter[str] = Counter()
    given_up: dict[str, list[str]] = defaultdict(list)
    queued = select(deliveries.c.channel).where(deliveries.c.state == DeliveryState.QUEUED)
    waiting.update(connection.execute(queued).scalars())
    failed = select(deliveries).where(deliveries.c.state == DeliveryState.FAILED, deliveries.c.created_at >= since)
    for row in connection.execute(failed.order_by(deliveries.c.created_at, deliveries.c.id)):
        what = f"#{row.alert}" if row.alert is not None else row.text.partition("\n")[0][:80]
        given_up[row.channel].append("a drill" if row.drill is not None else what)
    names = sorted({channel for channel, _ in tries} | waiting.keys() | given_up.keys())
    return tuple(
        ChannelRow(name, tries[name, True], tries[name, False], waiting[name], answers.get(name), tuple(given_up[name]))
        for name in names
    )

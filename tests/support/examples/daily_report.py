"""A day in a database, worked out by hand: the expected content of a report.

A daemon ran from a day and a half ago to ten hours ago, and again from eight hours ago on. The level of cross was 1.9,
fell to 1.25 five hours ago for twenty minutes (an alert saw 1.21), and is 1.8333; for half an hour, three hours ago, it
was unknown. 60,000 USDT are owed, 500 less than a day ago. A critical alert fired and ended and was never delivered to
the phone; 500 USDT were repaid, another repayment is uncertain, a third is stopped by its limit. 0.05 USDT of interest
were charged in two charges.
"""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.core.model.account import CROSS, InterestCharge
from monitor.core.model.action_blocks import ActionBlock
from monitor.core.model.alert import (
    AlertState,
    AlertTransition,
    Notification,
    NotificationReason,
    Silence,
    SilenceMatcher,
)
from monitor.core.model.events import ReadFailed
from monitor.core.model.intent import IntentState, IntentStep
from monitor.core.model.journal import JournalEntry, Sample
from monitor.core.model.ledger import Movement
from monitor.core.notifications.outbox import DeliveryAttempt, DeliveryState
from monitor.store.store import Store
from monitor.store.writes import commands
from monitor.store.writes.interest import record_charges
from monitor.view.documents.account import account_document
from tests.support.examples import documents
from tests.support.examples.store_rows import alert, intent

_S = IntentState
HOUR = timedelta(hours=1)
STOPPED = {(CROSS, "repay-usdt"): ActionBlock("max_per_day is used up", blocks_live_action=True)}


async def write_report_example(store: Store, now: datetime) -> None:
    """Write the example to the store, as of `now`."""
    await store.register_daemon(1, now - 36 * HOUR, "0.1.0")
    await store.update_last_seen(now - 10 * HOUR)
    await store.register_daemon(2, now - 8 * HOUR, "0.1.0")
    await store.update_last_seen(now)
    for entry in _samples(now):
        await store.commit(entry)
    await _alert(store, now)
    await _intents(store, now)
    charges = tuple(
        InterestCharge(CROSS, "USDT", "USDT", Decimal(30000), Decimal("0.025"), Decimal("0.0003"), "PERIODIC", n, at)
        for n, at in enumerate((now - 7 * HOUR, now - 6 * HOUR, now - 30 * HOUR))
    )
    await store.execute(record_charges, "main", CROSS, charges, (now - 48 * HOUR, now - HOUR))
    await store.execute(
        commands.add_silence,
        Silence(0, (SilenceMatcher("rule", "=", "thin"),), now - HOUR, now + HOUR, "me", "known, being looked at"),
    )


def _samples(now: datetime) -> list[JournalEntry]:
    told = json.dumps(
        account_document(replace(documents.STATE, action_blocks=STOPPED), documents.SETTINGS, documents.NOW, "0.1.0")
    )
    for stamp, moment in ((documents.READ_AT, now - timedelta(seconds=30)), (documents.NOW, now)):
        told = told.replace(f"{stamp:%Y-%m-%dT%H:%M:%S}", f"{moment:%Y-%m-%dT%H:%M:%S}")
    points: list[tuple[timedelta, str, str | None]] = [
        (hours * HOUR, "margin_level", "1.9") for hours in (25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11)
    ]
    points += [(hours * HOUR, "margin_level", "1.9") for hours in (8, 7, 6)]
    points += [
        (5 * HOUR, "margin_level", "1.25"),
        (5 * HOUR, "distance_to_liquidation", "0.12"),
        (timedelta(hours=4, minutes=40), "margin_level", "1.8333"),
        (timedelta(hours=4, minutes=40), "distance_to_liquidation", "0.62"),
        (4 * HOUR, "margin_level", "1.8333"),
        (3 * HOUR, "margin_level", None),
        (timedelta(hours=2, minutes=30), "margin_level", "1.8333"),
        (timedelta(hours=1, minutes=30), "margin_level", "1.8333"),
        (timedelta(minutes=30), "margin_level", "1.8333"),
        (25 * HOUR, "liabilities_usdt", "60500"),
        (timedelta(minutes=30), "liabilities_usdt", "60000"),
    ]
    entries = [
        JournalEntry("main", now - ago, samples=(_sample("cross", name, now - ago, value),))
        for ago, name, value in points
    ]
    watch = [(5 * HOUR, "0"), (timedelta(hours=4, minutes=50), "1")]
    entries += [
        JournalEntry("main", now - ago, samples=(_sample("monitor", "stream_connected", now - ago, value),))
        for ago, value in watch
    ]
    failed = ReadFailed("cross", CROSS, now - 3 * HOUR, "HTTP 503", None, "")
    moved = Movement(
        CROSS, "transfer", "9 in", now - 5 * HOUR, now - 5 * HOUR, "USDT", Decimal(250), "ROLL_IN", "another hand",
        detail={"txId": 9, "status": "CONFIRMED"},
    )  # fmt: skip
    return [*entries, JournalEntry("main", now, live=told, failures=(failed,), movements=(moved,))]


def _sample(scope: str, metric: str, at: datetime, value: str | None) -> Sample:
    return Sample("cross" if scope == "cross" else "monitor", "", metric, at, None if value is None else Decimal(value))


async def _alert(store: Store, now: datetime) -> None:
    fired = replace(alert(17), since=now - 5 * HOUR, fired_at=now - 5 * HOUR, summary="margin level 1.25")
    told = Notification(17, NotificationReason.FIRED, "critical", ("mail", "phone"), now - 5 * HOUR)
    done = await store.commit(
        JournalEntry(
            "main",
            now - 5 * HOUR,
            alerts=(fired,),
            transitions=(AlertTransition(17, None, AlertState.FIRING, now - 5 * HOUR, Decimal("1.21")),),
            notifications=(told,),
        )
    )
    for delivery in done.deliveries:
        ok = delivery.channel == "mail"
        state = DeliveryState.SENT if ok else DeliveryState.FAILED
        answer = "250 taken" if ok else "410 gone"
        await store.record_attempts(
            [DeliveryAttempt(delivery.channel, delivery.key, now - 5 * HOUR, ok, answer, state)]
        )
    over = replace(fired, state=AlertState.RESOLVED, resolved_at=now - timedelta(hours=4, minutes=40))
    await store.commit(JournalEntry("main", now - timedelta(hours=4, minutes=40), alerts=(over,)))


async def _intents(store: Store, now: datetime) -> None:
    for number, asset, end in ((3, "USDT", _S.CONFIRMED), (4, "ETH", _S.UNCERTAIN)):
        at = now - 5 * HOUR
        born = replace(intent(number, asset=asset), created_at=at, alert=None)
        await store.commit(
            JournalEntry("main", at, intents=(born,), intent_steps=(IntentStep(number, None, _S.PLANNED, at, ""),))
        )
        assert await store.claim(born, at, "on a fresh snapshot")
        sent = replace(born, state=_S.SUBMITTING, submitted_at=at)
        middle = _S.ACKNOWLEDGED if end is _S.CONFIRMED else _S.UNCERTAIN
        taken = replace(sent, state=middle)
        assert await store.record_step(taken, IntentStep(number, _S.SUBMITTING, middle, at, ""))
        if end is _S.CONFIRMED:
            done = replace(taken, state=end, settled_at=at, evidence="record 77")
            assert await store.record_step(done, IntentStep(number, middle, end, at, "record 77"))

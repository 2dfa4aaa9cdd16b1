"""The sink of a chat: what it says of a proposal whose buttons can't be known, and which message it answers."""

import asyncio
from dataclasses import replace
from pathlib import Path

from monitor.app.telegram import BotRegistry, open_telegram_sink
from monitor.config.loading import load_config
from monitor.core.model.alert import NotificationReason
from monitor.core.notifications.outbox import DeliveryAttempt, DeliveryState
from monitor.notify.sinks import Delivered
from monitor.store.store import Store
from monitor.view.messages.message import MessageSubject, alert_message, notice_message
from tests.support.daemon import write_config
from tests.support.examples.store_rows import alert, at, firing_entry
from tests.support.sandbox import sandbox
from tests.support.services.telegram_server import telegram_server


async def test_proposal_without_buttons_says_where_it_can_be_answered(tmp_path: Path) -> None:
    async with telegram_server() as chat, sandbox() as box:
        config = load_config(write_config(tmp_path, box.ready, more=chat.config(allow=("approve", "ack"))), {})
        store = await asyncio.to_thread(Store.open, f"sqlite:///{tmp_path}/monitor.db")
        sink = open_telegram_sink(config, "chat", BotRegistry(store))
        assert sink is not None
        notice = replace(notice_message("warning", "repay 50 USDT?"), subject=MessageSubject(intent=3))
        await sink.send(notice)
        # A database that gives no answer any more.
        await store.close()
        await sink.send(notice)
        await sink.close()
        known, unknown = (message.text for message in chat.messages.values())
        assert "No buttons" not in known
        assert (
            unknown
            == f"{known}\n\nNo buttons: the database could not be read. `margin-monitor actions` lists what waits."
        )


async def test_reminder_and_end_answer_the_first_message_over_a_restart(tmp_path: Path) -> None:
    async with telegram_server() as chat, sandbox() as box:
        config = load_config(write_config(tmp_path, box.ready, more=chat.config()), {})
        store = await asyncio.to_thread(Store.open, f"sqlite:///{tmp_path}/monitor.db")
        (delivery,) = (await store.commit(firing_entry(17, "chat"))).deliveries
        firing = alert(17)
        for reason in (NotificationReason.FIRED, NotificationReason.REMINDED, NotificationReason.RESOLVED):
            # Each time a new sink, as after a restart: the store alone knows the first message.
            sink = open_telegram_sink(config, "chat", BotRegistry(store))
            assert sink is not None
            sent = await sink.send(alert_message(firing, reason, None, at(1)))
            assert isinstance(sent, Delivered)
            if reason is NotificationReason.FIRED:
                attempt = DeliveryAttempt(
                    "chat", delivery.key, at(1), True, "ok", DeliveryState.SENT, message=sent.message
                )
                await store.record_attempts([attempt])
            await sink.close()
        await store.close()
        first, *later = chat.messages.values()
        assert first.reply_to is None
        assert [(m.text[:10], m.reply_to) for m in later] == [("[REMINDER]", first.id), ("[RESOLVED]", first.id)]

"""The sink of a chat: a proposal whose buttons can't be known says so."""

import asyncio
from dataclasses import replace
from pathlib import Path

from monitor.app.telegram import BotRegistry, open_telegram_sink
from monitor.config.loading import load_config
from monitor.store.store import Store
from monitor.view.messages.message import MessageSubject, notice_message
from tests.support.daemon import write_config
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

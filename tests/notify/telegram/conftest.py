"""A Bot API on loopback, and a client of it."""

from collections.abc import AsyncIterator

import pytest

from monitor.notify.telegram.bot import TelegramBot
from tests.support.services.telegram_server import TOKEN, TelegramServer, telegram_server


@pytest.fixture
async def server() -> AsyncIterator[TelegramServer]:
    async with telegram_server() as running:
        yield running


@pytest.fixture
async def bot(server: TelegramServer) -> AsyncIterator[TelegramBot]:
    made = TelegramBot(TOKEN, server.url, 5)
    yield made
    await made.close()

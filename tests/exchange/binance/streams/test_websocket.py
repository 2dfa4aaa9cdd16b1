"""The wait before a connection while the address has made too many attempts."""

import asyncio
from datetime import UTC, datetime

from monitor.clock import SystemClock
from monitor.exchange.binance.rate_limits import CONNECTION_WINDOW_S, MAX_ACCOUNT_CONNECTIONS, WeightBudget
from monitor.exchange.binance.streams.websocket import ConnectionGate, WebSocketFactory
from tests.support.sandbox import sandbox

SPEED = 200.0


async def test_account_waits_for_the_exchange_and_prices_do_not() -> None:
    clock, budget = SystemClock(datetime.now(UTC), SPEED), WeightBudget()
    began_s = clock.elapsed_s()
    for _ in range(MAX_ACCOUNT_CONNECTIONS):
        assert budget.take_connection(began_s, is_account=True) is None
    sockets = WebSocketFactory(gate=ConnectionGate(budget, clock))
    async with sandbox() as around:
        url = around.ready.ws_api_url

        async def connect_account() -> float:
            async with sockets.open(url, lambda: None):
                return clock.elapsed_s()

        waiting = asyncio.create_task(connect_account())
        async with sockets.open(url, lambda: None, is_account=False):
            pass
        assert await waiting - began_s >= CONNECTION_WINDOW_S

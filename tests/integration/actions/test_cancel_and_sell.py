"""The daemon frees what an order of its owner locks, and sells what brings the account back to its target."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.clock import SystemClock
from monitor.core.model.intent import IntentState
from monitor.exchange.binance.api.orders import create_margin_order
from monitor.exchange.binance.factory import create_account
from monitor.sandbox.scenario.scenario import Scenario, initial_balance
from monitor.sandbox.server import SandboxInfo
from tests.support.command import margin_monitor
from tests.support.connected_sandbox import credentials_of, hosts_of
from tests.support.daemon import daemon_process, eventually, starting_now, write_config
from tests.support.money_actions import intents
from tests.support.sandbox import sandbox

D = Decimal
PLAN = """
[[rules]]
name = "acts"
scope = "cross"
when = "margin_level < 1.9"
for = "5s"
actions = ["free", "sell"]

[[actions]]
name = "free"
kind = "cancel_orders"
mode = "live"

[[actions]]
name = "sell"
kind = "reduce"
mode = "live"
asset = "USDT"
sell = ["BTC"]
target = "margin_level >= 2"
max_amount = "50000"
max_per_day = "50000"
"""


def long() -> Scenario:
    """1.5 BTC at 60,000 and 6,000 USDT held for 60,000 USDT owed: a level of 1.6."""
    rows = {"BTC": initial_balance("1.5"), "USDT": initial_balance("6000", borrowed="60000")}
    calm = starting_now()
    return replace(calm, accounts=(replace(calm.accounts[0], cross=rows, isolated={}, spot={}, funding={}),))


async def place(ready: SandboxInfo) -> None:
    """A purchase far below the market that locks all dollars."""
    account = create_account(
        name="main", base_urls=hosts_of(ready), credentials=credentials_of(ready), clock=SystemClock()
    )
    asked = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    try:
        sent = await account.send_function(create_margin_order, {**asked, "quantity": "0.15", "price": "40000"})
        assert sent.content is not None, sent.outcome
    finally:
        await account.aclose()


@pytest.mark.slow
async def test_open_orders_are_cancelled_and_collateral_is_sold_to_reach_the_target(tmp_path: Path) -> None:
    async with sandbox(long()) as box:
        await place(box.ready)
        config = write_config(tmp_path, box.ready, more=PLAN)
        async with daemon_process(config):

            async def is_sold() -> bool:
                return any(i.kind == "reduce" and i.state is IntentState.CONFIRMED for i in intents(tmp_path))

            await eventually(is_sold, 30, story=lambda: str(intents(tmp_path)))
        kinds = [(one.kind, one.state) for one in intents(tmp_path)]
        assert kinds[:2] == [("cancel_orders", IntentState.CONFIRMED), ("reduce", IntentState.CONFIRMED)]
        book: Any = box.sandbox.state_dump
        ledger = book["accounts"]["main"]["cross"]
        assert D(2) <= D(ledger["level_exact"]) <= D("2.002")
        shown = margin_monitor(config, "actions", "show", str(intents(tmp_path)[1].id))
        assert "sell 0." in shown.out
        assert "AUTO_REPAY" in shown.out
        assert margin_monitor(config, "actions", "verify").code == 0

"""The daemon brings in 90 days of interest by itself, and `interest` says what the exchange's own books say."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.core.state.account_state import AccountState
from tests.support.command import margin_monitor
from tests.support.daemon import clock_of, eventually, in_process_daemon, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sandbox_interest import add_past_charges, charged_interest

SPEED = 30
"""Between two requests for what is missing lie three seconds of the exchange."""


@pytest.mark.slow
async def test_interest_of_90_days_equals_the_exchange_ledger(tmp_path: Path) -> None:
    async with sandbox(starting_now(), speed=SPEED) as box:
        clock = clock_of(box.sandbox)
        add_past_charges(box.sandbox, clock.now(), 92 * 24)
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock) as here:

            def is_whole(state: AccountState) -> bool:
                read = state.interest.charges
                return read is not None and read.since is not None and read.since < read.at - timedelta(days=89)

            await here.wait_for_state(is_whole, within_s=50)
            since = (clock.now() - timedelta(days=80)).replace(microsecond=0)

            whole: dict[str, Any] = {}

            async def agrees() -> bool:
                # The exchange goes on charging: what it charged a moment ago, the daemon reads in a moment.
                said = await asyncio.to_thread(
                    margin_monitor, config, "interest", "--since", since.isoformat(), "--json"
                )
                assert said.code == 0, said.err
                found = {
                    (item["symbol"] or "", item["asset"]): (Decimal(item["interest"]), item["charges"])
                    for item in said.json()["items"]
                }
                whole.update(said.json())
                return found == charged_interest(box.sandbox, since)

            await eventually(agrees, 60)
    assert {(rate["symbol"], rate["asset"]) for rate in whole["rates"]} == {
        (None, "ETH"),
        (None, "USDT"),
        ("BTCUSDT", "USDT"),
    }

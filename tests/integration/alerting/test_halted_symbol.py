"""A symbol that the exchange halts: noticed by its silence, asked about, named, and no longer once it trades again."""

from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.server import Sandbox
from tests.support.daemon import InProcessDaemon, clock_of, in_process_daemon, write_config
from tests.support.sandbox import sandbox

SPEED = 240
INFO = "/api/v3/exchangeInfo"
OWN_PACE = {"cross": "60s", "isolated": "60s", "near_liquidation": "60s", "stale_after": "30m"}


def named(shown: dict[str, Any]) -> set[str]:
    """The texts of what the figures of cross and of the pair lack because something is halted."""
    rows = [shown["cross"], *shown["isolated"]]
    return {gap["text"] for row in rows for gap in row["gaps"] if gap["kind"] == "halted"}


@pytest.mark.slow
async def test_halted_symbol_is_reported_within_two_price_reads(tmp_path: Path) -> None:
    async with sandbox(speed=SPEED, ping_every_s=1) as world:
        config = write_config(tmp_path, world.ready, schedule=OWN_PACE)
        async with in_process_daemon(config, clock_of(world.sandbox)) as here:
            await here.wait_for_state(
                lambda state: state.reference.trading_rules.by_symbol.keys() >= {"BTCUSDT", "ETHUSDT"}
            )
            halted = here.clock.now()
            asked = _status_reads(world.sandbox)
            world.sandbox.user_actions.set_status("ETHUSDT", "BREAK")
            await _names(here, {"ETHUSDT is halted (BREAK): its price may stand still"})
            # A read of prices to see that it rests, one to see that it still does, and the question.
            assert (here.clock.now() - halted).total_seconds() < 30 * 60
            assert _status_reads(world.sandbox) == asked + 1
            world.sandbox.user_actions.set_status("ETHUSDT", "TRADING")
            await _names(here, set())


def _status_reads(box: Sandbox) -> int:
    return sum(request.path == INFO for request in box.requests)


async def _names(here: InProcessDaemon, texts: set[str]) -> None:
    await here.wait_for_document(lambda shown: named(shown) == texts, 30)

"""A symbol that the exchange halts: noticed by its silence, asked about, named, and no longer once it trades again."""

from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.server import Sandbox
from tests.support.daemon import Here, clock_of, daemon_here, write_config
from tests.support.sandbox import sandbox

SPEED = 240
INFO = "/api/v3/exchangeInfo"
OWN_PACE = {"cross": "60s", "isolated": "60s", "near_liquidation": "60s", "stale_after": "30m"}


def named(shown: dict[str, Any]) -> set[str]:
    """The texts of what the figures of cross and of the pair lack because something is halted."""
    rows = [shown["cross"], *shown["isolated"]]
    return {gap["text"] for row in rows for gap in row["gaps"] if gap["kind"] == "halted"}


@pytest.mark.slow
async def test_a_halted_market_is_named_within_two_reads_of_its_price(tmp_path: Path) -> None:
    async with sandbox(speed=SPEED, ping_every_s=1) as world:
        config = write_config(tmp_path, world.ready, schedule=OWN_PACE)
        async with daemon_here(config, clock_of(world.sandbox)) as here:
            await here.until(lambda state: state.followed.markets.by_symbol.keys() >= {"BTCUSDT", "ETHUSDT"})
            halted = here.clock.now()
            asked = _asked(world.sandbox)
            world.sandbox.hand.set_status("ETHUSDT", "BREAK")
            await _names(here, {"ETHUSDT is halted (BREAK): its price may stand still"})
            # A read of prices to see that it rests, one to see that it still does, and the question.
            assert (here.clock.now() - halted).total_seconds() < 30 * 60
            assert _asked(world.sandbox) == asked + 1
            world.sandbox.hand.set_status("ETHUSDT", "TRADING")
            await _names(here, set())


def _asked(box: Sandbox) -> int:
    return sum(one.path == INFO for one in box.requests)


async def _names(here: Here, texts: set[str]) -> None:
    await here.until_stored(lambda shown: named(shown) == texts, 30)

"""The daily report through the whole daemon: made when its time comes, heard by a real service, and not made again."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.daemon import clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink


@pytest.mark.slow
async def test_daily_report_is_sent_once_at_its_time(tmp_path: Path) -> None:
    with http_sink() as hook:
        async with sandbox(speed=30) as running:
            clock = clock_of(running.sandbox)
            at = clock.now() + timedelta(minutes=3)
            config = write_config(
                tmp_path,
                running.ready,
                channels={"hook": f"{hook.url}/told"},
                first="default_rules = false",
                more=f'[report]\nat = "{at:%H:%M}"',
            )

            async def has_come() -> bool:
                return bool(hook.received)

            async with in_process_daemon(config, clock):
                await eventually(has_come, 40)
            began = clock.now()

            async def a_minute_passed() -> bool:
                return clock.now() - began > timedelta(minutes=1)

            async with in_process_daemon(config, clock) as here:
                await here.wait_for_state(lambda state: state.cross is not None)
                await eventually(a_minute_passed)
    (told,) = (received.json() for received in hook.received)
    assert told["title"].startswith("[NOTICE] info report on 1d: ")
    # 1.5 BTC at 60,000 and 20,000 USDT against 10 ETH at 3,000 and 30,000 USDT.
    assert "main cross: level 1.8" in told["text"]
    # Before the daemon was there nothing is known, and that is said.
    assert "main cross: no figures between" in told["text"]
    assert "AUDIT TRAIL\nends at 1:" in told["text"]

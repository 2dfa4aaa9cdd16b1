"""A reader of the log who stalls, as a terminal after Ctrl-S or a full pipe does: the watch goes on."""

import asyncio
import contextlib
import os
import sys
from decimal import Decimal
from pathlib import Path

from tests.support.daemon import ENDS_WITHIN_S, STARTS_WITHIN_S, eventually, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink


async def test_alert_is_sent_while_the_log_reader_stalls(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"earlier\n")
    os.set_blocking(writing, True)
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "monitor", "--config", str(config), "--log-level", "debug", "run"),
                env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
                cwd=Path(__file__).parents[3],
                stdout=asyncio.subprocess.DEVNULL,
                stderr=writing,
            )
            try:

                async def is_watching() -> bool:
                    return len(box.sandbox.requests) > 40

                await eventually(is_watching, STARTS_WITHIN_S)
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))
                await asyncio.to_thread(
                    sink.wait_for, lambda received: any("near-call" in one.body.decode() for one in received), 30
                )
                process.terminate()
                assert await asyncio.wait_for(process.wait(), ENDS_WITHIN_S) == 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
                os.close(writing)
                os.close(reading)

"""`demo --serve`: the page of each run is there while the story goes on, and everything ends with Ctrl-C
or SIGTERM."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.integration.web.http_client import Address, send

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SERVED_WITHIN_S = 90
ENDS_WITHIN_S = 30
LINE = re.compile(r"the page of the (\w+) run: http://127\.0\.0\.1:(\d+)/  \(to act, log in with \S+\)")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
async def test_pages_of_both_runs_are_open_until_the_end(end: signal.Signals, tmp_path: Path) -> None:
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "demo", "--serve", "--output", str(tmp_path / "demo")),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert demo.stderr is not None
    addresses: dict[str, Address] = {}
    try:
        async with asyncio.timeout(SERVED_WITHIN_S):
            while len(addresses) < 2:
                found = LINE.search((await demo.stderr.readline()).decode())
                if found is not None:
                    addresses[found.group(1)] = ("127.0.0.1", int(found.group(2)))
        assert set(addresses) == {"unguarded", "guarded"}
        for address in addresses.values():
            answer = await send(address, "GET", "/", {"Accept": "text/html"})
            assert (answer.status, "margin-monitor" in answer.text) == (200, True)
        demo.send_signal(end)
        await asyncio.wait_for(demo.wait(), ENDS_WITHIN_S)
    finally:
        if demo.returncode is None:
            demo.kill()
            await demo.wait()

    # The processes of the runs end before the demo does.
    assert not any([await is_open(address) for address in addresses.values()])


async def is_open(address: Address) -> bool:
    try:
        _, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    writer.close()
    return True

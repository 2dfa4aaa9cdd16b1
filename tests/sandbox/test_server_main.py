"""The sandbox as a process of its own."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.sandbox import sandbox_process
from tests.support.timeouts import SOON_S


async def test_the_first_line_says_where_and_the_admin_door_works() -> None:
    async with sandbox_process("calm", frozen=True) as child:
        assert {
            "rest_url",
            "ws_api_url",
            "market_stream_url",
            "risk_stream_url",
            "admin_url",
            "accounts",
            "timeline",
        } <= set(child.ready)
        assert child.ready["accounts"][0]["name"] == "main"
        await child.post_admin("price", symbol="BTCUSDT", price="50000")
        await child.post_admin("deposit", account="main", asset="USDT", amount="10", place="spot")
        await child.post_admin("transfer", account="main", type="MAIN_MARGIN", asset="USDT", amount="10")
        await child.post_admin("repay", account="main", asset="USDT", amount="5")
        await child.post_admin("advance?seconds=60")
        ledger = await child.read_admin("ledger")
        cross = ledger["accounts"]["main"]["cross"]
        assert ledger["prices"]["BTCUSDT"]["index"] == "50000.00000000"
        assert (cross["balances"]["USDT"]["free"], cross["balances"]["USDT"]["borrowed"]) == (
            "20005.00000000",
            "29995.00000000",
        )
        assert ledger["now"] == child.ready["timeline"]["start"] * 1000 + 60_000
        assert ledger["imbalance"] == {}
        assert [row["kind"] for row in ledger["movements"]] == ["transfer", "repay"]
        assert await child.read_admin("sent-events") == []
        await child.post_admin("faults", what="hang", path="/sapi/*")
        with pytest.raises(RuntimeError, match="unknown act"):
            await child.post_admin("dance")


async def test_server_uses_machine_time_unless_started_with_scenario_time() -> None:
    async with sandbox_process("crash-2025-10-10") as child:
        ledger = await child.read_admin("ledger")
        assert abs(ledger["now"] / 1000 - time.time()) < 5
        assert ledger["prices"]["SOLUSDT"]["spot"].startswith(("220", "219"))
    async with sandbox_process("crash-2025-10-10", start="scenario", frozen=True) as child:
        assert (await child.read_admin("ledger"))["now"] == 1_760_129_280_000


async def test_server_stops_cleanly_on_sigterm() -> None:
    async with sandbox_process() as child:
        child.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.process.wait(), SOON_S) == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--scenario", "nowhere"], "sandbox: nowhere: can't be read"),
        (["--prices", "BTCUSDT"], "sandbox: --prices BTCUSDT: SYMBOL=FILE is meant"),
        (["--prices", "BTCUSDT=none.csv"], "sandbox: none.csv: can't be read as bars"),
        (["--speed", "0"], "sandbox: --speed 0.0: more than 0 is meant"),
        (["--port", "65536"], "sandbox: --port 65536: 0 to 65535 is meant"),
        (["--faults", "none.json"], "sandbox: none.json: can't be read"),
    ],
)
def test_bad_options_are_one_line(options: list[str], complaint: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "monitor.sandbox", *options], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith(complaint)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""

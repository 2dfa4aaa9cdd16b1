"""`/healthz` and `/readyz`, and what is still answered while the database fails."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from tests.integration.accounts.test_crash_looping_account import REFUSING
from tests.integration.web.served_daemon import AUTHORIZED, JSON, WITH_TOKEN, ServedDaemon, served_daemon
from tests.support.daemon import eventually
from tests.support.database_lock import locked_database

SHORT = {"cross": "1s", "isolated": "1s", "near_liquidation": "1s", "stale_after": "4s"}


async def wait_for_readiness(served: ServedDaemon, status: int, reason: str = "") -> None:
    async def found() -> bool:
        answer = await served.get("/readyz")
        return answer.status == status and reason in answer.text

    await eventually(found, 60)


async def test_stale_data_make_the_daemon_unready_until_they_are_fresh(tmp_path: Path) -> None:
    async with served_daemon(tmp_path, schedule=SHORT) as served:
        await wait_for_readiness(served, 200)
        served.box.sandbox.add_fault(Fault("status", path="/sapi/v1/margin/account", count=0, status=503))
        await wait_for_readiness(served, 503, "account main was not read for")
        assert (await served.get("/healthz")).status == 200
        served.box.sandbox.clear_faults()
        await wait_for_readiness(served, 200)


async def test_channel_that_fails_stands_on_the_pages_beside_a_ready_daemon(tmp_path: Path) -> None:
    # Nothing listens at the port of discarded messages.
    async with served_daemon(tmp_path, channels={"hook": "http://127.0.0.1:9/"}) as served:
        await wait_for_readiness(served, 200)
        assert served.supervisor.daemon is not None
        # No alert is behind this message.
        await served.supervisor.daemon.notify("warning", "a word of the test")
        for path in ("/", "/account/main"):

            async def told(path: str = path) -> bool:
                return "channel hook does not work: " in (await served.get(path)).text

            await eventually(told)
        assert (await served.get("/readyz")).status == 200


async def test_status_comes_from_memory_while_the_database_can_not_be_written(tmp_path: Path) -> None:
    async with served_daemon(tmp_path, WITH_TOKEN) as served:
        await wait_for_readiness(served, 200)
        with locked_database(f"sqlite:///{tmp_path}/monitor.db"):
            await wait_for_readiness(served, 503, "the database can't be written")
            status = await served.get("/api/v1/status")
            account = status.json()["accounts"][0]
            assert (status.status, account["account"], account["cross"]["state"]) == (200, "main", "ok")
            assert status.json()["daemon"]["running"] is True
            assert (await served.get("/metrics")).status == 200
            refused = await served.post("/api/v1/actions/pause", {**AUTHORIZED, **JSON})
            assert (refused.status, refused.error) == (503, "store")
        await wait_for_readiness(served, 200)


@pytest.mark.slow
async def test_account_that_is_down_makes_the_daemon_unready(tmp_path: Path) -> None:
    async with served_daemon(tmp_path) as served:
        await wait_for_readiness(served, 200)
        with closing(sqlite3.connect(tmp_path / "monitor.db")) as other, other:
            other.execute(REFUSING)
        served.box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))
        await wait_for_readiness(served, 503, "account main is down (")
        assert "tampered" in (await served.get("/readyz")).text
        assert (await served.get("/healthz")).status == 200

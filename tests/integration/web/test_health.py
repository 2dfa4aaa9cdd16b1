"""`/healthz` and `/readyz`, and what is still answered while the database fails."""

from pathlib import Path

from monitor.sandbox.faults import Fault
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

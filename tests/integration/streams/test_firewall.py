"""A firewall's 403 and the whole daemon: other hosts are read at once, and no data ages by a minute."""

from functools import partial
from itertools import pairwise
from pathlib import Path

from monitor.core.state.account_state import AccountState
from monitor.sandbox.faults import Fault
from monitor.sandbox.server import Sandbox
from tests.support.daemon import InProcessDaemon, clock_of, in_process_daemon, write_config
from tests.support.sandbox import sandbox

CROSS_PATH, ISOLATED_PATH = "/sapi/v1/margin/account", "/sapi/v1/margin/isolated/account"
UNSEEN_MS = 45_000
"""Maximum time without an answer to a read: a few seconds, and what a busy machine needs; once it was a minute."""

TIMES = 3


async def test_reads_recover_by_another_host_at_once_or_soon_after_a_block(tmp_path: Path) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready)
        port = box.ready.rest_url.rpartition(":")[2]
        hosts = f'rest_url = "http://localhost:{port}"\nrest_fallback_urls = ["{box.ready.rest_url}"]'
        config.write_text(config.read_text().replace(f'rest_url = "{box.ready.rest_url}"', hosts))
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await goes_on(here)
            one = Fault("status", host="localhost", path="/sapi/*", status=403, body="<html>no</html>", count=0)
            box.sandbox.add_fault(one)
            await goes_on(here)
            for path in (CROSS_PATH, ISOLATED_PATH):
                # A refused request is answered by the other host in the very next try.
                assert all(later == 200 for before, later in pairwise(statuses(box.sandbox, path)) if before == 403)

            box.sandbox.clear_faults()
            for path in (CROSS_PATH, ISOLATED_PATH):
                box.sandbox.add_fault(Fault("status", path=path, status=403, body="<html>no</html>", count=TIMES))
            await here.wait_for_state(
                lambda _: all(refused(box.sandbox, path) >= TIMES for path in (CROSS_PATH, ISOLATED_PATH)), 90
            )
            await goes_on(here)
        for path in (CROSS_PATH, ISOLATED_PATH):
            seen = [request.at for request in box.sandbox.requests if request.path == path and request.status == 200]
            assert max(later - before for before, later in pairwise(seen)) < UNSEEN_MS


async def goes_on(here: InProcessDaemon) -> None:
    """Return once cross and the pairs were read twice more."""
    for _ in range(2):
        before = here.daemon.account_states().get("main")
        await here.wait_for_state(partial(is_newer, before), 90)


def is_newer(before: AccountState | None, now: AccountState) -> bool:
    if now.cross is None or now.isolated is None:
        return False
    if before is None or before.cross is None or before.isolated is None:
        return True
    return now.cross.as_of > before.cross.as_of and now.isolated.as_of > before.isolated.as_of


def statuses(box: Sandbox, path: str) -> list[int]:
    return [request.status for request in box.requests if request.path == path and request.status]


def refused(box: Sandbox, path: str) -> int:
    return sum(status == 403 for status in statuses(box, path))

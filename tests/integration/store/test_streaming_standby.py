"""Failover to a standby that streams: a synchronous one lacks nothing; what another lacks is not guessed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.intent import IntentState
from monitor.sandbox.faults import Fault
from monitor.store.commands_in_force import is_paused
from monitor.store.writes.audit import verify_trail
from tests.integration.actions.test_usage_after_record_gaps import (
    REFUSED,
    capped,
    command,
    is_cap_reached,
    is_stopped,
    repaid,
)
from tests.integration.store.test_failing_store import ACTIONS, alerts_received, has_received, money_requests
from tests.integration.store.test_failover import NEVER_ANSWERS, is_loss_notified, states
from tests.integration.store.test_running_without_database import acted, crash_prices, is_recording
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, starting_now, write_config
from tests.support.faulty_proxy import FaultyProxy, proxy_to
from tests.support.money_actions import money_requests as orders
from tests.support.postgres import PostgresServer, own_server
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink
from tests.support.timeouts import SOON_S

D = Decimal
S = IntentState
pytestmark = pytest.mark.slow


@contextmanager
def replicated(*, synchronous: bool) -> Iterator[tuple[PostgresServer, PostgresServer, FaultyProxy, str]]:
    """A primary, its standby, the line that leads to one of them, and the URL of a database behind the line."""
    with own_server() as primary, proxy_to(primary.socket) as line:
        primary.create_database("margin")
        standby = primary.standby(synchronous=synchronous)
        try:
            yield primary, standby, line, f"postgresql+psycopg://tester@127.0.0.1:{line.port}/margin"
        finally:
            standby.remove()


def fail_over(standby: PostgresServer, line: FaultyProxy) -> None:
    """The standby takes the place of the lost primary."""
    line.lead_to(standby.socket)
    standby.promote()


async def is_recorded(here: InProcessDaemon, wanted: IntentState) -> bool:
    return here.daemon.is_recording and await here.store.read(states) == [wanted]


@pytest.mark.parametrize("faults", [(), (NEVER_ANSWERS,)], ids=["done", "in doubt"])
async def test_synchronous_standby_lacks_no_step_of_an_order(tmp_path: Path, faults: tuple[Fault, ...]) -> None:
    with replicated(synchronous=True) as (primary, standby, line, url), http_sink() as sink:
        async with sandbox(starting_now(), faults=faults) as box:
            config = capped(tmp_path, box, url=url, sink=sink)
            async with in_process_daemon(config, waits=False) as here:
                wanted = S.UNCERTAIN if faults else S.CONFIRMED
                await here.wait_for_state(lambda state: [i.state for i in state.intents.values()] == [wanted], 60)
                primary.kill()
                await asyncio.to_thread(fail_over, standby, line)
                await eventually(lambda: is_recorded(here, S.CONFIRMED), 90)
                await is_cap_reached(here)
                assert (await here.store.read(verify_trail)).problems == ()
                # Nobody else had the lease, and it lost no row: nothing had to be loaded or recorded again.
                assert here.store.replacement_count == 0
            assert not any(map(is_loss_notified, sink.received))
            assert len(orders(box.sandbox.requests)) == 1


async def test_daemon_without_its_synchronous_standby_watches_and_moves_nothing(tmp_path: Path) -> None:
    with replicated(synchronous=True) as (_, standby, _, url), http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, url=url, channels={"phone": sink.url}, more=ACTIONS)
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(
                    lambda state: state.cross and state.thresholds.cross and state.wallets.get("spot")
                )
                await asyncio.to_thread(standby.kill)
                await eventually(lambda: is_failing(here), 60)
                crash_prices(box.sandbox)
                await eventually(lambda: has_received(sink, "near-call"), 60)
                assert "Not recorded:" in str(alerts_received(sink, "near-call")[0]["text"])
                assert money_requests(box.sandbox) == []
                await asyncio.to_thread(standby.start)
                await eventually(lambda: is_recording(here), 90)
                await eventually(lambda: acted(box.sandbox), 60)


async def is_failing(here: InProcessDaemon) -> bool:
    return here.store.is_failing


async def test_next_daemon_on_a_standby_that_lacks_an_order_counts_it_from_the_exchange(tmp_path: Path) -> None:
    with replicated(synchronous=False) as (primary, standby, line, url), http_sink() as sink:
        wait = tmp_path / "wait"
        wait.touch()
        async with sandbox(starting_now()) as box:
            config = capped(tmp_path, box, url=url, sink=sink)
            config.write_text(config.read_text().replace('pause_file = ""', f'pause_file = "{wait}"'))
            async with in_process_daemon(config, waits=False) as here:
                await here.wait_for_state(lambda state: state.cross and state.record_coverage.gap_since is None, 60)
                await asyncio.to_thread(primary.cut_replication)
                wait.unlink()
                await here.wait_for_state(lambda state: [i.state for i in state.intents.values()] == [S.CONFIRMED], 60)
                await is_cap_reached(here)
                primary.kill()
                line.disconnect_clients()
            # The daemon is gone with the primary, and with all that only they knew.
            assert repaid(box) == 500
            await asyncio.to_thread(fail_over, standby, line)
            box.sandbox.add_fault(REFUSED)
            async with in_process_daemon(config) as again:
                assert await again.store.read(states) == []
                # While the caps are unknown nothing is sent; nor is it once they are known to be used up.
                await again.wait_for_state(lambda state: is_stopped(state, "can't be read from the exchange"), 60)
                box.sandbox.clear_faults()
                await is_cap_reached(again)
                assert [(m.kind, m.amount) for m in again.state().record_coverage.gap_movements] == [("repay", D(500))]
            await asyncio.to_thread(
                sink.wait_for,
                lambda received: any("moved while nothing was recorded" in str(one.json()) for one in received),
                SOON_S,
            )
            assert repaid(box) == 500
            assert len(orders(box.sandbox.requests)) == 1


async def test_pause_that_the_standby_lacks_is_made_again_by_the_running_daemon(tmp_path: Path) -> None:
    with replicated(synchronous=False) as (primary, standby, line, url), http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, url=url, channels={"phone": sink.url})
            async with in_process_daemon(config, waits=False) as here:
                await here.wait_for_state(lambda state: state.cross and state.health.lease_held, 60)
                await asyncio.to_thread(primary.cut_replication)
                await command(config, "actions", "pause")
                await here.wait_for_state(lambda state: state.is_paused)
                primary.kill()
                await asyncio.to_thread(fail_over, standby, line)
                await asyncio.to_thread(
                    sink.wait_for, lambda received: any("they are paused again" in str(one.json()) for one in received)
                )
                assert here.state().is_paused
                assert await here.store.read(is_paused)
                await command(config, "actions", "resume")
                await here.wait_for_state(lambda state: not state.is_paused)
                assert not await here.store.read(is_paused)

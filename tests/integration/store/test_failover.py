"""A server that fails over to a standby that lacked an order: it is recorded once more, told, and goes on to count."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection

from monitor.core.model.intent import IntentState
from monitor.sandbox.faults import Fault
from monitor.store.readers.intents import read_intents
from monitor.store.writes.audit import verify_trail
from tests.integration.actions.test_usage_after_record_gaps import is_cap_reached, repaid
from tests.support.daemon import eventually, in_process_daemon, starting_now, write_config
from tests.support.faulty_proxy import proxy_to
from tests.support.money_actions import REPAY_PATH, money_requests, repay_config
from tests.support.postgres import own_server
from tests.support.sandbox import sandbox
from tests.support.sinks import Answer, Received, http_sink
from tests.support.timeouts import SOON_S

S = IntentState
NEVER_ANSWERS = Fault(what="delay", method="POST", path=REPAY_PATH, seconds=600.0)


def states(connection: Connection) -> list[IntentState]:
    return [row.intent.state for row in read_intents(connection, include_final=True)]


def is_loss_notified(message: Received) -> bool:
    return "had lost the record" in str(message.json())


def count_outcomes(received: list[Received]) -> int:
    """Return how often the order's first notice was sent; it is refused before the failover."""
    texts = [message.json()["text"] for message in received]
    return sum("done; the level" in text or "whether it was carried out" in text for text in texts)


@pytest.mark.slow
@pytest.mark.parametrize("faults", [(), (NEVER_ANSWERS,)], ids=["done", "in doubt"])
async def test_intent_missing_on_the_standby_is_recorded_again(tmp_path: Path, faults: tuple[Fault, ...]) -> None:
    wait = tmp_path / "wait"
    wait.touch()
    more = repay_config(max_amount="500", cooldown="1s", pause_file=str(wait)).replace("100000", "500")
    with own_server() as primary, proxy_to(primary.socket) as line, http_sink() as sink:
        primary.create_database("margin")
        url = f"postgresql+psycopg://tester@127.0.0.1:{line.port}/margin"
        async with sandbox(starting_now(), faults=faults) as box:
            config = write_config(tmp_path, box.ready, url=url, channels={"phone": sink.url}, more=more)
            async with in_process_daemon(config, waits=False) as here:
                await here.wait_for_state(lambda state: state.cross and state.record_coverage.gap_since is None, 60)
                standby = await asyncio.to_thread(primary.copied)
                try:
                    sink.default = Answer(status=503)
                    wait.unlink()
                    wanted = S.UNCERTAIN if faults else S.CONFIRMED
                    await here.wait_for_state(lambda state: [i.state for i in state.intents.values()] == [wanted], 60)
                    await asyncio.to_thread(sink.wait_for, lambda received: count_outcomes(received) >= 1, SOON_S)
                    primary.kill()
                    line.lead_to(standby.socket)
                    refused = count_outcomes(list(sink.received))
                    sink.default = Answer()
                    await asyncio.to_thread(standby.start)

                    async def is_recorded() -> bool:
                        return here.daemon.is_recording and await here.store.read(states) == [S.CONFIRMED]

                    await eventually(is_recorded, 90)
                    await asyncio.to_thread(
                        sink.wait_for, lambda received: any(map(is_loss_notified, received)), SOON_S
                    )
                    await asyncio.to_thread(sink.wait_for, lambda received: count_outcomes(received) > refused, SOON_S)
                    await is_cap_reached(here)
                    assert (await here.store.read(verify_trail)).problems == ()
                    # In the daemon after this one it counts as well, and is no other hand's doing.
                    here.daemon.stop()
                    await here.task
                    await here.store.close()
                    async with in_process_daemon(config) as again:
                        await is_cap_reached(again)
                        assert again.state().record_coverage.gap_movements == ()
                    assert len(money_requests(box.sandbox.requests)) == 1
                    assert repaid(box) == 500
                finally:
                    standby.remove()

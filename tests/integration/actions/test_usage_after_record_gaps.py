"""What the database does not remember of the last day is read at the exchange before anything is sent."""

import asyncio
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from monitor.core.state.account_state import AccountState
from monitor.runtime.account import record_gaps as reading
from monitor.sandbox.faults import Fault
from monitor.store.command_store import ReadStore
from monitor.store.commands_in_force import read_pause
from monitor.store.db import connections as opening
from tests.support.command import margin_monitor
from tests.support.daemon import InProcessDaemon, eventually, in_process_daemon, starting_now, write_config
from tests.support.money_actions import REPAY_PATH, money_requests, repay_config, requested_total
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import HttpSink, http_sink

D = Decimal
REFUSED = Fault(
    what="status", method="GET", path=REPAY_PATH, status=400, code=-3003, message="no such account", count=0
)

HANGS = replace(REFUSED, what="delay", seconds=3600.0)
NO_PAIRS = replace(REFUSED, path="/sapi/v1/margin/isolated/account")


def capped(
    folder: Path, box: RunningSandbox, *, a_day: str = "500", url: str = "", sink: HttpSink | None = None
) -> Path:
    """A config whose action repays 500 USDT at a time, again after a second, within so much a day."""
    more = repay_config(max_amount="500", cooldown="1s").replace('max_per_day = "100000"', f'max_per_day = "{a_day}"')
    channels = {} if sink is None else {"phone": sink.url}
    return write_config(folder, box.ready, url=url, channels=channels, more=more)


async def command(config: Path, *words: str) -> str:
    said = await asyncio.to_thread(margin_monitor, config, *words)
    assert said.code == 0, said
    return said.out


def is_stopped(state: AccountState, words: str) -> bool:
    return any(words in stop.reason for stop in state.action_blocks.values())


async def is_cap_reached(here: InProcessDaemon) -> None:
    await here.wait_for_state(lambda state: is_stopped(state, "max_per_day is used up"), 40)


def repaid(box: RunningSandbox) -> Decimal:
    return requested_total(money_requests(box.sandbox.requests))


async def test_restored_backup_is_paused_and_keeps_used_caps(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        config = capped(tmp_path, box)
        await command(config, "db", "upgrade")
        await command(config, "db", "backup", str(tmp_path / "before.db"))
        async with in_process_daemon(config) as here:
            await is_cap_reached(here)
        assert repaid(box) == 500
        assert "actions are paused" in await command(config, "db", "restore", str(tmp_path / "before.db"), "--force")
        with ReadStore.open(f"sqlite:///{tmp_path}/monitor.db") as store:
            by = store.read(read_pause)
        assert by is not None
        assert by[0].endswith(", by db restore")
        async with in_process_daemon(config) as here:
            await here.wait_for_state(lambda state: state.is_paused and state.record_coverage.gap_since is None, 40)
            await command(config, "actions", "resume")
            await here.wait_for_state(lambda state: not state.is_paused)
            await is_cap_reached(here)
            assert [(movement.kind, movement.amount) for movement in here.state().record_coverage.gap_movements] == [
                ("repay", D(500))
            ]
        assert repaid(box) == 500


async def test_lost_repayment_equal_to_a_kept_one_counts(tmp_path: Path) -> None:
    backup = str(tmp_path / "before.db")
    async with sandbox(starting_now()) as box:
        config = capped(tmp_path, box)
        async with in_process_daemon(config) as here:
            await is_cap_reached(here)
        await command(config, "db", "backup", backup)
        config = capped(tmp_path, box, a_day="1000")
        async with in_process_daemon(config) as here:
            await is_cap_reached(here)
        assert repaid(box) == 1000
        await command(config, "db", "restore", backup, "--force")
        await command(config, "actions", "resume")
        async with in_process_daemon(config) as here:
            await is_cap_reached(here)
        assert repaid(box) == 1000


async def test_fresh_database_counts_usage_from_the_exchange_history(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = capped(tmp_path, box, a_day="750", sink=sink)
            box.sandbox.user_actions.repay("main", "USDT", D(500))
            async with in_process_daemon(config) as here:
                await is_cap_reached(here)
            assert repaid(box) == 250
            told = [
                one.json()["text"] for one in sink.received if "moved while nothing was recorded" in str(one.json())
            ]
            assert len(told) == 1
            assert "repaid 500 USDT, cross" in told[0]
            # What was found once is remembered, and found no second time.
            async with in_process_daemon(config) as here:
                await is_cap_reached(here)
                assert len(here.state().record_coverage.gap_movements) == 1
            assert repaid(box) == 250


async def test_equal_movements_of_one_moment_each_count_once(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        config = capped(tmp_path, box, a_day="300")
        moved = [D(amount) for amount in range(1, 5) for _ in range(2)]
        for amount in moved:
            # Two by two, within less than a millisecond.
            box.sandbox.user_actions.repay("main", "USDT", amount)
        for _ in range(2):
            async with in_process_daemon(config) as here:
                await is_cap_reached(here)
                assert sorted(movement.amount for movement in here.state().record_coverage.gap_movements) == moved
        assert repaid(box) == 300 - sum(moved)


async def test_a_restart_counts_nothing_twice(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        config = capped(tmp_path, box)
        async with in_process_daemon(config) as here:
            await is_cap_reached(here)
        capped(tmp_path, box, a_day="1000")
        async with in_process_daemon(config) as here:
            await is_cap_reached(here)
            assert here.state().record_coverage.gap_movements == ()
        assert repaid(box) == 1000


@pytest.mark.slow
async def test_movement_after_a_gap_is_not_counted_in_it(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        config = capped(tmp_path, box)
        async with in_process_daemon(config) as here:
            await here.wait_for_state(lambda state: state.record_coverage.gap_since is None)
            box.sandbox.user_actions.repay("main", "USDT", D(7))
            # Also the order of the daemon is there by then.
            await is_cap_reached(here)

            async def is_read_again() -> bool:
                spans = [
                    (request.params["startTime"], request.params["endTime"])
                    for request in box.sandbox.requests
                    if request.method == "GET" and request.path == REPAY_PATH and "isolatedSymbol" not in request.params
                ]
                return len(spans) > len(set(spans))

            await eventually(is_read_again, 40)
            assert here.state().record_coverage.gap_movements == ()


@pytest.mark.slow
async def test_failing_second_read_is_abandoned_with_a_notice(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now()) as box:
            config = capped(tmp_path, box, sink=sink)
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: state.record_coverage.gap_since is None)
                box.sandbox.add_fault(REFUSED)
                await asyncio.to_thread(
                    sink.wait_for, lambda received: any("is not tried again" in str(one.json()) for one in received), 40
                )


async def test_transfers_of_a_gap_are_read_for_every_action_kind(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        config = capped(tmp_path, box)
        box.sandbox.user_actions.deposit("main", "USDT", D(9))
        box.sandbox.user_actions.transfer("main", "MAIN_MARGIN", "USDT", D(9))
        async with in_process_daemon(config) as here:
            await here.wait_for_state(lambda state: state.record_coverage.gap_since is None)
            assert [(movement.kind, movement.amount) for movement in here.state().record_coverage.gap_movements] == [
                ("transfer_in", D(9))
            ]


@pytest.mark.parametrize(("fault", "why"), [(NO_PAIRS, "isolated pairs are not read"), (HANGS, "does not answer")])
async def test_gap_that_stays_open_is_notified(
    tmp_path: Path, fault: Fault, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LATE_REPORT_EVERY_S", 0.2)
    with http_sink() as sink:
        async with sandbox(starting_now(), faults=[fault]) as box:
            config = capped(tmp_path, box, sink=sink)
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: is_stopped(state, why), 40)
                await asyncio.to_thread(sink.wait_for, lambda received: any(why in str(one.json()) for one in received))
            assert repaid(box) == 0


@pytest.mark.slow
async def test_refused_history_blocks_sending_with_a_notice(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(starting_now(), faults=[REFUSED]) as box:
            config = capped(tmp_path, box, sink=sink)
            async with in_process_daemon(config) as here:
                await here.wait_for_state(lambda state: is_stopped(state, "can't be read from the exchange"), 40)
                assert here.state().record_coverage.is_failing
                await asyncio.to_thread(
                    sink.wait_for, lambda received: any("main: nothing is sent" in str(one.json()) for one in received)
                )
                (said,) = [one.json() for one in sink.received if "main: nothing is sent" in str(one.json())]
                assert said["severity"] == "critical"
                await here.wait_for_document(lambda document: "can't be read" in str(document["actions_stopped"]))
                assert "can't be read from the exchange" in await command(config, "status")
                assert repaid(box) == 0
                box.sandbox.clear_faults()
                await is_cap_reached(here)
        assert repaid(box) == 500


async def test_truncated_database_is_detected(tmp_path: Path, database_url: str) -> None:
    async with sandbox(starting_now()) as box:
        config = capped(tmp_path, box, url=database_url)
        async with in_process_daemon(config) as here:
            await is_cap_reached(here)
            await here.wait_for_state(lambda state: state.record_coverage.gap_since is None)
            begun = await here.store.read(recorded_until)

            async def is_extended() -> bool:
                return await here.store.read(recorded_until) > begun

            await eventually(is_extended)
            box.sandbox.user_actions.repay("main", "USDT", D(7))
            await asyncio.to_thread(lose_the_end, database_url)
            await here.wait_for_state(
                lambda state: [movement.amount for movement in state.record_coverage.gap_movements] == [D(7)],
                40,
            )
        assert repaid(box) == 500


def recorded_until(connection: Connection) -> int:
    return int(connection.execute(text("SELECT known_until FROM records WHERE account = 'main'")).scalar_one())


def lose_the_end(url: str) -> None:
    engine = opening.writing_engine(opening.parse_url(url))
    with closing(engine.connect()) as connection, connection.begin():
        lost = timedelta(minutes=2) // timedelta(milliseconds=1)
        connection.execute(text(f"UPDATE records SET known_until = known_until - {lost}"))
    engine.dispose()


@pytest.mark.parametrize("mode", ["approve", "dry-run"])
async def test_dry_run_does_not_wait_for_the_gap(tmp_path: Path, mode: str) -> None:
    async with sandbox(starting_now(), faults=[REFUSED]) as box:
        config = write_config(tmp_path, box.ready, more=repay_config(mode=mode))
        async with in_process_daemon(config) as here:
            await here.wait_for_state(lambda state: state.intents)
            assert here.state().record_coverage.gap_since is not None

"""A reload while the database is locked: the new daemon goes on from what the old one decided and could not record."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.cli.daemon.daemon_supervisor import DaemonSupervisor
from monitor.core.model.alert import Alert, AlertState
from monitor.runtime import store_session
from monitor.runtime.messages import delivery_store
from monitor.sandbox.server import Sandbox
from tests.integration.alerting.test_alerting import about, alerts_in, heads
from tests.support.daemon import clock_of, eventually, in_process_run, write_config
from tests.support.database_lock import locked_database
from tests.support.sandbox import price_below_rung, rung_rules, sandbox
from tests.support.sinks import Answer, HttpSink, http_sink
from tests.support.timeouts import SOON_S


@dataclass(frozen=True, slots=True)
class Run:
    """`run` in this process, its exchange and its channel."""

    turn: DaemonSupervisor
    box: Sandbox
    sink: HttpSink
    folder: Path

    def set_price(self, price: Decimal) -> None:
        self.box.user_actions.set_price("BTCUSDT", price)

    def titles(self) -> list[str]:
        return [str(one.json()["title"]) for one in list(self.sink.received)]

    def heads(self) -> list[str]:
        """What was sent, in order: `FIRING rung-0`."""
        return heads(about(self.sink.received, ("rung-0", "rung-1", "rung-2")))

    async def wait_for_message(self, head: str) -> None:
        await eventually(lambda: _is(head in self.heads()), story=lambda: str(self.heads()))

    async def recorded_alert(self, rule: str) -> Alert | None:
        """The newest alert of the rule in the database: a read from before a fall may have ended an earlier one."""
        alerts = [row.alert for row in await alerts_in(self.folder) if row.alert.key.rule == rule]
        return max(alerts, key=lambda alert: alert.id, default=None)

    async def wait_for_record(self, rule: str, state: AlertState) -> Alert:
        """The alert of the rule once the database has it in this state."""
        found: Alert | None = None

        async def holds() -> bool:
            nonlocal found
            found = await self.recorded_alert(rule)
            return found is not None and found.state is state

        await eventually(holds, story=lambda: f"{found} {self.heads()}")
        assert found is not None
        return found


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Run]:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(
                folder,
                box.ready,
                channels={"phone": sink.url},
                first="default_rules = false",
                more=rung_rules(3),
            )
            async with in_process_run(config, clock_of(box.sandbox)) as turn:
                await eventually(lambda: _is(turn.daemon is not None and turn.daemon.is_ready))
                yield Run(turn, box.sandbox, sink, folder)


async def test_new_daemon_gives_no_id_that_the_old_one_gave_unrecorded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The new daemon waits for the end of the lock, however long the change took.
    monkeypatch.setattr(store_session, "TROUBLE_TIMEOUT_S", SOON_S)
    async with running(tmp_path) as run:
        run.set_price(price_below_rung(0))
        await run.wait_for_record("rung-0", AlertState.FIRING)
        with contextlib.ExitStack() as lock:
            lock.enter_context(locked_database(f"sqlite:///{tmp_path}/monitor.db"))
            run.set_price(price_below_rung(1))
            await run.wait_for_message("FIRING rung-1")
            assert await run.recorded_alert("rung-1") is None
            first = run.turn.daemon
            run.turn.reload()
            await eventually(lambda: _is(run.turn.daemon is not first))
        unrecorded = await run.wait_for_record("rung-1", AlertState.FIRING)
        run.set_price(price_below_rung(2))
        await run.wait_for_message("FIRING rung-2")
        later = await run.wait_for_record("rung-2", AlertState.FIRING)
    assert later.id > unrecorded.id
    assert "entry.refused" not in caplog.text
    assert "account.restarting" not in caplog.text


async def test_new_daemon_sends_the_notice_that_the_old_one_could_neither_send_nor_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_store, "STORE_TIMEOUT_S", 0.3)
    notice = "[NOTICE] warning the clock is off"
    async with running(tmp_path) as run:
        with locked_database(f"sqlite:///{tmp_path}/monitor.db"):
            run.sink.default = Answer(503, {"Retry-After": "4"})
            first = run.turn.daemon
            assert first is not None
            await first.notify("warning", "the clock is off")
            await eventually(lambda: _is(notice in run.titles()), story=lambda: str(run.titles()))
            run.turn.reload()
            await eventually(lambda: _is(run.turn.daemon is not first))
            refused = run.titles().count(notice)
            run.sink.default = Answer()
            await eventually(lambda: _is(run.titles().count(notice) > refused), 60, story=lambda: str(run.titles()))


async def _is(claim: object) -> bool:
    return bool(claim)

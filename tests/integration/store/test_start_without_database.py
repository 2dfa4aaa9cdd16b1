"""A start without the database: it watches within seconds, and goes on from the database as soon as it can be read."""

import socket
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.alert import Alert, Silence, SilenceMatcher
from monitor.core.state.account_state import AccountState
from monitor.store.command_store import CommandStore
from monitor.store.db.schema_migration import upgrade
from monitor.store.writes.commands import acknowledge, add_silence
from tests.integration.store.test_failing_store import has_received
from tests.integration.store.test_running_without_database import STARTED, crash_prices, has_text, locked
from tests.support.daemon import clock_of, daemon_process, eventually, in_process_daemon, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

NAMES = ("taken", "quiet", "loud")
RULES = "".join(
    f"""
[[rules]]
name = "{name}"
scope = "cross"
when = "margin_level < initial_level"
severity = "warning"
repeat = "1s"
"""
    for name in NAMES
)


def by_rule(state: AccountState) -> dict[str, Alert]:
    return {alert.key.rule: alert for alert in state.alerts.values()}


def times_notified(sink: HttpSink, rule: str) -> int:
    """How often people were told of the rule, alone or together with others."""
    messages = [one.json() for one in sink.received]
    return sum(alert.get("rule") == rule for message in messages for alert in message.get("alerts", [message]))


async def wait_for_another(sink: HttpSink, rule: str) -> None:
    """Returns when people were told of the rule once more."""
    before = times_notified(sink, rule)

    async def is_told() -> bool:
        return times_notified(sink, rule) > before

    await eventually(is_told, 60)


async def all_rules_notified(sink: HttpSink) -> bool:
    return all(times_notified(sink, name) for name in NAMES)


@pytest.mark.slow
async def test_acks_silences_and_interest_are_adopted_once_the_database_is_readable(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            first = "default_rules = false"
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, first=first, more=RULES)
            clock = clock_of(box.sandbox)
            async with in_process_daemon(config, clock) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross)
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))
                await here.wait_for_state(lambda state: set(by_rule(state)) == set(NAMES))
                numbers = {name: alert.id for name, alert in by_rule(here.state()).items()}
            # While nobody runs.
            now = clock.now()
            with CommandStore.open(f"sqlite:///{tmp_path}/monitor.db") as people:
                people.execute(acknowledge, numbers["taken"], "me", "I am on it", now)
                matcher = SilenceMatcher("rule", "=", "quiet")
                people.execute(add_silence, Silence(0, (matcher,), now, now + timedelta(hours=2), "me", "known"))

            sink.received.clear()
            lock = ExitStack()
            lock.enter_context(locked(tmp_path / "monitor.db"))
            async with in_process_daemon(config, clock, waits=False) as here:
                # What people ordered can't be known: each is told from memory.
                await eventually(lambda: all_rules_notified(sink), 60)
                assert not here.daemon.is_recording
                lock.close()
                await here.wait_for_state(lambda state: is_known(by_rule(state), numbers), 60)

                # Whatever was on its way has left before the next reminder.
                await wait_for_another(sink, "loud")
                before = times_notified(sink, "taken") + times_notified(sink, "quiet")
                for _ in range(3):
                    await wait_for_another(sink, "loud")
                assert times_notified(sink, "taken") + times_notified(sink, "quiet") == before
                # It is asked for at once, not at its next hour.
                await here.wait_for_state(
                    lambda state: state.interest.charges is not None and state.interest.charges.since is not None, 60
                )


def is_known(alerts: dict[str, Alert], numbers: dict[str, int]) -> bool:
    """Whether the alerts have their numbers back, and what people said of them."""
    return (
        {name: alert.id for name, alert in alerts.items()} == numbers
        and alerts["taken"].acked_by == "me"
        and alerts["quiet"].silenced_by is not None
        and (alerts["loud"].acked_by, alerts["loud"].silenced_by) == (None, None)
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["swallowing line", "locked file"])
async def test_hanging_database_at_the_start_does_not_stop_watching(tmp_path: Path, kind: str) -> None:
    with ExitStack() as stack:
        sink = stack.enter_context(http_sink())
        if kind == "locked file":
            upgrade(f"sqlite:///{tmp_path}/monitor.db")
            stack.enter_context(locked(tmp_path / "monitor.db"))
            url = ""
        else:
            # It takes connections and says nothing on them.
            hole = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            url = f"postgresql+psycopg://tester@127.0.0.1:{hole.getsockname()[1]}/margin"
        async with sandbox(starting_now()) as box:
            config = write_config(tmp_path, box.ready, url=url, channels={"phone": sink.url})
            async with daemon_process(config) as child:
                await child.wait_for_line(STARTED, 60)
                await eventually(lambda: has_text(sink, "The database can't be used"), 30)
                crash_prices(box.sandbox)
                await eventually(lambda: has_received(sink, "near-call"), 30)
                assert await child.stop(within_s=30) == 0

"""The daemon as `/metrics` shows it: a real one beside a sandbox, its counts, and what a reload leaves of them."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from monitor.app.metrics import DaemonFigures
from monitor.cli.daemon.daemon_supervisor import DaemonSupervisor
from monitor.clock import SystemClock
from monitor.core.model.intent import IntentState
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import Scenario
from monitor.web.metrics.exposition import render_metrics
from tests.support.daemon import clock_of, eventually, in_process_daemon, in_process_run, write_config
from tests.support.money_actions import repay_config
from tests.support.prometheus_tools.samples import read_samples
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink
from tests.web.metrics.views import WEB_COUNTS

CROSS_READS = 'margin_monitor_polls_total{account="main",read="cross",result="ok"}'
SENT = 'margin_monitor_notifications_total{channel="phone",result="sent"}'
CONFIRMED = 'margin_monitor_actions_total{kind="repay",result="confirmed"}'


def samples(figures: DaemonFigures) -> Mapping[str, float]:
    return read_samples(render_metrics(figures.take_view(), WEB_COUNTS).decode())


async def test_daemon_counts_what_it_reads_sends_and_does(tmp_path: Path) -> None:
    with http_sink() as phone:
        async with sandbox() as box:
            config = write_config(
                tmp_path, box.ready, channels={"phone": phone.url}, first="default_rules = false", more=repay_config()
            )
            async with in_process_daemon(config, clock_of(box.sandbox)) as running:
                figures = DaemonFigures(lambda: running.daemon, running.clock)
                await running.wait_for_state(
                    lambda state: any(i.state is IntentState.CONFIRMED for i in state.intents.values())
                )
                await eventually(lambda: asyncio.sleep(0, samples(figures)[SENT] >= 1))
                found = samples(figures)
                (account,) = figures.take_view().accounts
    assert account.last_metrics is not None, "each scrape measures every subject once more"
    assert found[CONFIRMED] == 1
    assert found[CROSS_READS] >= 2
    assert found['margin_monitor_intents_open{account="main",state="submitting"}'] == 0
    assert found['margin_monitor_alerts_firing{account="main",severity="info"}'] == 1
    assert found["margin_monitor_config_last_reload_successful"] == 1
    assert found["margin_monitor_start_time_seconds"] > 0
    assert [name for name in found if name.startswith('margin_monitor_events_total{account="main",type="')]
    assert 1 < found['margin_monitor_margin_level_ratio{account="main",scope="cross"}'] < 9


async def test_failed_and_rejected_reads_and_failed_messages_are_counted(tmp_path: Path) -> None:
    async with sandbox(
        faults=[Fault("malformed", path="/sapi/v1/margin/isolated/account", count=0, form="truncated")]
    ) as box:
        dead = {"phone": "http://127.0.0.1:9/"}
        config = write_config(tmp_path, box.ready, channels=dead, first="default_rules = false", more=repay_config())
        async with in_process_daemon(config, clock_of(box.sandbox)) as running:
            figures = DaemonFigures(lambda: running.daemon, running.clock)

            async def both_failed() -> bool:
                found = samples(figures)
                is_unsent = found['margin_monitor_notifications_total{channel="phone",result="failed"}'] > 0
                bad = {name for name in found if 'read="isolated"' in name and 'result="ok"' not in name}
                return is_unsent and bool(bad)

            await eventually(both_failed)


def test_without_a_daemon_there_is_the_version_alone() -> None:
    found = samples(DaemonFigures(lambda: None, SystemClock()))
    assert [name for name in found if name.startswith("margin_monitor_build_info")]
    assert "margin_monitor_start_time_seconds" not in found


async def reload(turn: DaemonSupervisor, figures: DaemonFigures, *, is_ok: bool) -> Mapping[str, float]:
    """The samples once a reload came to its end."""
    before = turn.daemon
    turn.reload()

    async def is_done() -> bool:
        successful = samples(figures)["margin_monitor_config_last_reload_successful"] == 1
        return successful is is_ok and (turn.daemon is not before) is is_ok

    await eventually(is_done, 60)
    return samples(figures)


def two_accounts() -> Scenario:
    [main] = calm_scenario().accounts
    return replace(calm_scenario(), accounts=(main, replace(main, name="other")))


def samples_of(account: str, found: Mapping[str, float]) -> set[str]:
    """The samples of an account, its counters included."""
    return {name for name in found if f'account="{account}"' in name}


async def test_counts_survive_reloads_and_a_refused_one_shows(tmp_path: Path) -> None:
    async with sandbox(two_accounts()) as box:
        channels = {"phone": "http://127.0.0.1:9/"}
        config, clock = write_config(tmp_path, box.ready, channels=channels), clock_of(box.sandbox)
        async with in_process_run(config, clock) as turn:
            figures = DaemonFigures(lambda: turn.daemon, clock)

            async def has_read() -> bool:
                return samples(figures).get(CROSS_READS, 0) >= 2

            await eventually(has_read)
            first = samples(figures)
            reads, started_at = first[CROSS_READS], first["margin_monitor_start_time_seconds"]
            good = config.read_text()
            config.write_text(good + "\n[nonsense]\n")
            assert (await reload(turn, figures, is_ok=False))[CROSS_READS] >= reads
            loaded_at = samples(figures)["margin_monitor_config_last_reload_success_timestamp_seconds"]
            assert samples_of("other", samples(figures))
            assert SENT in samples(figures)
            # The account and the channel that are taken out of the configuration are gone.
            write_config(tmp_path, replace(box.ready, accounts=box.ready.accounts[:1]))
            found = await reload(turn, figures, is_ok=True)
            assert (bool(samples_of("main", found)), samples_of("other", found)) == (True, set())
            assert not [name for name in found if 'channel="phone"' in name]
            assert found[CROSS_READS] >= reads
            assert found["margin_monitor_start_time_seconds"] == started_at
            assert found["margin_monitor_config_last_reload_success_timestamp_seconds"] > loaded_at

"""The metrics of the daemon itself."""

from collections.abc import Mapping
from dataclasses import replace

from prometheus_client.exposition import generate_latest

from monitor.core.model.alert import Alert, AlertKey, AlertState, Severity
from monitor.core.model.events import CommandsRead, HealthRead
from monitor.core.state.account_state import AccountState
from monitor.web.metrics.catalog import DAEMON_METRICS
from monitor.web.metrics.collector import DaemonCollector
from monitor.web.metrics.daemon_view import ActivityCounts, DaemonView
from tests.support.examples.accounts import NOW, cross_account_state
from tests.support.prometheus_tools.samples import read_samples
from tests.web.metrics.views import WEB_COUNTS, daemon_view


class OneCollector:
    """A registry of one collector, as `generate_latest` takes it."""

    def __init__(self, collector: DaemonCollector) -> None:
        self.collect = collector.collect


def samples(view: DaemonView) -> Mapping[str, float]:
    return read_samples(generate_latest(OneCollector(DaemonCollector(view, WEB_COUNTS))).decode())


def alert(number: int, severity: Severity, state: AlertState) -> Alert:
    key = AlertKey(f"rule-{number}", "main", "cross")
    return Alert(number, key, state, severity, NOW, "margin_level < 2", "not when", "low")


def with_alerts(*alerts: Alert) -> AccountState:
    return replace(cross_account_state(), alerts={each.key: each for each in alerts})


def test_version_start_and_the_failed_reload_show() -> None:
    found = samples(daemon_view(activity=ActivityCounts(is_last_reload_ok=False, config_loaded_at=NOW)))
    assert found['margin_monitor_build_info{version="1.2.3"}'] == 1
    assert found["margin_monitor_start_time_seconds"] == NOW.timestamp()
    assert found["margin_monitor_config_last_reload_successful"] == 0
    assert found["margin_monitor_config_last_reload_success_timestamp_seconds"] == NOW.timestamp()


def test_counters_carry_what_was_counted_and_start_at_zero() -> None:
    counts = ActivityCounts(
        reads={("main", "cross", "ok"): 7, ("main", "cross", "failed"): 1},
        stream_events={("main", "userLiabilityChange"): 3},
        actions={("repay", "confirmed"): 1, ("borrow", "refused"): 2},
        messages={("phone", "sent"): 2},
    )
    found = samples(daemon_view(cross_account_state(), activity=counts))
    assert found['margin_monitor_polls_total{account="main",read="cross",result="ok"}'] == 7
    assert found['margin_monitor_polls_total{account="main",read="cross",result="failed"}'] == 1
    assert found['margin_monitor_events_total{account="main",type="userLiabilityChange"}'] == 3
    assert found['margin_monitor_actions_total{kind="repay",result="confirmed"}'] == 1
    assert found['margin_monitor_actions_total{kind="borrow",result="refused"}'] == 2
    assert found['margin_monitor_actions_total{kind="reduce",result="failed"}'] == 0
    assert found['margin_monitor_notifications_total{channel="phone",result="sent"}'] == 2
    assert found['margin_monitor_notifications_total{channel="phone",result="failed"}'] == 0


def test_firing_alerts_are_counted_by_severity() -> None:
    firing, pending = AlertState.FIRING, AlertState.PENDING
    found = samples(
        daemon_view(with_alerts(alert(1, "critical", firing), alert(2, "critical", firing), alert(3, "info", pending)))
    )
    assert found['margin_monitor_alerts_firing{account="main",severity="critical"}'] == 2
    assert found['margin_monitor_alerts_firing{account="main",severity="info"}'] == 0


def test_pause_by_a_person_and_pause_by_the_file_show() -> None:
    calm = cross_account_state()
    assert samples(daemon_view(calm))["margin_monitor_actions_paused"] == 0
    by_person = replace(calm, commands=CommandsRead(paused=True))
    assert samples(daemon_view(by_person))["margin_monitor_actions_paused"] == 1
    by_file = replace(calm, health=HealthRead(pause_file=True))
    assert samples(daemon_view(by_file))["margin_monitor_actions_paused"] == 1


def test_web_server_shows_how_it_is() -> None:
    found = samples(daemon_view())
    assert found["margin_monitor_web_restarts_total"] == 1
    assert found["margin_monitor_web_live_readers"] == 5


def test_daemon_without_accounts_shows_what_it_knows() -> None:
    found = samples(daemon_view())
    assert "margin_monitor_actions_paused" not in found
    assert not [name for name in found if "account=" in name]


def test_counters_end_in_total_and_gauges_do_not() -> None:
    assert [m.name for m in DAEMON_METRICS.values() if (m.kind == "counter") != m.name.endswith("_total")] == []

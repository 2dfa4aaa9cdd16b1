"""The metrics of the daemon itself, as a collector of prometheus_client."""

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitor.core.model.alert import SEVERITIES, AlertState
from monitor.core.model.intent import FINAL_STATES, IntentState
from monitor.core.model.order import ActionKind
from monitor.core.state.account_state import AccountState
from monitor.web.metrics.catalog import DAEMON_METRICS
from monitor.web.metrics.daemon_view import AccountView, DaemonView, WebCounts

_OPEN_STATES = tuple(state for state in IntentState if state not in FINAL_STATES)

_Samples = Iterable[tuple[tuple[str, ...], float]]


class DaemonCollector(Collector):
    """The samples of one view. Series whose labels are known beforehand start at zero, so that no increase is lost."""

    def __init__(self, view: DaemonView, web: WebCounts) -> None:
        self._view = view
        self._web = web

    def collect(self) -> Iterator[Metric]:
        """Return the metrics in the order of the catalog; one without a sample is left out."""
        samples = self._samples()
        for name, metric in DAEMON_METRICS.items():
            family_type = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = family_type(metric.exposition, metric.meaning, labels=metric.labels)
            for labels, value in samples[name]:
                family.add_metric(labels, value)
            if family.samples:
                yield family

    def _samples(self) -> Mapping[str, _Samples]:
        view, activity = self._view, self._view.activity
        states = [account.state for account in view.accounts if account.state is not None]
        loaded_at, started_at = activity.config_loaded_at, view.started_at
        messages = {(channel, result): 0 for channel in view.channels for result in ("sent", "failed")}
        actions = {(kind, state.lower()): 0 for kind in get_args(ActionKind) for state in sorted(FINAL_STATES)}
        return {
            "build_info": [((view.version,), 1)],
            "start_time_seconds": [] if started_at is None else [((), started_at.timestamp())],
            "config_last_reload_successful": [((), activity.is_last_reload_ok)],
            "config_last_reload_success_timestamp_seconds": (
                [] if loaded_at is None else [((), loaded_at.timestamp())]
            ),
            "actions_paused": [((), any(_is_paused(state) for state in states))] if states else [],
            "actions_total": {**actions, **activity.actions}.items(),
            "intents_open": _open_intents(view.accounts),
            "alerts_firing": _firing_alerts(view.accounts),
            "notifications_total": {**messages, **activity.messages}.items(),
            "polls_total": activity.reads.items(),
            "events_total": activity.stream_events.items(),
            **{name: [((), count)] for name, count in self._web.items()},
        }


def _is_paused(state: AccountState) -> bool:
    return state.commands.paused or state.health.pause_file


def _open_intents(accounts: Iterable[AccountView]) -> Iterator[tuple[tuple[str, ...], float]]:
    for account in accounts:
        if account.state is not None:
            states = [intent.state for intent in account.state.intents.values()]
            yield from (((account.name, state.lower()), states.count(state)) for state in _OPEN_STATES)


def _firing_alerts(accounts: Iterable[AccountView]) -> Iterator[tuple[tuple[str, ...], float]]:
    for account in accounts:
        if account.state is not None:
            firing = [a.severity for a in account.state.alerts.values() if a.state is AlertState.FIRING]
            yield from (((account.name, severity), firing.count(severity)) for severity in SEVERITIES)

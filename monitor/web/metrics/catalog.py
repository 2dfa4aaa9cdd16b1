"""The metrics of the daemon itself: names, labels and meanings. Those of rules and history are `METRICS`.

The exposition, the reference, the alert rules and the dashboard are held to these two tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS, PREFIX

METRIC_LABELS: Mapping[MetricScope, tuple[str, ...]] = MappingProxyType(
    {
        "cross": ("account", "scope"),
        "isolated": ("account", "scope", "symbol"),
        "asset": ("account", "asset"),
        "account": ("account",),
        "monitor": ("account",),
    }
)
"""Labels of a metric of rules and history by the scope that it is measured in."""


@dataclass(frozen=True, slots=True)
class DaemonMetric:
    """One metric of the daemon itself; `name` is the one in `/metrics` without the prefix."""

    name: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    meaning: str

    @property
    def exposition(self) -> str:
        """Name of the metric in `/metrics`."""
        return f"{PREFIX}{self.name}"


_TABLE = (
    DaemonMetric("build_info", "gauge", ("version",), "always 1; the label is the version of the program"),
    DaemonMetric("start_time_seconds", "gauge", (), "Unix time at which the process began to watch"),
    DaemonMetric(
        "config_last_reload_successful",
        "gauge",
        (),
        "1 while the configuration in force is the one last asked for; 0 after a reload that was refused or undone",
    ),
    DaemonMetric(
        "config_last_reload_success_timestamp_seconds",
        "gauge",
        (),
        "Unix time at which the configuration in force was loaded",
    ),
    DaemonMetric("actions_paused", "gauge", (), "1 while all actions are paused, by a person or by the pause file"),
    DaemonMetric(
        "actions_total",
        "counter",
        ("kind", "result"),
        "actions that came to an end since the start of the process; "
        "result: confirmed, failed, refused, expired, rejected, simulated",
    ),
    DaemonMetric(
        "intents_open",
        "gauge",
        ("account", "state"),
        "actions that have not come to an end; state: proposed, planned, submitting, acknowledged, uncertain, "
        "unresolved",
    ),
    DaemonMetric("alerts_firing", "gauge", ("account", "severity"), "alerts that fire now, silenced ones included"),
    DaemonMetric(
        "notifications_total",
        "counter",
        ("channel", "result"),
        "attempts to send a message since the start of the process; result: sent, failed",
    ),
    DaemonMetric(
        "polls_total",
        "counter",
        ("account", "read", "result"),
        "reads at the exchange since the start of the process; result: ok, partial (some rows were implausible), "
        "rejected (the whole answer was), failed",
    ),
    DaemonMetric(
        "events_total",
        "counter",
        ("account", "type"),
        "events of the account's streams since the start of the process, by the exchange's own type",
    ),
    DaemonMetric(
        "web_restarts_total", "counter", (), "how often the web server failed and was built anew since the start"
    ),
    DaemonMetric("web_listen_failures_total", "counter", (), "how often the listen address could not be used"),
    DaemonMetric("web_connections", "gauge", (), "open connections of the web server"),
    DaemonMetric(
        "web_refused_connections_total",
        "counter",
        (),
        "connections that were closed because there were too many, or because the client was too slow",
    ),
    DaemonMetric(
        "web_unreadable_requests_total", "counter", (), "requests that were no HTTP, or beyond the limits of a request"
    ),
    DaemonMetric("web_live_readers", "gauge", (), "readers of the live events"),
)

DAEMON_METRICS: Mapping[str, DaemonMetric] = MappingProxyType({metric.name: metric for metric in _TABLE})
"""The daemon's own metrics by name."""


def exported_names() -> frozenset[str]:
    """Return every name that `/metrics` can show."""
    return frozenset(
        [
            *(metric.exposition for metric in METRICS.values()),
            *(metric.exposition for metric in DAEMON_METRICS.values()),
        ]
    )

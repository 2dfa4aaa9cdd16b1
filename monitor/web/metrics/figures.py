"""The metrics of rules and history as text, in the exposition format of Prometheus.

`generate_latest` of prometheus_client takes five microseconds a sample, which is too long for hundreds of scopes; here
the labels of a subject are written once for all of its metrics.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from monitor.core.metrics.snapshot import MONITOR_SUBJECT, MetricsSnapshot, Subject
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS, metrics_of
from monitor.web.metrics.catalog import METRIC_LABELS
from monitor.web.metrics.daemon_view import AccountView, DaemonView

MAX_KNOWN_LABELS = 8192
"""Subjects whose labels are kept as text between scrapes."""

MAX_METRICS_AGE = timedelta(seconds=1)
"""Age up to which the last tick's metrics serve: measuring hundreds of scopes anew takes longer than their text."""

_Sinks = Mapping[MetricScope, Mapping[str, tuple[str, Callable[[str], None]]]]
"""Exported name and sink of each metric, by scope and name."""


def render_figures(view: DaemonView, pause: Callable[[], None]) -> str:
    """Return the metrics of all accounts. `pause` is called after each subject: the event loop may be waiting.

    Infinite values are `+Inf`; what is unavailable, does not apply or is gone has no sample.
    """
    lines: dict[str, list[str]] = {metric.name: [] for metric in METRICS.values()}
    sinks: _Sinks = {
        scope: {metric.name: (metric.exposition, lines[metric.name].append) for metric in metrics_of(scope)}
        for scope in METRIC_LABELS
    }
    for account in view.accounts:
        for _ in _add_account(account, view, sinks):
            pause()
    parts: list[str] = []
    for name, samples in lines.items():
        if samples:
            metric = METRICS[name]
            parts.append(f"# HELP {metric.exposition} {_escape_help(metric.meaning)}\n")
            parts.append(f"# TYPE {metric.exposition} gauge\n")
            parts += samples
            pause()
    return "".join(parts)


def _add_account(account: AccountView, view: DaemonView, sinks: _Sinks) -> Iterator[None]:
    """Add the samples of one account, a subject a turn."""
    if account.state is None:
        # Nothing is known of it but this.
        labels = _label_text(account.name, MONITOR_SUBJECT)
        if account.is_failing:
            exposition, add = sinks["monitor"]["account_failing"]
            add(f"{exposition}{labels} 1\n")
        if not account.is_held:
            exposition, add = sinks["monitor"]["lease_held"]
            add(f"{exposition}{labels} 0\n")
        return
    last = account.last_metrics
    snapshot = (
        last
        if last is not None
        and last.settings is account.settings
        and timedelta(0) <= view.now - last.now <= MAX_METRICS_AGE
        else MetricsSnapshot(account.state, account.settings, view.now)
    )
    for subject in snapshot.subjects:
        labels, exported = _label_text(account.name, subject), sinks[subject[0]]
        for name, value in snapshot.get(subject).list_values():
            if type(value) is Decimal:
                exposition, add = exported[name]
                # All digits: to write fewer takes longer, and Prometheus reads the same number.
                text = str(value)
                if text[-1] == "y":
                    text = _INFINITE[text]
                add(f"{exposition}{labels} {text}\n")
        yield


@lru_cache(MAX_KNOWN_LABELS)
def _label_text(account: str, subject: Subject) -> str:
    """Return the labels of a subject, in braces."""
    scope, name = subject
    values = {"account": account, "scope": scope, "symbol": name, "asset": name}
    return "{" + ",".join(f'{label}="{_escape(values[label])}"' for label in METRIC_LABELS[scope]) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


_INFINITE: Mapping[str, str] = {"Infinity": "+Inf", "-Infinity": "-Inf"}

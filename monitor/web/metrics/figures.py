"""The metrics of rules and history as text, in the exposition format of Prometheus.

`generate_latest` of prometheus_client takes five microseconds a sample, which is too long for hundreds of scopes; here
the labels of a subject are written once for all of its metrics.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from monitor.core.metrics.snapshot import MetricsSnapshot, Subject
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS, metrics_of
from monitor.web.metrics.catalog import METRIC_LABELS
from monitor.web.metrics.daemon_view import AccountView, DaemonView

_NAMES: Mapping[MetricScope, tuple[tuple[str, str], ...]] = {
    scope: tuple((metric.name, metric.exposition) for metric in metrics_of(scope)) for scope in METRIC_LABELS
}
"""Name and exported name of the metrics of each scope."""


def render_figures(view: DaemonView, pause: Callable[[], None]) -> str:
    """Return the metrics of all accounts. `pause` is called after each subject: the event loop may be waiting.

    Infinite values are `+Inf`; what is unavailable, does not apply or is gone has no sample.
    """
    lines: dict[str, list[str]] = {metric.name: [] for metric in METRICS.values()}
    for account in view.accounts:
        for _ in _add_account(account, view, lines):
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


def _add_account(account: AccountView, view: DaemonView, lines: Mapping[str, list[str]]) -> Iterator[None]:
    """Add the samples of one account, a subject a turn."""
    if account.state is None:
        if account.is_failing:
            # Nothing is known of it but this.
            metric = METRICS["account_failing"]
            lines[metric.name].append(f"{metric.exposition}{_label_text(account.name, ('monitor', ''))} 1.0\n")
        return
    snapshot = MetricsSnapshot(account.state, account.settings, view.now)
    for subject in snapshot.subjects:
        read, labels = snapshot.get(subject).read, _label_text(account.name, subject)
        for name, exposition in _NAMES[subject[0]]:
            value = read(name)
            if type(value) is Decimal:
                text = repr(float(value))
                lines[name].append(f"{exposition}{labels} {_INFINITE.get(text, text)}\n")
        yield


def _label_text(account: str, subject: Subject) -> str:
    """Return the labels of a subject, in braces."""
    scope, name = subject
    values = {"account": account, "scope": scope, "symbol": name, "asset": name}
    return "{" + ",".join(f'{label}="{_escape(values[label])}"' for label in METRIC_LABELS[scope]) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _escape_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


_INFINITE: Mapping[str, str] = {"inf": "+Inf", "-inf": "-Inf"}

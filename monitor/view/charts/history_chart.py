"""Charts of recorded samples with thresholds, alerts and actions."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from monitor.core.model.alert import Alert
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.metric import Metric, MetricUnit
from monitor.core.model.metric_values import MAX_SAMPLE_AGE
from monitor.records.history import HistoryRow
from monitor.view.charts.chart_spec import (
    ChartLine,
    ChartPanels,
    ChartSpec,
    DataGap,
    Marker,
    ThresholdLine,
    ThresholdRole,
)
from monitor.view.formatting import format_needed_amount, format_threshold

THRESHOLD_METRICS = ("initial_level", "margin_call_level", "liquidation_level")
"""The metrics whose newest value is drawn as a threshold."""

SAME_MONEY_WITHIN = timedelta(minutes=5)
"""A transfer and a repayment within this time belong together."""

MAX_LINES = 6
"""Limit of lines in a chart: more are indistinguishable."""

_THRESHOLD_ROLES: tuple[ThresholdRole, ...] = ("initial", "margin_call", "liquidation")
_LEVEL_METRICS = frozenset({"margin_level", "polled_margin_level"})
_DISTANCE_METRICS = frozenset({"distance_to_liquidation", "drop_to_liquidation", "rise_to_liquidation"})
_LIQUIDATION_LINE = (ThresholdLine("liquidation", Decimal(0), "liquidation"),)
_ACTION_WORDS = {"repay": "repaid", "transfer_in": "brought in", "reduce": "sold and repaid"}


def history_chart(
    metric: Metric,
    series: Sequence[HistoryRow],
    thresholds: Mapping[str, HistoryRow],
    alerts: Iterable[Alert],
    intents: Iterable[Intent],
    since: datetime,
    until: datetime,
    prices: Sequence[HistoryRow] = (),
) -> ChartSpec:
    """The chart of one or more series up to `until`. Thresholds, alerts and actions are drawn only for a single one.

    Of many series only the worst are drawn. `prices` are drawn in a panel below.
    """
    name = metric.name.replace("_", " ")
    shown = _worst_series(metric, series)
    lines = [
        ChartLine(
            _series_label(line_series) if len(series) > 1 else name,
            list(_step_points([(p.at, p.value) for p in line_series.points], until)),
        )
        for line_series in shown
    ]
    single = series[0] if len(series) == 1 else None
    left_out = f"; the {len(shown)} {_worst_end(metric)} of {len(series)}" if len(shown) < len(series) else ""
    return ChartSpec(
        title=f"{_series_label(single)}: {name}" if single is not None else name,
        subtitle=f"{metric.meaning}{left_out}",
        lines=lines,
        thresholds=_threshold_lines(thresholds)
        if metric.name in _LEVEL_METRICS
        else _LIQUIDATION_LINE
        if metric.name in _DISTANCE_METRICS
        else (),
        markers=[*_alert_markers(alerts, single, since), *_action_markers(intents, single, since)] if single else (),
        gaps=list(_data_gaps(metric, single, lines[0])) if single else (),
        prices=[
            ChartLine(f"{price.subject} price", list(_step_points([(p.at, p.value) for p in price.points], until)))
            for price in prices
            if sum(p.value is not None for p in price.points) > 1
        ],
        value_format="percent" if metric.unit is MetricUnit.FRACTION else "number",
    )


def history_panels(
    metric: Metric,
    series: Sequence[HistoryRow],
    thresholds_of: Callable[[HistoryRow], Mapping[str, HistoryRow]],
    alerts: Sequence[Alert],
    intents: Sequence[Intent],
    since: datetime,
    until: datetime,
) -> ChartPanels:
    """A panel for each scope, with its own thresholds, alerts and actions; of many scopes only the worst."""
    shown = _worst_series(metric, series)
    left_out = f"; the {len(shown)} {_worst_end(metric)} of {len(series)}" if len(shown) < len(series) else ""
    return ChartPanels(
        title=metric.name.replace("_", " "),
        subtitle=f"{metric.meaning}{left_out}",
        panels=[
            replace(
                history_chart(metric, [shown_series], thresholds_of(shown_series), alerts, intents, since, until),
                title=_series_label(shown_series),
            )
            for shown_series in shown
        ],
    )


def supports_panels(series: Sequence[HistoryRow]) -> bool:
    """Return whether each of the series has thresholds, alerts and actions of its own, and a panel for them."""
    return len(series) > 1 and all(line.scope in ("cross", "isolated") for line in series)


def _step_points(
    points: Sequence[tuple[datetime, Decimal | None]], until: datetime
) -> Iterator[tuple[datetime, Decimal | None]]:
    """The points with the value before each change repeated: only changes are recorded, so a line must not slope."""
    for (at, value), (following, _) in pairwise([*points, (until, None)]):
        yield at, value
        end = min(following, at + MAX_SAMPLE_AGE)
        if value is not None and end > at:
            yield end, value
            if end < following:
                yield end, None


def _worst_series(metric: Metric, series: Sequence[HistoryRow]) -> Sequence[HistoryRow]:
    """The series with the lowest values, or the highest where high is bad; in the given order."""
    if len(series) <= MAX_LINES:
        return series
    sign = 1 if _is_bad_low(metric) else -1
    known = [(index, [p.value for p in one.points if p.value is not None]) for index, one in enumerate(series)]
    ranked = sorted((min(sign * value for value in values), index) for index, values in known if values)
    chosen = sorted(index for _, index in ranked[:MAX_LINES])
    return [series[index] for index in chosen]


def _worst_end(metric: Metric) -> str:
    return "lowest" if _is_bad_low(metric) else "highest"


def _is_bad_low(metric: Metric) -> bool:
    return (
        metric.unit in (MetricUnit.LEVEL, MetricUnit.SECONDS)
        or metric.name in _DISTANCE_METRICS
        or metric.name == "equity_usdt"
    )


def _data_gaps(metric: Metric, series: HistoryRow, line: ChartLine) -> Iterator[DataGap]:
    """The gaps of a line: times of an infinite value, or of no known value."""
    endless = {point.at for point in series.points if point.missing == "infinite"}
    without = "nothing owed" if metric.unit is MetricUnit.LEVEL else "out of reach"
    start: datetime | None = None
    is_endless = False
    for at, value in line.points:
        if value is not None:
            if start is not None:
                yield DataGap(start, at, without if is_endless else "not recorded")
            start = None
        elif start is None:
            start, is_endless = at, at in endless
        else:
            is_endless = is_endless or at in endless


def _series_label(series: HistoryRow) -> str:
    return f"{series.account} {series.subject or series.scope}"


def _threshold_lines(bars: Mapping[str, HistoryRow]) -> list[ThresholdLine]:
    drawn = []
    for metric, role in zip(THRESHOLD_METRICS, _THRESHOLD_ROLES, strict=True):
        points = bars[metric].points if metric in bars else ()
        newest = next((point.value for point in reversed(points) if point.value is not None), None)
        if newest is not None:
            drawn.append(ThresholdLine(f"{role.replace('_', ' ')} {format_threshold(newest)}", newest, role))
    return drawn


def _alert_markers(alerts: Iterable[Alert], series: HistoryRow, since: datetime) -> list[Marker]:
    marks = []
    for alert in alerts:
        key = alert.key
        if (key.account, key.scope, key.subject) != (series.account, series.scope, series.subject):
            continue
        if alert.fired_at is not None and alert.fired_at >= since:
            marks.append(Marker(alert.fired_at, "alert", f"#{alert.id} {key.rule}", severity=alert.severity))
        if alert.resolved_at is not None and alert.resolved_at >= since:
            marks.append(Marker(alert.resolved_at, "resolved", f"#{alert.id} resolved"))
    return marks


def _action_markers(intents: Iterable[Intent], series: HistoryRow, since: datetime) -> list[Marker]:
    """Markers of confirmed actions; a transfer and the repayment with it share one."""
    done = [
        intent
        for intent in intents
        if (intent.account, intent.scope.kind, intent.scope.symbol) == (series.account, series.scope, series.subject)
        and intent.state is IntentState.CONFIRMED
        and _done_at(intent) >= since
    ]
    marks: list[Marker] = []
    brought: Intent | None = None
    for intent in sorted(done, key=lambda intent: (_done_at(intent), intent.id)):
        word = _ACTION_WORDS.get(intent.kind, intent.kind.replace("_", " "))
        if brought is not None and intent.kind == "repay" and _is_same_money(brought, intent):
            marks.pop()
            word = "brought in and repaid"
        brought = intent if intent.kind == "transfer_in" else None
        what = format_needed_amount(intent.amount, intent.asset) if intent.amount else intent.asset
        marks.append(Marker(_done_at(intent), "action", f"{word} {what}"))
    return marks


def _is_same_money(transfer: Intent, repayment: Intent) -> bool:
    near = _done_at(repayment) - _done_at(transfer) < SAME_MONEY_WITHIN
    return near and (transfer.asset, transfer.amount) == (repayment.asset, repayment.amount)


def _done_at(intent: Intent) -> datetime:
    return intent.settled_at or intent.created_at

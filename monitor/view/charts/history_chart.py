"""The picture of a metric's recorded samples, with bars, alerts and actions where they belong to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from monitor.core.metrics.sampling import HELD_FOR
from monitor.core.model.alert import Alert
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.metric import Metric, Unit
from monitor.view.charts.chart_spec import Bar, BarRole, Gap, Line, Mark, Panels, Picture
from monitor.view.documents.history import Series
from monitor.view.formatting import bar_text, needed_text

BARS = ("initial_level", "margin_call_level", "liquidation_level")
"""The metrics whose newest value is drawn as a bar."""

ONE_STORY = timedelta(minutes=5)
"""What is brought in and repaid within this time belongs together."""

MOST_LINES = 6
"""More lines than this can't be told from each other."""

_ROLES: tuple[BarRole, ...] = ("initial", "margin_call", "liquidation")
_LEVELS = frozenset({"margin_level", "polled_margin_level"})
_DISTANCES = frozenset({"distance_to_liquidation", "drop_to_liquidation", "rise_to_liquidation"})
_END = (Bar("liquidation", Decimal(0), "liquidation"),)
_DONE = {"repay": "repaid", "transfer_in": "brought in", "reduce": "sold and repaid"}


def history_picture(
    metric: Metric,
    series: Sequence[Series],
    bars: Mapping[str, Series],
    alerts: Iterable[Alert],
    intents: Iterable[Intent],
    since: datetime,
    until: datetime,
    prices: Sequence[Series] = (),
) -> Picture:
    """The picture of one or more series up to `until`. Bars, alerts and actions are drawn only for a single one.

    Of many series, those that matter most. `prices` are those behind it, shown beneath.
    """
    name = metric.name.replace("_", " ")
    shown = _worst(metric, series)
    lines = [
        Line(_about(one) if len(series) > 1 else name, list(_held([(p.at, p.value) for p in one.points], until)))
        for one in shown
    ]
    single = series[0] if len(series) == 1 else None
    left_out = f"; the {len(shown)} {_end_of(metric)} of {len(series)}" if len(shown) < len(series) else ""
    return Picture(
        title=f"{_about(single)}: {name}" if single is not None else name,
        subtitle=f"{metric.meaning}{left_out}",
        lines=lines,
        bars=_bars(bars) if metric.name in _LEVELS else _END if metric.name in _DISTANCES else (),
        marks=[*_alert_marks(alerts, single, since), *_action_marks(intents, single, since)] if single else (),
        gaps=list(_gaps(metric, single, lines[0])) if single else (),
        prices=[
            Line(f"{one.subject} price", list(_held([(p.at, p.value) for p in one.points], until)))
            for one in prices
            if sum(p.value is not None for p in one.points) > 1
        ],
        form="percent" if metric.unit is Unit.FRACTION else "number",
    )


def history_panels(
    metric: Metric,
    series: Sequence[Series],
    bars: Callable[[Series], Mapping[str, Series]],
    alerts: Sequence[Alert],
    intents: Sequence[Intent],
    since: datetime,
    until: datetime,
) -> Panels:
    """A panel for each scope, with the bars, alerts and actions that are its own; of many, those that matter most."""
    shown = _worst(metric, series)
    left_out = f"; the {len(shown)} {_end_of(metric)} of {len(series)}" if len(shown) < len(series) else ""
    return Panels(
        title=metric.name.replace("_", " "),
        subtitle=f"{metric.meaning}{left_out}",
        panels=[
            replace(
                history_picture(metric, [one], bars(one), alerts, intents, since, until),
                title=_about(one),
            )
            for one in shown
        ],
    )


def has_panels(series: Sequence[Series]) -> bool:
    """Whether each of these has bars, alerts and actions of its own, and a panel for them."""
    return len(series) > 1 and all(one.scope in ("cross", "isolated") for one in series)


def _held(
    points: Sequence[tuple[datetime, Decimal | None]], until: datetime
) -> Iterator[tuple[datetime, Decimal | None]]:
    """The points with the value that held before each change: only changes are recorded, so a line must not slope."""
    for (at, value), (following, _) in pairwise([*points, (until, None)]):
        yield at, value
        end = min(following, at + HELD_FOR)
        if value is not None and end > at:
            yield end, value
            if end < following:
                yield end, None


def _worst(metric: Metric, series: Sequence[Series]) -> Sequence[Series]:
    """Those with the lowest values, or the highest where high is bad; in the order given."""
    if len(series) <= MOST_LINES:
        return series
    sign = 1 if _is_bad_low(metric) else -1
    known = [(index, [p.value for p in one.points if p.value is not None]) for index, one in enumerate(series)]
    ranked = sorted((min(sign * value for value in values), index) for index, values in known if values)
    chosen = sorted(index for _, index in ranked[:MOST_LINES])
    return [series[index] for index in chosen]


def _end_of(metric: Metric) -> str:
    return "lowest" if _is_bad_low(metric) else "highest"


def _is_bad_low(metric: Metric) -> bool:
    return metric.unit in (Unit.LEVEL, Unit.SECONDS) or metric.name in _DISTANCES or metric.name == "equity_usdt"


def _gaps(metric: Metric, series: Series, line: Line) -> Iterator[Gap]:
    """Where the line ends and goes on later: because there was no limit, or because nothing is known."""
    endless = {point.at for point in series.points if point.missing == "infinite"}
    without = "nothing owed" if metric.unit is Unit.LEVEL else "out of reach"
    start: datetime | None = None
    is_endless = False
    for at, value in line.points:
        if value is not None:
            if start is not None:
                yield Gap(start, at, without if is_endless else "not recorded")
            start = None
        elif start is None:
            start, is_endless = at, at in endless
        else:
            is_endless = is_endless or at in endless


def _about(series: Series) -> str:
    return f"{series.account} {series.subject or series.scope}"


def _bars(bars: Mapping[str, Series]) -> list[Bar]:
    drawn = []
    for metric, role in zip(BARS, _ROLES, strict=True):
        points = bars[metric].points if metric in bars else ()
        newest = next((point.value for point in reversed(points) if point.value is not None), None)
        if newest is not None:
            drawn.append(Bar(f"{role.replace('_', ' ')} {bar_text(newest)}", newest, role))
    return drawn


def _alert_marks(alerts: Iterable[Alert], series: Series, since: datetime) -> list[Mark]:
    marks = []
    for alert in alerts:
        key = alert.key
        if (key.account, key.scope, key.subject) != (series.account, series.scope, series.subject):
            continue
        if alert.fired_at is not None and alert.fired_at >= since:
            marks.append(Mark(alert.fired_at, "alert", f"#{alert.id} {key.rule}", severity=alert.severity))
        if alert.resolved_at is not None and alert.resolved_at >= since:
            marks.append(Mark(alert.resolved_at, "resolved", f"#{alert.id} resolved"))
    return marks


def _action_marks(intents: Iterable[Intent], series: Series, since: datetime) -> list[Mark]:
    """What was done; money that was brought in to repay with it is one thing."""
    done = [
        intent
        for intent in intents
        if (intent.account, intent.scope.kind, intent.scope.symbol) == (series.account, series.scope, series.subject)
        and intent.state is IntentState.CONFIRMED
        and _done_at(intent) >= since
    ]
    marks: list[Mark] = []
    brought: Intent | None = None
    for intent in sorted(done, key=lambda one: (_done_at(one), one.id)):
        word = _DONE.get(intent.kind, intent.kind.replace("_", " "))
        if brought is not None and intent.kind == "repay" and _same_money(brought, intent):
            marks.pop()
            word = "brought in and repaid"
        brought = intent if intent.kind == "transfer_in" else None
        what = needed_text(intent.amount, intent.asset) if intent.amount else intent.asset
        marks.append(Mark(_done_at(intent), "action", f"{word} {what}"))
    return marks


def _same_money(brought: Intent, repaid: Intent) -> bool:
    near = _done_at(repaid) - _done_at(brought) < ONE_STORY
    return near and (brought.asset, brought.amount) == (repaid.asset, repaid.amount)


def _done_at(intent: Intent) -> datetime:
    return intent.settled_at or intent.created_at

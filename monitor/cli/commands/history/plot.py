"""The chart of `history --plot`."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from monitor.cli import output
from monitor.core.model.metric import Metric
from monitor.errors import MonitorError
from monitor.records.history import HistoryRow
from monitor.store.command_store import ReadStore
from monitor.store.readers.alerts import read_alerts
from monitor.store.readers.history import read_history
from monitor.store.readers.intents import read_intents
from monitor.view.charts.chart_spec import ChartFailed, ChartPanels, ChartSpec, draw_chart
from monitor.view.charts.history_chart import (
    MAX_LINES,
    THRESHOLD_METRICS,
    history_chart,
    history_panels,
    supports_panels,
)


def plot_history(
    store: ReadStore, metric: Metric, series: Sequence[HistoryRow], since: datetime, until: datetime, path: Path
) -> None:
    """Draw the series into the file. Raises MonitorError when there is nothing to draw, or no way to."""
    if not series:
        raise MonitorError(f"nothing of {metric.name} is recorded in that time", mend="choose an earlier --since")
    alerts = [row.alert for row in store.read(read_alerts, include_closed=True)]
    intents = [row.intent for row in store.read(read_intents, include_final=True)]

    def bars(one: HistoryRow) -> dict[str, HistoryRow]:
        rows = {
            name: store.read(
                read_history, name, account=one.account, scope=one.scope, subject=one.subject, resolution="1h"
            )
            for name in THRESHOLD_METRICS
        }
        return {name: found[0] for name, found in rows.items() if found}

    picture: ChartSpec | ChartPanels
    if supports_panels(series):
        picture = history_panels(metric, series, bars, alerts, intents, since, until)
    else:
        of_one = bars(series[0]) if len(series) == 1 else {}
        picture = history_chart(metric, series, of_one, alerts, intents, since, until)
    try:
        asyncio.run(draw_chart(picture, path))
    except (ChartFailed, OSError) as error:
        raise MonitorError(f"the picture could not be drawn: {error}", where=str(path)) from error
    output.print_note(f"wrote {path}")
    narrow = "narrow with --account, --scope or --symbol"
    if series[0].scope == "asset":
        narrow = "narrow with --account or --asset"
    if len(series) > MAX_LINES:
        output.print_note(f"{len(series) - MAX_LINES} more are not drawn; {narrow}")
    if len(series) > 1 and not supports_panels(series):
        output.print_note(f"no alerts are drawn on so many lines; {narrow}")

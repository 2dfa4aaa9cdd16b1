"""`history`: recorded samples of a metric, as a table or a chart."""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import get_args

from monitor.app.database import open_reader
from monitor.app.documents.history import HistoryQuery
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS, Metric
from monitor.errors import ExitCode, MonitorError
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
from monitor.view.documents.history import history_list_document
from monitor.view.terminal.history import history_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("metric", metavar="METRIC", help="such as margin_level")
    parser.add_argument("--account", metavar="NAME", help="one account")
    parser.add_argument("--scope", choices=get_args(MetricScope), help="one scope")
    parser.add_argument("--symbol", metavar="PAIR", help="one isolated pair, such as BTCUSDT")
    parser.add_argument("--asset", metavar="ASSET", help="one asset, such as BTC")
    parser.add_argument("--since", metavar="WHEN", help="2h, 2025-10-10 or 2025-10-10T21:15:00Z (default 24h)")
    parser.add_argument("--plot", metavar="FILE.png", help="draw a chart instead of printing a table")
    add_json(parser, lists=True)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    query = HistoryQuery(config, args.metric, args.account, args.scope, args.symbol, args.asset, args.since)
    with open_reader(config) as store:
        found = query.read_series(store)
        if args.plot:
            _plot(store, METRICS[args.metric], found.series, found.since, found.until, Path(args.plot))
    if output.wants_json_list(args):
        output.print_list(args, history_list_document(found.series))
    elif not args.plot and found.series:
        output.print_view_table(history_table(found.series))
    elif not args.plot:
        output.print_line(f"nothing of {args.metric} is recorded in that time")
    return ExitCode.DONE


def _plot(
    store: ReadStore, metric: Metric, series: Sequence[HistoryRow], since: datetime, until: datetime, path: Path
) -> None:
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

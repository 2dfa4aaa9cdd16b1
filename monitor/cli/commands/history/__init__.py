"""`history`: recorded samples of a metric, as a table or a chart."""

import argparse
from pathlib import Path
from typing import get_args

from monitor.app.database import open_reader
from monitor.app.documents.history import HistoryQuery
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.core.model.alert import MetricScope
from monitor.core.model.metric import METRICS
from monitor.errors import ExitCode
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
            # Loaded for --plot alone: a table needs no charts.
            from monitor.cli.commands.history.plot import plot_history

            plot_history(store, METRICS[args.metric], found.series, found.since, found.until, Path(args.plot))
    if output.wants_json_list(args):
        output.print_list(args, history_list_document(found.series))
    elif not args.plot and found.series:
        output.print_view_table(history_table(found.series))
    elif not args.plot:
        output.print_line(f"nothing of {args.metric} is recorded in that time")
    return ExitCode.DONE

"""`stress`: each scope after a fall of prices, or taken through the past, from the recorded state."""

import argparse
import asyncio
from datetime import timedelta
from pathlib import Path

from monitor.app.database import open_reader
from monitor.app.documents.past_choice import PastChoice, parse_past_choice
from monitor.app.documents.past_stress import PastStressQuery
from monitor.app.documents.status import StatusQuery, stable_assets_of
from monitor.app.documents.stress import StressChoice, parse_choice
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.config.model import Config
from monitor.core.margin.stress import Shock
from monitor.core.margin.stress_scenarios import STRESS_SCENARIOS
from monitor.errors import ExitCode, MonitorError, UsageError
from monitor.view.charts.chart_spec import ChartFailed, draw_chart
from monitor.view.charts.past_fan import MAX_PANELS, past_fan
from monitor.view.documents.stress import stress_document
from monitor.view.documents.stress_portfolio import scopes_of
from monitor.view.documents.types.status import StatusDocument
from monitor.view.documents.types.stress import StressDocument
from monitor.view.json_values import Document
from monitor.view.terminal.stress import note_lines, stress_table_rows, verdict_lines
from monitor.view.terminal.stress_past import past_heading, past_lines, past_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "moves", metavar="ASSET=MOVE", nargs="*", help="move of one asset, such as SOL=-35%% or ETH=+20%%"
    )
    parser.add_argument("--drop", metavar="PART", help="fall of all assets that are not stable, such as 20%%")
    parser.add_argument(
        "--like",
        metavar="DATE",
        help=f"a crash of the past: {', '.join(STRESS_SCENARIOS)} (default without any move: the first); "
        "or worst: the worst window of each scope's own past",
    )
    parser.add_argument(
        "--history",
        metavar="SPAN",
        help="take each scope, as it stands, through so much of the past, such as 90d; at most [risk] history",
    )
    parser.add_argument(
        "--window", metavar="SPAN", help="length of the past's windows in whole hours, such as 7d (default 24h)"
    )
    parser.add_argument(
        "--target-odds", metavar="PART", help="say how much to bring in or repay for such odds, such as 1%%"
    )
    parser.add_argument("--plot", metavar="FILE.png", help="draw the levels of all windows, too")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    choice = parse_choice(args.drop, args.like, args.moves)
    past = parse_past_choice(args.history, args.window, args.target_odds, is_like_worst=choice.is_like_worst)
    if args.plot and past is None:
        raise UsageError("draws the past, and none is asked for", where="--plot", mend="add --history 90d")
    config = config_option.read_config(args)
    if past is not None:
        return _run_past(args, config, choice, past)
    with open_reader(config) as store:
        status = StatusQuery(config).read(store)
    document = stress_document(status, choice.shock, stable_assets_of(config))
    _note_unknown_assets(status, choice.shock)
    if args.json:
        output.print_json(document)
        return ExitCode.DONE
    _print_shock(document, choice.shock)
    _print_unknown_accounts(status)
    return ExitCode.DONE


def _run_past(args: argparse.Namespace, config: Config, choice: StressChoice, past: PastChoice) -> int:
    query = PastStressQuery(config, choice, past)
    with open_reader(config) as store:
        records = query.read(store)
    found = asyncio.run(query.measure(records, with_fan=bool(args.plot)))
    _note_unknown_assets(records.status, choice.shock)
    if args.json:
        output.print_json(found.document)
    else:
        if choice.is_given:
            _print_shock(found.document, choice.shock)
            if note_lines(found.document, choice.shock):
                output.print_line()
        output.print_cells(past_heading(found.document))
        table = past_table(found.document)
        if table.rows:
            output.print_line()
            output.print_view_table(table)
            output.print_line()
        output.print_cells(past_lines(found.document))
        if not choice.is_given:
            output.print_cells(note_lines(found.document, Shock()))
        _print_unknown_accounts(records.status)
    if args.plot:
        hours = past.window // timedelta(hours=1)
        picture = past_fan(records.status, found.answers, hours)
        if picture is None:
            raise MonitorError("nothing of the past is known that could be drawn", where="--plot", mend=_NO_PAST)
        try:
            asyncio.run(draw_chart(picture, Path(args.plot)))
        except (ChartFailed, OSError) as error:
            raise MonitorError(f"the picture could not be drawn: {error}", where=args.plot) from error
        output.print_note(f"wrote {args.plot}")
        drawn = sum(1 for answer in found.answers.values() if getattr(answer, "fan", None) is not None)
        if drawn > MAX_PANELS:
            output.print_note(f"{drawn - MAX_PANELS} more scopes are not drawn: their odds are smaller")
    return ExitCode.DONE


_NO_PAST = "let `margin-monitor run` fill the past first, which takes some minutes"


def _print_shock(document: StressDocument, shock: Shock) -> None:
    output.print_cells(verdict_lines(document, shock))
    output.print_line()
    table = stress_table_rows(document)
    if table.rows:
        output.print_view_table(table)
        output.print_line()
    output.print_cells(note_lines(document, shock))


def _print_unknown_accounts(status: StatusDocument) -> None:
    for account in status["accounts"]:
        if account["state"] == "unknown":
            output.print_line(f"nothing is recorded of {account['account']} yet: start `margin-monitor run`", "note")


def _note_unknown_assets(status: StatusDocument, shock: Shock) -> None:
    """Report assets of the shock that no account holds: a typing error must not look like an account that survives."""
    there = {asset for account in status["accounts"] for _, scope in scopes_of(account) for asset in _assets_of(scope)}
    for asset in sorted(set(shock.moves_by_asset) - there):
        output.print_note(f"{asset} is in no scope: its move changes nothing")


def _assets_of(scope: Document) -> list[str]:
    rows = scope["balances"] if "balances" in scope else (scope["base"], scope["quote"])
    return [row["asset"] for row in rows if row is not None]

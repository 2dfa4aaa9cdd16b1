"""`stress`: each scope after a fall of prices, from the recorded state."""

import argparse

from monitor.app.database import open_reader
from monitor.app.documents.status import StatusQuery, stable_assets_of
from monitor.app.documents.stress import parse_shock
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.core.margin.stress import Shock
from monitor.core.margin.stress_scenarios import STRESS_SCENARIOS
from monitor.errors import ExitCode
from monitor.view.documents.stress import stress_document
from monitor.view.documents.stress_portfolio import scopes_of
from monitor.view.documents.types.status import StatusDocument
from monitor.view.json_values import Document
from monitor.view.terminal.stress import note_lines, stress_table_rows, verdict_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "moves", metavar="ASSET=MOVE", nargs="*", help="move of one asset, such as SOL=-35%% or ETH=+20%%"
    )
    parser.add_argument("--drop", metavar="PART", help="fall of all assets that are not stable, such as 20%%")
    parser.add_argument(
        "--like",
        metavar="DATE",
        help=f"a crash of the past: {', '.join(STRESS_SCENARIOS)} (default without any move: the first)",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    shock = parse_shock(args.drop, args.like, args.moves)
    config = config_option.read_config(args)
    with open_reader(config) as store:
        status = StatusQuery(config).read(store)
    document = stress_document(status, shock, stable_assets_of(config))
    _note_unknown_assets(status, shock)
    if args.json:
        output.print_json(document)
        return ExitCode.DONE
    output.print_cells(verdict_lines(document, shock))
    output.print_line()
    table = stress_table_rows(document)
    if table.rows:
        output.print_view_table(table)
        output.print_line()
    output.print_cells(note_lines(document, shock))
    for account in status["accounts"]:
        if account["state"] == "unknown":
            output.print_line(f"nothing is recorded of {account['account']} yet: start `margin-monitor run`", "note")
    return ExitCode.DONE


def _note_unknown_assets(status: StatusDocument, shock: Shock) -> None:
    """Report assets of the shock that no account holds: a typing error must not look like an account that survives."""
    there = {asset for account in status["accounts"] for _, scope in scopes_of(account) for asset in _assets_of(scope)}
    for asset in sorted(set(shock.moves_by_asset) - there):
        output.print_note(f"{asset} is in no scope: its move changes nothing")


def _assets_of(scope: Document) -> list[str]:
    rows = scope["balances"] if "balances" in scope else (scope["base"], scope["quote"])
    return [row["asset"] for row in rows if row is not None]

"""`stress`: each scope after a fall of prices, from the recorded state."""

import argparse
from collections.abc import Sequence
from decimal import Decimal

from monitor.cli import config_option, output
from monitor.cli.commands.status import read_status_document, stable_assets_of
from monitor.cli.option_types import fraction_option
from monitor.cli.parser import add_json
from monitor.core.margin.stress import Shock
from monitor.core.margin.stress_scenarios import STRESS_SCENARIOS, WORST_SCENARIO, StressScenario
from monitor.errors import ExitCode, UsageError
from monitor.view.documents.stress import stress_document
from monitor.view.documents.stress_portfolio import scopes_of
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
    shock = _parse_shock(args)
    config = config_option.read_config(args)
    status = read_status_document(config)
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


def _parse_shock(args: argparse.Namespace) -> Shock:
    """The shock that the options describe; the worst scenario when there are none."""
    drop = Decimal(0)
    if args.drop is not None:
        drop = fraction_option("--drop", args.drop)
        if not 0 < drop < 1:
            raise UsageError(f"--drop: {args.drop} is no fall", mend="write one between 0% and 100%, such as 20%")
    named = _parse_moves(args.moves)
    if args.like is None and not drop and not named:
        return Shock(scenario=STRESS_SCENARIOS[WORST_SCENARIO])
    return Shock(drop, None if args.like is None else _find_scenario(args.like), named)


def _parse_moves(words: Sequence[str]) -> dict[str, Decimal]:
    moves: dict[str, Decimal] = {}
    for word in words:
        asset, equals, text = word.partition("=")
        if not equals or not asset.isalnum():
            raise UsageError(f'"{word}" is no move', mend="write ASSET=MOVE, such as SOL=-35%")
        asset = asset.upper()
        move = fraction_option(asset, text)
        if asset == "USDT":
            raise UsageError("USDT can't move: prices are told in it", mend="move what is held or owed against it")
        if move <= -1:
            raise UsageError(f"{asset}: nothing falls by {text}", mend="write a fall of less than 100%")
        if asset in moves:
            raise UsageError(f"{asset} is given twice", mend="give it once")
        moves[asset] = move
    return moves


def _find_scenario(date: str) -> StressScenario:
    found = STRESS_SCENARIOS.get(date)
    if found is None:
        raise UsageError(f"--like: nothing is known of {date}", mend=f"there are {', '.join(STRESS_SCENARIOS)}")
    return found


def _note_unknown_assets(status: Document, shock: Shock) -> None:
    """Report assets of the shock that no account holds: a typing error must not look like an account that survives."""
    there = {asset for account in status["accounts"] for _, scope in scopes_of(account) for asset in _assets_of(scope)}
    for asset in sorted(set(shock.moves_by_asset) - there):
        output.print_note(f"{asset} is in no scope: its move changes nothing")


def _assets_of(scope: Document) -> list[str]:
    rows = scope["balances"] if "balances" in scope else (scope["base"], scope["quote"])
    return [row["asset"] for row in rows if row is not None]

"""`compare`: our own figures beside those that the exchange reports. It only reads."""

import argparse
import asyncio
from decimal import Decimal
from pathlib import Path

from monitor import __version__
from monitor.app.comparison import compare_accounts
from monitor.app.parameters import fraction_parameter
from monitor.cli import config_option, output
from monitor.cli.commands.compare.bundle_file import refuse_existing, write_bundle
from monitor.cli.parser import add_json
from monitor.clock import SystemClock
from monitor.errors import ExitCode, ParameterInvalid
from monitor.view.comparison.compare_document import compare_document
from monitor.view.terminal.compare import compare_lines, compare_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tolerance",
        metavar="PART",
        help="allowed difference of figures that depend on prices, such as 0.5%% (default: [risk] drift_bound)",
    )
    parser.add_argument("--all", action="store_true", help="show the net amounts that agree, too")
    parser.add_argument(
        "--bundle", metavar="FILE.zip", help="write a new archive for a bug report, too: amounts and secrets masked"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    tolerance = None if args.tolerance is None else _parse_tolerance(args.tolerance)
    if args.bundle is not None:
        # Before the exchange is asked for it.
        refuse_existing(Path(args.bundle).expanduser())
    config = config_option.read_config(args)
    clock = SystemClock()
    compared = asyncio.run(compare_accounts(config, clock, tolerance))
    document = compare_document(((one.account, one.figures) for one in compared), clock.now(), __version__)
    if args.bundle is not None:
        write_bundle(Path(args.bundle).expanduser(), config, compared, clock.now())
    if args.json:
        output.print_json(document)
    else:
        output.print_view_table(compare_table(document, with_same_amounts=args.all))
        output.print_line()
        output.print_cells(compare_lines(document))
    if args.bundle is not None:
        output.print_note(f"wrote {args.bundle}: look into it before you attach it")
    if compared and all(one.is_unreachable for one in compared):
        return ExitCode.UNREACHABLE
    return ExitCode.DONE if document["ok"] else ExitCode.NO


def _parse_tolerance(text: str) -> Decimal:
    part = fraction_parameter("tolerance", text)
    if part < 0:
        raise ParameterInvalid("tolerance", f"{text} is negative", mend="write it like 0.5%")
    return part

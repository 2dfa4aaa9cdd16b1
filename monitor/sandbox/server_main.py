"""The sandbox as a process of its own: options, the ready line, a clean stop."""

import argparse
import asyncio
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from monitor.sandbox.faults import FaultError, read_faults
from monitor.sandbox.scenario.builtin import SCENARIOS
from monitor.sandbox.scenario.price_path import PriceFileError
from monitor.sandbox.scenario.scenario import Scenario
from monitor.sandbox.scenario.scenario_file import ScenarioError, read_scenario
from monitor.sandbox.server import Sandbox

DEFAULT_SANDBOX_SCENARIO = "calm"
MAX_PORT = 65535


class SandboxUsageError(Exception):
    """Options that can't be used; the text is one line with location and fix."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the sandbox's options."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen at; 0 takes a free one (default)")
    parser.add_argument(
        "--scenario",
        default=DEFAULT_SANDBOX_SCENARIO,
        metavar="NAME|FILE",
        help=f"{', '.join(SCENARIOS)}, or a JSON file (default %(default)s)",
    )
    parser.add_argument(
        "--prices",
        nargs="+",
        action="extend",
        default=[],
        metavar="SYMBOL=FILE",
        help="play these CSV(.gz) bars instead of the scenario's prices, from the first bar on",
    )
    parser.add_argument(
        "--start",
        choices=("now", "scenario"),
        default="now",
        help="start of the timeline: the present, for programs on the machine's clock (default), "
        "or the date of the scenario or the bars",
    )
    parser.add_argument("--speed", type=float, default=1.0, help="exchange seconds in one second (default %(default)s)")
    parser.add_argument("--anchor", type=float, help="POSIX seconds of the machine at the start (default: now)")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="a JSON list of faults")
    parser.add_argument("--frozen", action="store_true", help="freeze time until the admin API advances it")


def load_scenario(name: str, prices: list[str]) -> Scenario:
    """The scenario of that name or file, with these bars. Raises SandboxUsageError."""
    build = SCENARIOS.get(name)
    try:
        scenario = build() if build is not None else read_scenario(Path(name))
        bars: dict[str, Path] = {}
        for option in prices:
            symbol, equals, file = option.partition("=")
            if not (symbol and equals and file):
                raise SandboxUsageError(f"--prices {option}: SYMBOL=FILE is meant")
            bars[symbol] = Path(file)
        return scenario.with_bars(bars)
    except (ScenarioError, PriceFileError) as error:
        raise SandboxUsageError(str(error)) from error


async def run_server(options: argparse.Namespace) -> None:
    """Run a sandbox until SIGTERM or SIGINT. The first line on stdout is the ready JSON.

    Raises SandboxUsageError before anything is printed.
    """
    scenario = load_scenario(options.scenario, options.prices)
    anchor = time.time() if options.anchor is None else options.anchor
    if options.start == "now":
        scenario = scenario.starting_at(datetime.fromtimestamp(anchor, UTC))
    if options.speed <= 0:
        raise SandboxUsageError(f"--speed {options.speed}: more than 0 is meant")
    if not 0 <= options.port <= MAX_PORT:
        raise SandboxUsageError(f"--port {options.port}: 0 to {MAX_PORT} is meant")
    try:
        faults = read_faults(options.faults) if options.faults is not None else []
    except FaultError as error:
        raise SandboxUsageError(str(error)) from error
    sandbox = Sandbox(
        scenario,
        speed=options.speed,
        host=options.host,
        port=options.port,
        faults=faults,
        anchor=anchor,
        frozen=options.frozen,
    )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        ready = await sandbox.start()
        sys.stdout.write(msgspec.json.encode(ready.as_json()).decode() + "\n")
        sys.stdout.flush()
        await stopped.wait()
    except OSError as error:
        raise SandboxUsageError(f"--port {options.port}: {error.strerror}; choose another") from error
    finally:
        await sandbox.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox with these command-line arguments. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m monitor.sandbox", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    try:
        asyncio.run(run_server(options))
    except SandboxUsageError as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    return 0

"""`sandbox`: the built-in exchange alone, until stopped. Its first line on stdout has its addresses."""

import argparse
import asyncio

from monitor.errors import ExitCode, UsageError
from monitor.sandbox import server_main


def add_arguments(parser: argparse.ArgumentParser) -> None:
    server_main.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    try:
        asyncio.run(server_main.run_server(args))
    except server_main.SandboxUsageError as error:
        raise UsageError(str(error)) from error
    return ExitCode.DONE

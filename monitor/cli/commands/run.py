"""`run`: the daemon in the foreground, until SIGTERM or SIGINT; SIGHUP reloads."""

import argparse
import asyncio
import signal
import sys
from contextlib import suppress

from monitor.app import daemon
from monitor.app.database import attach_store
from monitor.cli import config_option
from monitor.cli.daemon.daemon_supervisor import DaemonSupervisor
from monitor.cli.daemon.duplicate_accounts import refuse_duplicate_accounts
from monitor.cli.daemon.exit_notice import send_exit_notice
from monitor.cli.daemon.key_check import refuse_bad_keys
from monitor.cli.log_setup import background_logging
from monitor.clock import Clock, SystemClock
from monitor.config.model import Config
from monitor.errors import ConfigError
from monitor.runtime.event_loop import run_event_loop
from monitor.runtime.store_session import wait_until_open
from monitor.runtime.systemd import ServiceManager


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no options."""


def run(args: argparse.Namespace) -> int:
    """Exit 0 after a clean stop. Raises the error that prevents a start."""
    try:
        config = config_option.read_config(args)
    except ConfigError as error:
        _notify_config_error(args, error)
        raise
    with background_logging():
        run_event_loop(lambda: run_daemon(config, SystemClock()))
    return 0


def _notify_config_error(args: argparse.Namespace, error: ConfigError) -> None:
    """Report a configuration error that keeps a service from starting, on the channels of that configuration.

    At a terminal the error is only printed.
    """
    with suppress(ConfigError):
        if not sys.stderr.isatty() and (channels := config_option.read_channels(args)) is not None:
            asyncio.run(send_exit_notice(channels, error))


async def run_daemon(config: Config, clock: Clock) -> None:
    """Run the daemon, after each reload with the new configuration, until it is stopped.

    Any other end is reported on the channels first.
    """
    turn = DaemonSupervisor(config, clock, ServiceManager())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, turn.stop)
    loop.add_signal_handler(signal.SIGHUP, turn.reload)
    try:
        daemon.check_secrets(config)
        store = attach_store(config)
        try:
            if (
                await turn.run_unless_stopped(wait_until_open(store))
                and await turn.run_unless_stopped(refuse_bad_keys(config, clock))
                and await turn.run_unless_stopped(refuse_duplicate_accounts(config, clock, store))
            ):
                await turn.run(store)
        finally:
            await store.close()
    except Exception as error:
        await send_exit_notice(turn.config, error)
        raise

"""`margin-monitor run`: the daemon in the foreground, until SIGTERM or SIGINT; SIGHUP reloads."""

import argparse
import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine

from monitor import app
from monitor.cli import settings
from monitor.cli.goodbye import say_goodbye
from monitor.cli.logs import background_logging
from monitor.cli.turn import Turn
from monitor.clock import Clock, SystemClock
from monitor.config.model import Config
from monitor.errors import ExchangeError, KeyInvalid, KeyRefused
from monitor.runtime.service import ServiceManager
from monitor.runtime.storekeeper import opened

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(args: argparse.Namespace) -> int:
    """Exit 0 after a clean stop. Raises what keeps it from starting."""
    config = settings.load(args)
    with background_logging():
        run_loop(lambda: serve(config, SystemClock()))
    return 0


def run_loop(main: Callable[[], Coroutine[object, object, None]]) -> None:
    """Runs a coroutine on uvloop where it is installed, else on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())


async def serve(config: Config, clock: Clock) -> None:
    """The daemon, again and again with a new configuration after each reload, until it is told to stop.

    What ends it otherwise is said on the channels first.
    """
    turn = Turn(config, clock, ServiceManager())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, turn.stop)
    loop.add_signal_handler(signal.SIGHUP, turn.reload)
    app.check_secrets(config)
    try:
        store = app.attach_store(config)
        try:
            if await turn.unless_stopped(opened(store)) and await turn.unless_stopped(refuse_bad_keys(config, clock)):
                await turn.run(store)
        finally:
            await store.close()
    except Exception as error:
        await say_goodbye(turn.config, error)
        raise


async def refuse_bad_keys(config: Config, clock: Clock) -> None:
    """Raises KeyRefused when the exchange refuses a key. One that can't be reached is no reason not to start."""
    refusals = await asyncio.gather(*(_refusal(config, account.name, clock) for account in config.accounts))
    for refusal in refusals:
        if refusal is not None:
            raise refusal


async def _refusal(config: Config, account: str, clock: Clock) -> KeyRefused | None:
    exchange = app.open_exchange(config, account, clock)
    try:
        await exchange.sync_clock()
        await exchange.read_key()
    except KeyInvalid as error:
        refused = KeyRefused(
            f"the exchange refuses the key ({error.message})",
            where=f'accounts "{account}"',
            mend="check the key, its secret, its IP restriction and its permissions on the exchange",
        )
        refused.__cause__ = error
        return refused
    except ExchangeError as error:
        log.warning("exchange.unreachable account=%s cause=%s", account, error)
    finally:
        await exchange.aclose()
    return None

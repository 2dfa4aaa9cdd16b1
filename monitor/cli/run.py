"""`margin-monitor run`: the daemon in the foreground, until SIGTERM or SIGINT; SIGHUP reloads."""

import argparse
import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path

from monitor import app
from monitor.cli import settings
from monitor.cli.logs import background_logging
from monitor.clock import Clock, SystemClock
from monitor.config.loading import load_config
from monitor.config.model import Config
from monitor.errors import ConfigError, ExchangeError, KeyInvalid, KeyRefused
from monitor.runtime.daemon import Daemon
from monitor.runtime.pruner import keep_samples_for
from monitor.runtime.service import ServiceManager
from monitor.store.store import Store

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
    """The daemon, again and again with a new configuration after each reload, until it is told to stop."""
    turn = _Turn(config, ServiceManager())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, turn.stop)
    loop.add_signal_handler(signal.SIGHUP, turn.reload)
    app.check_secrets(config)
    store = await asyncio.to_thread(app.open_store, config)
    try:
        if await turn.unless_stopped(refuse_bad_keys(config, clock)):
            await turn.run(store, clock)
    finally:
        await store.close()


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


class _Turn:
    """The daemon that runs now, and what a signal wants of it."""

    def __init__(self, config: Config, manager: ServiceManager) -> None:
        self._config = config
        self._manager = manager
        self._daemon: Daemon | None = None
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._stopped.set()
        if self._daemon is not None:
            self._daemon.stop()

    def reload(self) -> None:
        """Take on the configuration as the file now has it; while it can't be used, the old one goes on undisturbed."""
        self._manager.reloading()
        try:
            fresh = load_config(Path(self._config.source), os.environ)
            if fresh.storage_url != self._config.storage_url:
                raise ConfigError("[storage] url changed", where=str(fresh.source), mend="restart to take it on")
            app.check_secrets(fresh)
        except ConfigError as error:
            log.error("config.reload_failed cause=%s", error)
            return
        log.info("config.reloaded source=%s", fresh.source)
        self._config = fresh
        if self._daemon is not None:
            self._daemon.stop()

    async def unless_stopped(self, work: Coroutine[object, object, None]) -> bool:
        """Whether `work` came to its end before the program was told to stop. Raises what it raises."""
        doing, stopped = asyncio.create_task(work), asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait([doing, stopped], return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                doing.result()
        finally:
            doing.cancel()
            stopped.cancel()
            await asyncio.wait([doing, stopped])
        return not self._stopped.is_set()

    async def run(self, store: Store, clock: Clock) -> None:
        while not self._stopped.is_set():
            self._daemon = app.build(self._config, store, clock, self._manager.beat)
            pruning = asyncio.create_task(keep_samples_for(self._config.storage.retain_samples, store, clock))
            # What is there now stays: looking through it for what may go would only stop the loop for milliseconds.
            gc.collect()
            gc.freeze()
            try:
                await self._daemon.run()
            finally:
                pruning.cancel()
                await asyncio.wait([pruning])
        self._manager.stopping()

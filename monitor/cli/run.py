"""`margin-monitor run`: the daemon in the foreground, until SIGTERM or SIGINT; SIGHUP reloads."""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path

from monitor import app
from monitor.clock import Clock, SystemClock
from monitor.config.loading import load_config
from monitor.config.model import Config
from monitor.errors import ConfigError, ExchangeError, KeyInvalid, KeyRefused
from monitor.runtime.daemon import Daemon
from monitor.runtime.service import ServiceManager
from monitor.store.store import Store

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(args: argparse.Namespace) -> int:
    """Exit 0 after a clean stop. Raises what keeps it from starting."""
    config: Config = args.load_config()
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
    store = await asyncio.to_thread(app.open_store, config)
    try:
        await refuse_bad_keys(config, clock)
        await _serve(config, store, clock)
    finally:
        await store.close()


async def refuse_bad_keys(config: Config, clock: Clock) -> None:
    """Raises KeyRefused when the exchange refuses a key. One that can't be reached is no reason not to start."""
    for account in config.accounts:
        exchange = app.open_exchange(config, account.name, clock)
        try:
            await exchange.sync_clock()
            await exchange.read_key()
        except KeyInvalid as error:
            raise KeyRefused(
                f"the exchange refuses the key ({error.message})",
                where=f'accounts "{account.name}"',
                mend="check the key, its secret, its IP restriction and its permissions on the exchange",
            ) from error
        except ExchangeError as error:
            log.warning("exchange.unreachable account=%s cause=%s", account.name, error)
        finally:
            await exchange.aclose()


async def _serve(config: Config, store: Store, clock: Clock) -> None:
    manager = ServiceManager()
    turn = _Turn()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, turn.stop)
    loop.add_signal_handler(signal.SIGHUP, turn.reload)
    while True:
        daemon = app.build(config, store, clock, manager.beat)
        turn.begin(daemon)
        await daemon.run()
        if turn.is_final:
            manager.stopping()
            return
        manager.reloading()
        config = _reloaded(config, os.environ)


class _Turn:
    """The daemon that runs now, and what a signal wants of it."""

    def __init__(self) -> None:
        self._daemon: Daemon | None = None
        self.is_final = False

    def begin(self, daemon: Daemon) -> None:
        self._daemon = daemon
        if self.is_final:
            daemon.stop()

    def stop(self) -> None:
        self.is_final = True
        self.reload()

    def reload(self) -> None:
        if self._daemon is not None:
            self._daemon.stop()


def _reloaded(config: Config, environ: "os._Environ[str]") -> Config:
    """The configuration as the file now has it; the old one when it can't be used."""
    try:
        fresh = load_config(Path(config.source), environ)
    except ConfigError as error:
        log.error("config.reload_failed cause=%s", error)
        return config
    if fresh.storage_url != config.storage_url:
        log.error("config.reload_failed cause=[storage] url changed; restart to take it on")
        return config
    log.info("config.reloaded source=%s", fresh.source)
    return fresh

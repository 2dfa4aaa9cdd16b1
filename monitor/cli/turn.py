"""The daemon that runs now, what a signal wants of it, and the one that takes its place after a reload."""

import asyncio
import gc
import logging
import os
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path

from monitor import app
from monitor.clock import Clock
from monitor.config.loading import load_config
from monitor.config.model import Config
from monitor.core.alerts import Severity
from monitor.errors import ConfigError, MonitorError, StoreError
from monitor.runtime.daemon import Daemon
from monitor.runtime.pruner import prune_for_ever
from monitor.runtime.service import ServiceManager
from monitor.store.store import Store

log = logging.getLogger(__name__)

STANDS_WITHIN_S = 60.0
"""A new configuration has to bring the daemon to its feet within this (machine seconds), or the old one comes back."""


class Turn:
    """One daemon at a time on one store; a reload puts another in its place, with all that the first had in memory."""

    def __init__(self, config: Config, clock: Clock, manager: ServiceManager) -> None:
        self.config = config
        self._clock = clock
        self._manager = manager
        self._store: Store | None = None
        self._daemon: Daemon | None = None
        self._next: tuple[Config, Daemon] | None = None
        self._stopped = asyncio.Event()
        self._telling: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        self._stopped.set()
        if self._daemon is not None:
            self._daemon.stop()

    def reload(self) -> None:
        """Take on the configuration as the file now has it; while it can't be used, the old one goes on undisturbed.

        The new daemon is built before the old one is touched.
        """
        if self._daemon is None or self._store is None:
            # It is still starting, from the configuration that it found.
            log.error("config.reload_failed cause='the daemon has not started yet'")
            return
        self._manager.reloading()
        try:
            fresh = load_config(Path(self.config.source), os.environ)
            if fresh.storage_url != self.config.storage_url:
                raise ConfigError("[storage] url changed", where=str(fresh.source), mend="restart to take it on")
            app.check_secrets(fresh)
            self._next = (fresh, self._built(fresh))
        except Exception as error:
            log.error("config.reload_failed cause=%s", _named(error), exc_info=_unexpected(error))
            self._tell("warning", f"The new configuration was refused, the old one goes on: {_named(error)}")
            return
        self._daemon.stop()

    async def unless_stopped(self, work: Coroutine[object, object, object]) -> bool:
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

    async def run(self, store: Store) -> None:
        """Until it is told to stop. Raises what ends a daemon that had stood."""
        self._store = store
        self._daemon = self._built(self.config)
        before: Config | None = None
        while not self._stopped.is_set():
            failure = await self._run_one(self._daemon, is_new=before is not None)
            if self._stopped.is_set() and failure is None:
                break
            if failure is not None:
                if before is None or self._daemon.has_stood or isinstance(failure, StoreError):
                    raise failure
                log.error("config.reload_undone cause=%s", _named(failure), exc_info=_unexpected(failure))
                text = f"The new configuration did not stand, the old one is back: {_named(failure)}"
                self.config, before = before, None
                self._daemon = self._built(self.config)
                self._tell("critical", text)
            elif self._next is not None:
                before = self.config
                self._daemon.hand_over()
                (self.config, self._daemon), self._next = self._next, None
        self._manager.stopping()

    async def _run_one(self, daemon: Daemon, *, is_new: bool) -> Exception | None:
        """Runs a daemon to its end; what ended it, None where it was told to."""
        assert self._store is not None
        storage = self.config.storage
        retained = (storage.retain_samples, storage.retain_events)
        pruning = asyncio.create_task(prune_for_ever(*retained, self._store, self._clock))
        announcing = asyncio.create_task(self._announce(daemon)) if is_new else None
        # What is there now stays: looking through it for what may go would only stop the loop for milliseconds.
        gc.collect()
        gc.freeze()
        try:
            await daemon.run()
        except Exception as error:  # noqa: BLE001 – who called decides whether this is the end
            return error
        finally:
            for task in (pruning, announcing):
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task])
        return None

    async def _announce(self, daemon: Daemon) -> None:
        """Say that the configuration is taken on, once the daemon stands on it; and when it does not."""
        try:
            async with asyncio.timeout(STANDS_WITHIN_S):
                await daemon.stands()
        except TimeoutError:
            log.error("config.reload_unfinished source=%s", self.config.source)
            await daemon.notify("critical", _UNFINISHED)
            return
        down = daemon.failing_accounts
        if down:
            log.error("config.reload_unfinished source=%s down=%s", self.config.source, ",".join(down))
            await daemon.notify("critical", f"{_UNFINISHED} Down: {', '.join(down)}.")
            return
        log.info("config.reloaded source=%s", self.config.source)

    def _built(self, config: Config) -> Daemon:
        assert self._store is not None
        memories = None if self._daemon is None else self._daemon.hand_over()
        return app.build(config, self._store, self._clock, self._manager.beat, memories)

    def _tell(self, severity: Severity, text: str) -> None:
        assert self._daemon is not None
        task = asyncio.create_task(_quietly(self._daemon, severity, text))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


_UNFINISHED = "The new configuration was taken on, but not everything stands on it."


async def _quietly(daemon: Daemon, severity: Severity, text: str) -> None:
    with suppress(StoreError):
        await daemon.notify(severity, text)


def _named(error: BaseException) -> str:
    return str(error) if isinstance(error, MonitorError) else f"{type(error).__name__}: {error}"


def _unexpected(error: BaseException) -> BaseException | None:
    return None if isinstance(error, MonitorError) else error

"""The daemon loop of `run`: one daemon at a time, replaced at each reload."""

import asyncio
import gc
import logging
import os
from collections.abc import Container, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from monitor.app.daemon import build_daemon, check_secrets
from monitor.app.database import row_retention
from monitor.app.web.service import WebService
from monitor.cli.daemon.duplicate_accounts import refuse_duplicate_accounts
from monitor.cli.daemon.key_check import refuse_bad_keys
from monitor.clock import Clock
from monitor.config.loading import load_config
from monitor.config.model import Config
from monitor.core.model.alert import Severity
from monitor.errors import ConfigError, MonitorError, StoreError
from monitor.exchange.binance.rate_limits import WeightBudget
from monitor.runtime.daemon import Daemon
from monitor.runtime.pruner import prune_hourly
from monitor.runtime.systemd import ServiceManager
from monitor.store.store import Store

log = logging.getLogger(__name__)

RELOAD_TIMEOUT_S = 60.0
"""A daemon on a new configuration has to be healthy within this (machine seconds), or the old one is restored."""

RENEW_EVERY_S = 1.0
MAX_RENEWALS = 30
"""Times that leases are renewed for a daemon that does not do so itself: what it holds is given up if it takes longer
to start, or to end."""

LOOK_S = 0.5
"""Machine seconds between two checks of the accounts."""


@dataclass(frozen=True, slots=True)
class _Ailing:
    """The accounts that failed before a reload; a new configuration need not make them work."""

    failing: Container[str] = ()
    unread: Container[str] = ()


class DaemonSupervisor:
    """One daemon at a time on one store; a reload replaces it, and the new one takes over everything in its memory."""

    def __init__(self, config: Config, clock: Clock, manager: ServiceManager) -> None:
        self.config = config
        self._clock = clock
        self._manager = manager
        self._usage = WeightBudget()
        self._store: Store | None = None
        self._web: WebService | None = None
        self._daemon: Daemon | None = None
        self._replacement: tuple[Config, Daemon] | None = None
        self._stopped = asyncio.Event()
        self._notification_tasks: set[asyncio.Task[None]] = set()
        self._reload_task: asyncio.Task[None] | None = None
        self._reload_failure = ""
        """The reason for which a daemon on a new configuration was stopped."""
        self._is_config_confirmed = True
        """Whether the configuration can be restored later: true for the first one, and for one that has worked."""

    @property
    def daemon(self) -> Daemon | None:
        """The daemon that runs now; None before the first."""
        return self._daemon

    @property
    def web(self) -> WebService | None:
        """The page, the API and the metrics; None before the first daemon."""
        return self._web

    def stop(self) -> None:
        self._stopped.set()
        if self._daemon is not None:
            self._daemon.stop()

    def reload(self) -> None:
        """Load the configuration file again; while it has errors, the old daemon continues undisturbed.

        The new daemon is built before the old one is stopped.
        """
        if self._daemon is None or self._store is None:
            # The daemon is still starting, from the configuration that it found.
            log.error("config.reload_failed cause='the daemon has not started yet'")
            return
        self._manager.report_reloading()
        if self._reload_task is not None:
            # The present state of the file counts.
            self._reload_task.cancel()
        self._reload_task = asyncio.create_task(self._reload())

    async def _reload(self) -> None:
        assert self._daemon is not None
        assert self._store is not None
        try:
            fresh = load_config(Path(self.config.source), os.environ)
            if fresh.storage_url != self.config.storage_url:
                raise ConfigError("[storage] url changed", where=str(fresh.source), mend="restart to take it on")
            if fresh.storage.lease != self.config.storage.lease:
                raise ConfigError("[storage] lease changed", where=str(fresh.source), mend="restart to take it on")
            check_secrets(fresh)
            # A key that is refused already is no news, and no reason to refuse a configuration that may fix it.
            await refuse_bad_keys(fresh, self._clock, _accounts_with_refused_keys(self._daemon))
            await refuse_duplicate_accounts(fresh, self._clock, self._store)
            following = fresh, self._build_daemon(fresh)
        except Exception as error:
            log.error("config.reload_failed cause=%s", _error_text(error), exc_info=_unexpected_error(error))
            self._daemon.counters.note_reload(is_ok=False, at=self._clock.now())
            self._notify("warning", f"The new configuration was refused, the old one goes on: {_error_text(error)}")
            return
        self._replacement = following
        self._daemon.stop()

    async def run_unless_stopped(self, work: Coroutine[object, object, object]) -> bool:
        """Return whether `work` finished before the program was asked to stop. Raises the errors of `work`."""
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
        """Run until stopped. Raises the error of a daemon that had been healthy."""
        self._store = store
        self._daemon = self._build_daemon(self.config)
        self._web = WebService(
            self.config, store, self._clock, lambda: self._daemon, lambda text: self._notify("warning", text)
        )
        self._configure_web()
        serving = asyncio.create_task(self._web.run(), name="web")
        try:
            await self._run_daemons()
        finally:
            serving.cancel()
            await asyncio.wait([serving])

    async def _run_daemons(self) -> None:
        assert self._daemon is not None
        before: Config | None = None
        ailing = _Ailing()
        while not self._stopped.is_set():
            failure = await self._run_daemon(self._daemon, None if before is None else ailing)
            if self._stopped.is_set() and failure is None:
                break
            if failure is not None and (before is None or self._daemon.is_ready or isinstance(failure, StoreError)):
                raise failure
            if failure is None and self._replacement is not None:
                if self._is_config_confirmed:
                    before, ailing = self.config, _ailing(self._daemon)
                self._daemon.latest_memories()
                (self.config, self._daemon), self._replacement = self._replacement, None
                self._configure_web()
                self._is_config_confirmed = False
            elif before is not None:
                self._restore_config(before, self._reload_failure if failure is None else _error_text(failure), failure)
                before, self._is_config_confirmed = None, True
        self._manager.report_stopping()

    def _restore_config(self, old_config: Config, why: str, failure: Exception | None) -> None:
        """Restore the old configuration after a failed reload, with all state recorded meanwhile."""
        log.error("config.reload_undone cause=%s", why, exc_info=failure and _unexpected_error(failure))
        self.config = old_config
        self._daemon = self._build_daemon(old_config)
        self._configure_web()
        self._daemon.counters.note_reload(is_ok=False, at=self._clock.now())
        self._notify("critical", f"The new configuration did not stand, the old one is back: {why}")

    async def _run_daemon(self, daemon: Daemon, ailing: _Ailing | None) -> Exception | None:
        """Run a daemon to its end; returns the error that ended it, None after a requested stop.

        `ailing` are the accounts that failed before it, if it has a new configuration; else None.
        """
        assert self._store is not None
        pruning = asyncio.create_task(prune_hourly(row_retention(self.config), self._store, self._clock))
        watching = None if ailing is None else asyncio.create_task(self._confirm_reload(daemon, ailing))
        renewing = asyncio.create_task(self._renew_leases(daemon))
        # Frozen: scanning these objects for garbage would only stop the loop for milliseconds.
        gc.collect()
        gc.freeze()
        try:
            await daemon.run()
        except Exception as error:  # noqa: BLE001 – who called decides whether this is the end
            return error
        finally:
            for task in (pruning, watching, renewing):
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task])
        return None

    async def _renew_leases(self, daemon: Daemon) -> None:
        """Renew what this process holds while the daemon does not divide the accounts yet, or any more.

        Otherwise the other daemons would take it during a reload.
        """
        assert self._store is not None
        left = MAX_RENEWALS
        while True:
            if daemon.share.is_dividing:
                left = MAX_RENEWALS
            elif left > 0:
                left -= 1
                # The store reports its own failure.
                with suppress(StoreError):
                    await self._store.renew_leases()
            await asyncio.sleep(RENEW_EVERY_S)

    async def _confirm_reload(self, daemon: Daemon, ailing: _Ailing) -> None:
        """Report that the configuration is in force once the daemon is healthy; else stop it."""
        try:
            async with asyncio.timeout(RELOAD_TIMEOUT_S):
                await daemon.wait_until_ready()
                self._reload_failure = await _fall_or_answer(daemon, ailing)
        except TimeoutError:
            unread = ", ".join(sorted(daemon.unread_accounts))
            whose = f" (accounts: {unread})" if unread else ""
            self._reload_failure = f"not everything was read within {RELOAD_TIMEOUT_S:g} s{whose}"
        if self._reload_failure:
            daemon.stop()
            return
        self._is_config_confirmed = True
        daemon.counters.note_reload(is_ok=True, at=self._clock.now())
        log.info("config.reloaded source=%s", self.config.source)

    def _build_daemon(self, config: Config) -> Daemon:
        assert self._store is not None
        return build_daemon(config, self._store, self._clock, self._manager.report_alive, self._daemon, self._usage)

    def _configure_web(self) -> None:
        """Let the page follow the configuration; one whose token can't be read any more leaves it as it is."""
        assert self._web is not None
        try:
            self._web.configure(self.config)
        except ConfigError as error:
            log.error("web.not_configured cause=%s", error)

    def _notify(self, severity: Severity, text: str) -> None:
        assert self._daemon is not None
        task = asyncio.create_task(_notify_best_effort(self._daemon, severity, text))
        self._notification_tasks.add(task)
        task.add_done_callback(self._notification_tasks.discard)


async def _fall_or_answer(daemon: Daemon, ailing: _Ailing) -> str:
    """Wait until every account answered or one failed; returns the errors of those that failed, "" without any."""
    while True:
        fallen = {name: cause for name, cause in daemon.failing_accounts.items() if name not in ailing.failing}
        if fallen:
            return ", ".join(f"account {name} is down ({cause})" for name, cause in fallen.items())
        if all(name in ailing.unread for name in daemon.unread_accounts):
            return ""
        await asyncio.sleep(LOOK_S)


def _ailing(daemon: Daemon) -> _Ailing:
    return _Ailing(daemon.failing_accounts.keys(), daemon.unread_accounts | _accounts_with_refused_keys(daemon))


def _accounts_with_refused_keys(daemon: Daemon) -> frozenset[str]:
    return frozenset(name for name, state in daemon.account_states().items() if state.keys.is_accepted is False)


async def _notify_best_effort(daemon: Daemon, severity: Severity, text: str) -> None:
    with suppress(StoreError):
        await daemon.notify(severity, text)


def _error_text(error: BaseException) -> str:
    return str(error) if isinstance(error, MonitorError) else f"{type(error).__name__}: {error}"


def _unexpected_error(error: BaseException) -> BaseException | None:
    return None if isinstance(error, MonitorError) else error

"""The web beside the daemon: one server for the life of the program, whichever daemon runs."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from monitor import __version__
from monitor.app.metrics import DaemonFigures
from monitor.app.web.commands import StoredCommands
from monitor.app.web.documents import SharedDocuments
from monitor.clock import Clock
from monitor.config.credentials import resolve_http_token
from monitor.config.model import Config
from monitor.config.redaction import KNOWN_SECRETS
from monitor.runtime.daemon import Daemon
from monitor.store.store import Store
from monitor.web.server import ProgramParts, WebServer
from monitor.web.settings import WebSettings

log = logging.getLogger(__name__)

RESTART_S = 5.0
"""Machine seconds before a server that ended is started again."""


class WebService:
    """The HTTP server with its access to the daemon that runs now and to the store."""

    def __init__(
        self,
        config: Config,
        store: Store,
        clock: Clock,
        daemon: Callable[[], Daemon | None],
        notify: Callable[[str], None],
    ) -> None:
        """Nothing is served before `configure`.

        `daemon` returns the daemon that runs now; `notify` sends a warning to all channels.
        """
        self._config = config
        self._daemon = daemon
        self._documents = SharedDocuments(lambda: self._config, store, daemon, clock)
        commands = StoredCommands(lambda: self._config, store, clock, self._documents.forget)
        self.server = WebServer(
            ProgramParts(self._documents, commands, self, DaemonFigures(daemon, clock), clock, KNOWN_SECRETS.redact),
            notify,
        )

    def configure(self, config: Config) -> None:
        """Use this configuration from now on. Raises ConfigError for a token that can't be read."""
        token = resolve_http_token(config)
        self._config = config
        self._documents.forget()
        settings = WebSettings(config.http.listen, config.http.public_url, token is not None, __version__)
        self.server.configure(settings, None if token is None else token.reveal())

    async def run(self) -> None:
        """Serve until cancelled; a server that ended is started again."""
        try:
            while True:
                await self._serve()
                self.server.statistics.restarts += 1
                log.error("web.ended restart_s=%g", RESTART_S)
                await asyncio.sleep(RESTART_S)
        finally:
            await self._documents.close()

    async def _serve(self) -> None:
        """Serve until the server ends, for whatever reason; only the cancellation of this task is raised."""
        try:
            await self.server.run()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        except Exception:
            log.exception("web.failed restart_s=%g", RESTART_S)

    def problems(self) -> Sequence[str]:
        """Return the reasons why the daemon is not ready, for `/readyz`."""
        daemon = self._daemon()
        if daemon is None or daemon.started_at is None:
            return ("the daemon is starting",)
        return daemon.readiness_problems(self._config.schedule.stale_after)

    def channel_problems(self) -> Mapping[str, str]:
        """Return the channels that do not work, and why."""
        daemon = self._daemon()
        return {} if daemon is None or daemon.started_at is None else daemon.channel_problems

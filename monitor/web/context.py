"""The parts of the program and the settings that every part of the web gets."""

from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from monitor.clock import Clock
from monitor.web.connections import ConnectionTable
from monitor.web.port import CommandSink, DocumentSource, HealthSource, MetricsSource
from monitor.web.security.access import AccessControl
from monitor.web.security.sessions import Session
from monitor.web.settings import WebSettings, WebStatistics
from monitor.web.workers import Workers


@dataclass(frozen=True, slots=True)
class WebContext:
    """Everything that the API, the pages and the metrics may use."""

    documents: DocumentSource
    commands: CommandSink
    health: HealthSource
    figures: MetricsSource
    clock: Clock
    settings: WebSettings
    access: AccessControl
    statistics: WebStatistics
    connections: ConnectionTable
    redact: Callable[[str], str]
    """Removes known secrets from a text."""
    workers: Workers = field(default_factory=Workers)

    def session_of(self, request: web.BaseRequest) -> Session | None:
        """Return the session of the request; None without one that is open."""
        return self.access.session_of(request)

    def form_token(self, request: web.BaseRequest) -> str:
        """Return the form token for the forms of a page; empty without a session."""
        return self.access.form_token(request)

    async def require_write(self, request: web.Request) -> str:
        """Return who sends a request that changes something. Raises RequestRefused unless that one may."""
        return await self.access.require_write(request)

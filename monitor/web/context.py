"""The parts of the program and the settings that every part of the web gets."""

from dataclasses import dataclass

from aiohttp import web

from monitor.clock import Clock
from monitor.web.port import CommandSink, DocumentSource, HealthSource, MetricsSource
from monitor.web.security.access import AccessControl
from monitor.web.security.sessions import Session


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Settings of `[http]` without the token itself, and the program's version."""

    listen: str
    public_url: str
    has_token: bool
    version: str


@dataclass(slots=True)
class WebStatistics:
    """Counts of the server since the start of the program, for `/metrics`."""

    restarts: int = 0
    """How often the server failed and was built anew."""
    listen_failures: int = 0
    """How often the listen address could not be used."""
    connections: int = 0
    """Open connections."""
    refused_connections: int = 0
    """Connections that were closed because there were too many, or because the client was too slow."""
    live_readers: int = 0
    """Readers of the live events."""


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

    def session_of(self, request: web.BaseRequest) -> Session | None:
        """Return the session of the request; None without one that is open."""
        return self.access.session_of(request)

    def form_token(self, request: web.BaseRequest) -> str:
        """Return the form token for the forms of a page; empty without a session."""
        return self.access.form_token(request)

    async def require_write(self, request: web.Request) -> str:
        """Return who sends a request that changes something. Raises RequestRefused unless that one may."""
        return await self.access.require_write(request)

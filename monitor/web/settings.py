"""Settings of the server, and counts of what it did. Nothing here needs the HTTP library."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Settings of `[http]` without the token itself, and the program's version."""

    listen: str
    public_url: str
    has_token: bool
    version: str

    @property
    def host(self) -> str:
        """The host to listen at, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])


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
    """Connections that were cut: too many at a time, or a client that was too slow."""
    unreadable_requests: int = 0
    """Requests that were no HTTP, or beyond the limits of a request."""
    live_readers: int = 0
    """Readers of the live events."""

"""Hosts and origins that this page answers to: its listen address and its public URL (against DNS rebinding)."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host in lower case without brackets, and its port."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True for localhost and addresses of this machine alone."""
        if self.host == "localhost":
            return True
        address = _parse_address(self.host)
        return address is not None and address.is_loopback

    @property
    def is_address(self) -> bool:
        """True if the host is an IP address, not a name."""
        return _parse_address(self.host) is not None


class KnownHosts:
    """Decides whether a Host or an Origin header names this page."""

    def __init__(self, listen: HostPort, public_url: str) -> None:
        self._listen = listen
        address = _parse_address(listen.host)
        self._is_wildcard = address is not None and address.is_unspecified
        parts = urlsplit(public_url)
        self._public_scheme = parts.scheme
        self._public = parse_host(parts.netloc, DEFAULT_PORTS.get(parts.scheme, 80)) if public_url else None

    def is_known_host(self, header: str, local: HostPort) -> bool:
        """Return whether a Host header names the listen address or the public URL.

        `local` is the address at which the connection arrived: where the listen address is every address of the
        machine, that one is meant. A name can point anywhere; an address in the header can't.
        """
        # Without a port in the header the default port of the scheme is meant.
        if self._public is not None and self._public == parse_host(header, DEFAULT_PORTS.get(self._public_scheme, 80)):
            return True
        given = parse_host(header, DEFAULT_PORTS["http"])
        if given is None:
            return False
        return self._is_listen_address(given, local)

    def is_known_origin(self, header: str, local: HostPort) -> bool:
        """Return whether an Origin header names a page of ours."""
        parts = urlsplit(header)
        given = parse_host(parts.netloc, DEFAULT_PORTS.get(parts.scheme, 0))
        if given is None or parts.path or parts.query or parts.fragment:
            return False
        if self._public is not None and parts.scheme == self._public_scheme and given == self._public:
            return True
        return parts.scheme == "http" and self._is_listen_address(given, local)

    def _is_listen_address(self, given: HostPort, local: HostPort) -> bool:
        if given.port != local.port:
            return False
        if given.host == local.host:
            return True
        # `localhost` is an address, too: no name server is asked for it.
        if given.host == "localhost":
            return local.is_loopback and (self._is_wildcard or self._listen.is_loopback)
        return given.host == self._listen.host


def parse_host(header: str, default_port: int) -> HostPort | None:
    """Return the host and port of a Host header or of a URL's authority; None when it is neither."""
    if not header or not header.isascii() or any(character in header for character in " \t/\\@?#,"):
        return None
    try:
        parts = urlsplit(f"//{header}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    return HostPort(_normalize(host), default_port if port is None else port)


def _normalize(host: str) -> str:
    host = host.lower().removesuffix(".")
    address = _parse_address(host)
    return host if address is None else str(address)


def _parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None

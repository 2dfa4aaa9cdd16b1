"""Value types for URLs, secret references and listen addresses."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from monitor.config.errors import InvalidValue
from monitor.config.secrets import SecretRef, has_password, parse_ref
from monitor.config.value_types import TEXT_SCHEMA, ValueType, quote, text

_REFERENCE_PATTERN = r"^(credential|file|env):\S"
_LOCALHOST = "".join(f"[{letter.upper()}{letter}]" for letter in "localhost")
_LOOPBACK = rf"([^/@]*@)?({_LOCALHOST}|127(\.[0-9]{{1,3}}){{3}}|\[[0-9A-Fa-f:.]+\])([:/?#]|$)"


def listen_address() -> ValueType[str]:
    def read(value: object) -> str:
        address = text(may_be_empty=True).read(value)
        host, _, port = address.rpartition(":")
        if address and not (host and port.isdecimal() and int(port) < 65536):
            raise InvalidValue(
                f"{quote(address)} is not an address", 'write it like "127.0.0.1:9184", or "" to switch it off'
            )
        return address

    return ValueType("host:port", read, {"type": "string", "pattern": "^(.+:[0-9]{1,5})?$"})


def url(*schemes: str, may_be_empty: bool = False, is_base: bool = False, is_origin: bool = False) -> ValueType[str]:
    """A URL with one of the schemes; `http` and `ws` are accepted for loopback hosts only.

    `is_base`: paths are appended to it, so that a trailing slash is dropped. `is_origin`: it has a host and perhaps a
    port, and nothing else.
    """

    def read(value: object) -> str:
        address = text(may_be_empty=may_be_empty).read(value)
        if address:
            check_url(address, schemes)
        if is_origin and address:
            _check_origin(address)
        return address.rstrip("/") if is_base else address

    pattern = _schemes_pattern(schemes)
    return ValueType("URL", read, {"type": "string", "pattern": f"^$|{pattern}" if may_be_empty else pattern})


def secret() -> ValueType[SecretRef]:
    """A key, passphrase or token: credential:NAME, file:PATH, env:NAME, or the value itself."""

    def read(value: object) -> SecretRef:
        return _read_reference(text().read(value))

    return ValueType("secret", read, TEXT_SCHEMA)


def secret_url(*schemes: str) -> ValueType[SecretRef]:
    """A URL that may be a secret. On loopback and without user info it is none. Without `schemes` any scheme is
    accepted."""

    def read(value: object) -> SecretRef:
        ref = _read_reference(text().read(value))
        if ref.literal is None:
            return ref
        check_url(ref.literal.reveal(), schemes)
        parts = _split_url(ref.literal.reveal())
        is_public = parts is not None and is_loopback(parts.hostname or "") and "@" not in parts.netloc
        return parse_ref(ref.literal.reveal(), public=is_public)

    address = _schemes_pattern(schemes) if schemes else "^[^:/]+://"
    return ValueType("secret URL", read, {"type": "string", "pattern": f"{_REFERENCE_PATTERN}|{address}"})


def database_url() -> ValueType[SecretRef]:
    """sqlite:///PATH or postgresql+psycopg://…, or a reference to one. Without a password it is no secret."""

    def read(value: object) -> SecretRef:
        ref = _read_reference(text().read(value))
        if ref.literal is None:
            return ref
        check_database_url(ref.literal.reveal())
        return parse_ref(ref.literal.reveal(), public=not has_password(ref.literal.reveal()))

    address = r"^sqlite(\+pysqlite)?:///.|^postgresql\+psycopg://"
    return ValueType("database URL", read, {"type": "string", "pattern": f"{_REFERENCE_PATTERN}|{address}"})


def check_url(address: str, schemes: tuple[str, ...]) -> None:
    """Raise InvalidValue unless the URL may be used; the message quotes nothing after the scheme.

    Without `schemes` any URL with a scheme is accepted: Apprise parses the rest, which often has no host and port.
    """
    scheme, separator, _ = address.partition("://")
    if not separator or not scheme:
        raise InvalidValue(
            "is not a URL", f"it must begin with {schemes[0]}://" if schemes else "it must begin with SCHEME://"
        )
    if schemes and scheme not in schemes:
        raise InvalidValue(f'"{scheme}" is not a scheme that works here', f"it must begin with {schemes[0]}://")
    parts = _split_url(address)
    if schemes and parts is None:
        raise InvalidValue("is not a URL", "check its host and port")
    host = "" if parts is None else parts.hostname or ""
    if schemes and not host:
        raise InvalidValue("is a URL without host", f"write {schemes[0]}://HOST")
    if scheme.lower() in ("http", "ws") and not is_loopback(host):
        raise InvalidValue(f"{scheme}:// is for loopback hosts only", f"use {scheme}s://")


def _check_origin(address: str) -> None:
    parts = _split_url(address)
    if parts is not None and (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc):
        raise InvalidValue("has more than a host and a port", f"write {parts.scheme}://HOST, without a path")


def check_database_url(address: str) -> None:
    """Raise InvalidValue unless the URL names a usable database. The message never holds a password."""
    scheme = address.partition(":")[0]
    if scheme in ("sqlite", "sqlite+pysqlite"):
        path = address.partition(":")[2]
        if not path.startswith("///") or path[3:] in ("", ":memory:") or "?" in path:
            raise InvalidValue("is not a database in a file", 'write it like "sqlite:///margin-monitor.db"')
    elif scheme == "postgresql+psycopg":
        # Without a host it is the socket on this machine, or the host in the query: postgresql+psycopg:///NAME.
        if (parts := _split_url(address)) is None:
            raise InvalidValue("is not a URL", "check its host and port")
        if not parts.path.strip("/"):
            raise InvalidValue("names no database", "write postgresql+psycopg://USER@HOST/DATABASE")
    elif scheme in ("postgresql", "postgres"):
        raise InvalidValue(f"{scheme}:// does not name the driver", "begin it with postgresql+psycopg://")
    else:
        raise InvalidValue("is not a database that works here", "use sqlite:///FILE or postgresql+psycopg://…")


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _schemes_pattern(schemes: tuple[str, ...]) -> str:
    """The pattern of URLs with one of the schemes; those without encryption only for the machine itself."""
    return "|".join(f"^{scheme}://{_LOOPBACK if scheme in ('http', 'ws') else '.'}" for scheme in schemes)


def _split_url(address: str) -> SplitResult | None:
    """The parts of a URL; None when its host or port can't be read."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _read_reference(value: str) -> SecretRef:
    ref = parse_ref(value)
    if ref.literal is None and not ref.name.strip():
        raise InvalidValue(f"{ref.kind}: names nothing", f"write {ref.kind}:{'PATH' if ref.kind == 'file' else 'NAME'}")
    if ref.kind == "credential" and "/" in ref.name:
        raise InvalidValue("a credential is named without path", "write credential:NAME, or file:PATH")
    return ref

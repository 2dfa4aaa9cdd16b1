"""Secret references and their resolution; a secret prints as *** everywhere."""

import stat
import string
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from monitor.config import redaction
from monitor.config.redaction import MASK
from monitor.errors import ConfigError

SecretKind = Literal["credential", "file", "env", "literal"]


_STRIPPED_CHARACTERS = string.whitespace + "\ufeff\u200b\u200e\u200f\u2060\u00a0\u0000"
"""Invisible characters that editors and copying leave around a secret: blanks, line ends, byte order marks."""

_PRIVATE_KEY = "-----BEGIN "


class Secret:
    """A secret value. Only `reveal()` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A reference to a secret, as written in the configuration.

    `name` is the credential, path or variable, empty for a literal. `literal` holds the value itself. `public`: the
    literal is no secret (a loopback URL without user info, a database URL without password). `where` is the location in
    the configuration, for errors.
    """

    kind: SecretKind
    name: str = ""
    literal: Secret | None = None
    public: bool = False
    where: str = ""

    @property
    def is_literal_secret(self) -> bool:
        return self.kind == "literal" and not self.public

    def __str__(self) -> str:
        """The reference as written; a literal is masked unless it is public."""
        if self.literal is None:
            return f"{self.kind}:{self.name}"
        return self.literal.reveal() if self.public else MASK


def parse_ref(text: str, *, public: bool = False) -> SecretRef:
    """The reference in a text: credential:NAME, file:PATH, env:NAME, or else the value itself."""
    prefix, colon, rest = text.partition(":")
    if colon and not rest.startswith("//") and prefix in ("credential", "file", "env"):
        kind: SecretKind = "credential" if prefix == "credential" else "file" if prefix == "file" else "env"
        return SecretRef(kind, rest)
    return SecretRef("literal", literal=Secret(text), public=public)


def resolve(ref: SecretRef, folder: Path, environ: Mapping[str, str]) -> Secret:
    """The value behind `ref`, without blanks, line ends and marks around it; remembered for redaction unless public.

    `folder` is the start of relative `file:` paths. Raises ConfigError with the location and the fix.
    """
    match ref.kind:
        case "literal":
            assert ref.literal is not None
            secret = ref.literal
        case "env":
            if ref.name not in environ:
                raise ConfigError(
                    f"environment variable {ref.name} is not set",
                    where=ref.where,
                    mend="set it, or name a file with file:PATH",
                )
            secret = Secret(environ[ref.name].strip(_STRIPPED_CHARACTERS))
        case "credential":
            secret = _read_credential(ref, environ)
        case _:
            secret = _read_file(ref, folder / Path(ref.name).expanduser())
    if not secret.reveal():
        raise ConfigError(f"{ref} is empty", where=ref.where, mend="put the secret into it")
    _check_visible(ref, secret.reveal())
    if not ref.public:
        redaction.KNOWN_SECRETS.remember(secret.reveal())
    return secret


def is_open_to_others(path: Path) -> bool:
    """Return whether group or others have any permission on the file. Raises OSError when that can't be read."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def has_password(url: str) -> bool:
    """Return whether the URL carries a password, before its host or as an option; True if it can't be parsed."""
    try:
        parts = urlsplit(url)
        return parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        return True


def _check_visible(ref: SecretRef, value: str) -> None:
    """Raise ConfigError for an invisible character inside the secret; the error names it and its position."""
    if _PRIVATE_KEY in value:
        return
    for place, character in enumerate(value, start=1):
        if not character.isprintable():
            name = unicodedata.name(character, "a control character")
            raise ConfigError(
                f"character {place} of {ref} is invisible (U+{ord(character):04X}, {name.lower()})",
                where=ref.where,
                mend="write it anew, in one line, without what was copied along",
            )


def _read_credential(ref: SecretRef, environ: Mapping[str, str]) -> Secret:
    # The service manager protects the folder itself and may use ACLs that show up as group permissions.
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ConfigError(
            f"{ref} needs $CREDENTIALS_DIRECTORY, which is not set",
            where=ref.where,
            mend="run under systemd with LoadCredential=, or use file:PATH or env:NAME",
        )
    return _read_text(ref, Path(folder) / ref.name, "add LoadCredential= for it to the unit")


def _read_file(ref: SecretRef, path: Path) -> Secret:
    try:
        is_too_open = is_open_to_others(path)
    except OSError as error:
        raise _unreadable_error(ref, path, error, "check the path and its owner") from error
    if is_too_open:
        # A container mounts its secrets with mode 0444, and read-only: there only the other kind of reference works.
        mounted = f"credential:{path.name} with CREDENTIALS_DIRECTORY={path.parent}"
        mend = f"chmod 600 {path}; or, for a mounted secret, {mounted}"
        raise ConfigError(f"{path} gives permissions to group or others", where=ref.where, mend=mend)
    return _read_text(ref, path, "check the path and its owner")


def _read_text(ref: SecretRef, path: Path, mend: str) -> Secret:
    try:
        return Secret(path.read_text(encoding="utf-8").strip(_STRIPPED_CHARACTERS))
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not text", where=ref.where, mend="expected is UTF-8 text, a PEM file for a key"
        ) from error
    except OSError as error:
        raise _unreadable_error(ref, path, error, mend) from error


def _unreadable_error(ref: SecretRef, path: Path, error: OSError, mend: str) -> ConfigError:
    return ConfigError(f"can't read {path} ({error.strerror})", where=ref.where, mend=mend)

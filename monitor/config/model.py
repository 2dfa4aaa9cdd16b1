"""The configuration as the rest of the program reads it: complete, checked, frozen, no secret resolved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from monitor.config.redaction import MASK
from monitor.config.schema import (
    AccountConfig,
    ChannelConfig,
    ExchangeConfig,
    HeartbeatConfig,
    HttpConfig,
    ReplyConfig,
    ReportConfig,
    RiskConfig,
    ScheduleConfig,
    StorageConfig,
)
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.rules.rule import Rule
from monitor.errors import ConfigError

APPLICATION = "margin-monitor"

T = TypeVar("T", AccountConfig, ChannelConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything of one config file. Attributes mirror its tables; paths in it are absolute.

    `rules` are the shipped ladder (unless `default_rules` is false), those of `rules_files` and the file's own.
    `exchange.rest_fallback_urls` is never None here. `environ` is the environment it was loaded in.
    """

    source: Path
    default_rules: bool
    rules_files: tuple[str, ...]
    storage: StorageConfig
    exchange: ExchangeConfig
    accounts: tuple[AccountConfig, ...]
    schedule: ScheduleConfig
    channels: tuple[ChannelConfig, ...]
    replies: tuple[ReplyConfig, ...]
    rules: tuple[Rule, ...]
    actions: tuple[ActionSpec, ...]
    safety: SafetySettings
    risk: RiskConfig
    heartbeat: HeartbeatConfig
    http: HttpConfig
    report: ReportConfig
    environ: Mapping[str, str] = field(repr=False, compare=False)

    @property
    def folder(self) -> Path:
        """The folder that relative paths of the file start from."""
        return self.source.parent

    @property
    def state_folder(self) -> Path:
        """The folder of a relative database: the service manager's state folder, else the system's, else the user's."""
        given = self.environ.get("STATE_DIRECTORY", "").split(":")[0]
        if given:
            return Path(given)
        if self.source.is_relative_to("/etc"):
            return Path("/var/lib") / APPLICATION
        return user_folder(self.environ, "XDG_STATE_HOME", ".local/state") / APPLICATION

    @property
    def storage_url(self) -> str:
        """The database for display: relative path resolved, password masked, reference unchanged.

        To connect use `resolve_database_url`.
        """
        ref = self.storage.url
        if ref.literal is None:
            return str(ref)
        return mask_password(absolute_database_url(ref.literal.reveal(), self))

    def account(self, name: str) -> AccountConfig:
        """The account of that name. Raises ConfigError with the names that exist."""
        return _find_by_name(self.accounts, name, "account", self.source)

    def channel(self, name: str) -> ChannelConfig:
        """The channel of that name. Raises ConfigError with the names that exist."""
        return _find_by_name(self.channels, name, "channel", self.source)


def absolute_database_url(url: str, config: Config) -> str:
    """The database URL with a relative SQLite path made absolute; characters that a URL can't hold are escaped."""
    scheme, _, path = url.partition(":///")
    if scheme.startswith("sqlite") and path and not path.startswith("/"):
        return f"{scheme}:///{quote(str(config.state_folder.absolute()))}/{path}"
    return url


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite URL; None for any other database."""
    scheme, _, path = url.partition(":///")
    return Path(unquote(path)) if scheme.startswith("sqlite") and path else None


def mask_password(url: str) -> str:
    """The URL with *** in place of its password."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user_info, at, host = authority.rpartition("@")
    user, colon, _ = user_info.partition(":")
    masked = f"{scheme}{separator}{user}{colon}{MASK}{at}{host}{slash}{path}" if at and colon else url
    return re.sub(r"([?&]password=)[^&]*", rf"\1{MASK}", masked)


def user_folder(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    """A folder of the XDG base directory specification; relative values of the variable are ignored, as it requires.

    Raises ConfigError for a user without a home directory.
    """
    given = environ.get(variable, "")
    if given.startswith("/"):
        return Path(given)
    try:
        return Path(environ.get("HOME") or "~").expanduser() / fallback
    except RuntimeError as error:
        raise ConfigError("this user has no home directory", mend=f"set HOME or {variable}") from error


def _find_by_name(tables: tuple[T, ...], name: str, what: str, source: Path) -> T:
    for table in tables:
        if table.name == name:
            return table
    known = ", ".join(table.name for table in tables)
    raise ConfigError(
        f'no {what} is called "{name}"', where=source.name, mend=f"there is: {known}" if known else f"add [[{what}s]]"
    )

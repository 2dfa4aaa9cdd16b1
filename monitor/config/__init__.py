"""The only reader of configuration, secrets and environment: TOML and references to secrets become a frozen Config."""

from monitor.config.credentials import (
    ChannelAddress,
    Credentials,
    resolve_account,
    resolve_channel,
    resolve_heartbeat,
    resolve_secret,
    resolve_url,
)
from monitor.config.effective import ReferenceRow, effective, reference
from monitor.config.loading import build_config, find_config, load_config, user_config
from monitor.config.model import Config
from monitor.config.schema import Account, Channel
from monitor.config.secrets import Secret, SecretRef

__all__ = [
    "Account",
    "Channel",
    "ChannelAddress",
    "Config",
    "Credentials",
    "ReferenceRow",
    "Secret",
    "SecretRef",
    "build_config",
    "effective",
    "find_config",
    "load_config",
    "reference",
    "resolve_account",
    "resolve_channel",
    "resolve_heartbeat",
    "resolve_secret",
    "resolve_url",
    "user_config",
]

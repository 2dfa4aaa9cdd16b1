"""Resolved secrets: API keys of an account, a channel's address, the database URL."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from monitor.config import redaction
from monitor.config.addresses import check_database_url, check_url
from monitor.config.errors import InvalidValue
from monitor.config.model import Config, absolute_database_url
from monitor.config.secrets import Secret, SecretRef, resolve
from monitor.errors import ConfigError

MIN_TOKEN_LENGTH = 16
"""Characters of the token of the page, at least: behind a proxy it is guessed at from many addresses."""


@dataclass(frozen=True, slots=True)
class AccountCredentials:
    """Credentials that sign requests: an HMAC secret, or a private key (PEM text), with its passphrase if encrypted.

    `action`: separate credentials, the only ones that may move money; None: these may.
    """

    api_key: Secret
    api_secret: Secret | None = None
    private_key_pem: Secret | None = None
    passphrase: Secret | None = None
    action: "AccountCredentials | None" = None


@dataclass(frozen=True, slots=True)
class ChannelAddress:
    """The address of a channel: an Apprise URL, or the URL of a webhook."""

    url: Secret | None = None
    webhook: Secret | None = None


def resolve_secret(config: Config, ref: SecretRef) -> Secret:
    """The value behind any reference of this configuration. Raises ConfigError with the location and the fix."""
    return resolve(ref, config.folder, config.environ)


def resolve_account(config: Config, name: str) -> AccountCredentials:
    """The credentials of the account. Raises ConfigError with the location and the fix."""
    account = config.account(name)
    action = None
    if account.action_api_key is not None:
        action = _build_credentials(
            config,
            account.action_api_key,
            account.action_api_secret,
            account.action_private_key,
            account.action_private_key_passphrase,
            None,
        )
    return _build_credentials(
        config, account.api_key, account.api_secret, account.private_key, account.private_key_passphrase, action
    )


def resolve_channel(config: Config, name: str) -> ChannelAddress:
    """The address of the channel. Raises ConfigError with the location and the fix."""
    channel = config.channel(name)
    if channel.webhook is not None:
        return ChannelAddress(webhook=_resolve_url_of(config, channel.webhook, ("https", "http")))
    assert channel.url is not None
    return ChannelAddress(url=_resolve_url_of(config, channel.url, ()))


def resolve_heartbeat(config: Config) -> Secret | None:
    """The URL of the heartbeat, None if not configured. Raises ConfigError with the location and the fix."""
    ref = config.heartbeat.url
    return None if ref is None else _resolve_url_of(config, ref, ("https", "http"))


def resolve_http_token(config: Config) -> Secret | None:
    """The token of the page, None if not configured. Raises ConfigError with the location and the fix."""
    ref = config.http.token
    if ref is None:
        return None
    token = resolve_secret(config, ref)
    if len(token.reveal()) < MIN_TOKEN_LENGTH:
        raise ConfigError(
            f"is shorter than {MIN_TOKEN_LENGTH} characters: it could be guessed",
            where=ref.where,
            mend="`openssl rand -hex 32` makes a good one",
        )
    return token


def resolve_database_url(config: Config) -> Secret:
    """The URL to connect to the database with. Raises ConfigError with the location and the fix."""
    ref = config.storage.url
    url = resolve_secret(config, ref).reveal()
    try:
        check_database_url(url)
    except InvalidValue as wrong:
        raise _invalid_secret_error(ref, wrong) from wrong
    if config.storage.lease == "account" and url.startswith("sqlite"):
        raise ConfigError(
            "daemons can't share the accounts of a SQLite file",
            where=f"{ref.where.removesuffix('.url')}.lease",
            mend='use postgresql+psycopg://… as [storage] url, or lease = "database"',
        )
    # A database's password also appears alone, in its driver's messages.
    password = url.partition("://")[2].partition("/")[0].rpartition("@")[0].partition(":")[2]
    redaction.KNOWN_SECRETS.remember(password)
    for option in parse_qs(urlsplit(url).query).get("password", ()):
        redaction.KNOWN_SECRETS.remember(option)
    return Secret(absolute_database_url(url, config))


def _resolve_url_of(config: Config, ref: SecretRef, schemes: tuple[str, ...]) -> Secret:
    secret = resolve_secret(config, ref)
    try:
        check_url(secret.reveal(), schemes)
    except InvalidValue as wrong:
        raise _invalid_secret_error(ref, wrong) from wrong
    return secret


def _build_credentials(
    config: Config,
    api_key: SecretRef,
    api_secret: SecretRef | None,
    private_key: SecretRef | None,
    passphrase: SecretRef | None,
    action: AccountCredentials | None,
) -> AccountCredentials:
    key = resolve_secret(config, api_key)
    if not (key.reveal().isascii() and key.reveal().isalnum()):
        raise ConfigError("is not an API key", where=api_key.where, mend="an API key is one line of letters and digits")
    if api_secret is not None:
        return AccountCredentials(key, api_secret=resolve_secret(config, api_secret), action=action)
    assert private_key is not None
    pem = resolve_secret(config, private_key)
    if "-----BEGIN" not in pem.reveal() or "PRIVATE KEY-----" not in pem.reveal():
        raise ConfigError(
            "is not a private key in PEM", where=private_key.where, mend='it begins with "-----BEGIN PRIVATE KEY-----"'
        )
    opened_by = None if passphrase is None else resolve_secret(config, passphrase)
    return AccountCredentials(key, private_key_pem=pem, passphrase=opened_by, action=action)


def _invalid_secret_error(ref: SecretRef, wrong: InvalidValue) -> ConfigError:
    what = f"what {ref} holds {wrong.message}" if ref.literal is None else wrong.message
    return ConfigError(what, where=ref.where, mend=wrong.mend)

"""Every table and key of the configuration: value type, default and meaning. The dataclasses are the schema.

The keys of rules and actions are in `monitor.config.rules`.
"""
# ruff: noqa: RUF009 – key() and optional() only describe a field, as dataclasses.field() does

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from monitor.config import addresses, value_types
from monitor.config.config_key import key, optional
from monitor.config.rules.action_schema import ActionConfig, SafetyConfig
from monitor.config.secrets import SecretRef
from monitor.config.value_types import IsolatedSetting, ReplyPermission
from monitor.core.metrics.thresholds import DOCUMENTED_MARGIN_CALLS

DEFAULT_REST_URL = "https://api.binance.com"
DEFAULT_REST_FALLBACK_URLS = (
    "https://api-gcp.binance.com",
    "https://api1.binance.com",
    "https://api2.binance.com",
    "https://api3.binance.com",
    "https://api4.binance.com",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageConfig:
    """The database and how long its rows are kept."""

    url: SecretRef = key(
        addresses.database_url(),
        "sqlite:///FILE (relative: in the state folder), postgresql+psycopg://…, or a reference to such a URL",
        "sqlite:///margin-monitor.db",
    )
    retain_samples: timedelta = key(
        value_types.duration("1d"), "how long samples are kept, from 7 days on to the minute; below 7d like 7d", "90d"
    )
    retain_hourly_samples: timedelta = key(
        value_types.duration("1d", or_none=True),
        'how long older ones are kept to the hour: first, lowest, highest, last; "0": for good',
        "400d",
    )
    retain_events: timedelta = key(
        value_types.duration("1d", or_none=True),
        'how long stream events, failed reads and delivery attempts are kept; "0": for good',
        "400d",
    )
    lease: str = key(
        value_types.choice("database", "account"),
        "what one daemon holds alone: the whole database, or each account, so that several daemons share the accounts "
        "(PostgreSQL)",
        "database",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeConfig:
    """The exchange's addresses, and limits of requests to it."""

    rest_url: str = key(
        addresses.url("https", "http", is_base=True),
        "requests go to {rest_url}/api/… and {rest_url}/sapi/…",
        DEFAULT_REST_URL,
    )
    rest_fallback_urls: tuple[str, ...] | None = optional(
        value_types.list_of(addresses.url("https", "http", is_base=True)),
        "further hosts, for reads only",
        "Binance's own further hosts when rest_url is the default, else none",
    )
    ws_api_url: str = key(
        addresses.url("wss", "ws"), "the WebSocket API, used as it is", "wss://ws-api.binance.com:443/ws-api/v3"
    )
    market_stream_url: str = key(
        addresses.url("wss", "ws", is_base=True), "base of the market streams", "wss://stream.binance.com:9443"
    )
    risk_stream_url: str = key(
        addresses.url("wss", "ws", is_base=True), "base of the margin risk stream", "wss://margin-stream.binance.com"
    )
    account_stream: str = key(
        value_types.choice("listen-token", "listen-key-v2"), "how account events are subscribed", "listen-token"
    )
    recv_window: timedelta = key(
        value_types.duration("1ms", "60s"),
        "maximum age of a signed request when the exchange receives it; an order's: 4s at most",
        "5s",
    )
    request_timeout: timedelta = key(value_types.duration("100ms", "10m"), "timeout of a request", "10s")
    proxy: str = key(
        addresses.url("https", "http", may_be_empty=True), "proxy for requests; environment proxies are ignored", ""
    )
    ca_file: str = key(
        value_types.text(may_be_empty=True), "PEM file of the certificate authorities to trust instead", ""
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """One set of credentials and the scopes watched with it."""

    name: str = key(value_types.name(), "name of the account in alerts and commands")
    api_key: SecretRef = key(addresses.secret(), "the API key")
    api_secret: SecretRef | None = optional(addresses.secret(), "the key's HMAC secret", "private_key is given")
    private_key: SecretRef | None = optional(
        addresses.secret(), "the key's private key, Ed25519 or RSA in PEM", "api_secret is given"
    )
    private_key_passphrase: SecretRef | None = optional(
        addresses.secret(), "passphrase of an encrypted private_key", "not encrypted"
    )
    action_api_key: SecretRef | None = optional(
        addresses.secret(), "a second API key that alone may move money", "api_key moves money"
    )
    action_api_secret: SecretRef | None = optional(addresses.secret(), "the HMAC secret of action_api_key")
    action_private_key: SecretRef | None = optional(
        addresses.secret(), "the private key of action_api_key, Ed25519 or RSA in PEM"
    )
    action_private_key_passphrase: SecretRef | None = optional(
        addresses.secret(), "passphrase of an encrypted action_private_key", "not encrypted"
    )
    cross: bool = key(value_types.boolean(), "whether the cross account is watched", True)
    isolated: IsolatedSetting = key(
        value_types.isolated(),
        'the isolated pairs watched; "all": those created and enabled, re-read at each poll',
        "all",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """The intervals of all reads."""

    cross: timedelta = key(
        value_types.duration("1s"),
        "the cross account; 30s while a stream is down, a quarter longer while it is safe",
        "60s",
    )
    isolated: timedelta = key(
        value_types.duration("1s"), "the isolated pairs, all in one read; a quarter longer while all are safe", "60s"
    )
    near_liquidation: timedelta = key(
        value_types.duration("1s"),
        "either of them below initial_level, or while a warning or critical rule of the scope is pending or firing",
        "2s",
    )
    interest: timedelta = key(value_types.duration("1s"), "interest charged", "1h")
    interest_rates: timedelta = key(value_types.duration("1s"), "interest rates", "1h")
    transfers: timedelta = key(
        value_types.duration("1s"),
        "transfers into and out of margin; the wallets from which money can be brought in are read two thirds as often",
        "10m",
    )
    liquidations: timedelta = key(value_types.duration("1s"), "forced liquidations", "5m")
    capital_flow: timedelta = key(
        value_types.duration("1s"),
        "the ledger of scopes with a balance change; at once when nothing explains the change",
        "1h",
    )
    reference_data: timedelta = key(
        value_types.duration("1s"),
        "thresholds, tiers, collateral ratios, minimum repayments, restrictions, delistings",
        "6h",
    )
    key_permissions: timedelta = key(value_types.duration("1s"), "permissions of the API key", "24h")
    stale_after: timedelta = key(value_types.duration("1s"), "age at which account snapshots are stale", "3m")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """One way to notify people."""

    name: str = key(value_types.name(), "name of the channel in rules and commands")
    url: SecretRef | None = optional(addresses.secret_url(), "any Apprise URL", "webhook is given")
    webhook: SecretRef | None = optional(
        addresses.secret_url("https", "http"),
        "URL that our own JSON is POSTed to; Retry-After is obeyed within bounds",
        "url is given",
    )
    severities: tuple[str, ...] = key(
        value_types.list_of(value_types.choice("info", "warning", "critical"), may_be_empty=False),
        "severities of the alerts that it receives",
        ["info", "warning", "critical"],
    )
    fallback: str | None = optional(value_types.name(), "channel that is used when this one fails", "none")
    quiet_hours: tuple[str, ...] = key(
        value_types.list_of(value_types.time_ranges()), "times at which only critical alerts are sent", []
    )
    time_zone: str = key(value_types.time_zone(), 'time zone of quiet_hours; "" is UTC', "")
    max_per_hour: int = key(
        value_types.integer(0),
        "messages an hour, beyond which only worsening alerts are sent at once; 0 is no limit",
        0,
    )
    timeout: timedelta = key(value_types.duration("100ms", "20s"), "timeout of a delivery; 20s at most", "10s")
    send_resolved: bool = key(value_types.boolean(), "whether resolved alerts are sent", True)
    template: str = key(
        value_types.text(may_be_empty=True), 'file:PATH of a message template; "" is the standard text', ""
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskConfig:
    """The parameters of risk figures."""

    stable_assets: tuple[str, ...] = key(
        value_types.list_of(value_types.asset()),
        "assets pegged to USDT",
        ["USDT", "USDC", "FDUSD", "TUSD", "USDP", "DAI", "BUSD", "USD1"],
    )
    pegs: Mapping[str, str] = key(
        value_types.table_of(value_types.asset(), value_types.asset()),
        "assets pegged to another one at the median price ratio of the last 7 days",
        {"WBETH": "ETH", "BNSOL": "SOL"},
    )
    history: timedelta = key(
        value_types.duration("1d", "730d", or_none=True),
        'past prices kept of everything held or owed, in hourly bars; at most 730d; "0" switches them off',
        "90d",
    )
    drift_bound: Decimal = key(
        value_types.fraction(),
        "maximum difference of the live level from the exchange's; beyond it the polled level is used",
        "1%",
    )
    isolated_margin_call: Mapping[str, Decimal] = key(
        value_types.table_of(value_types.amount(), value_types.amount(), over=DOCUMENTED_MARGIN_CALLS),
        "margin-call level of isolated pairs by liquidation ratio, merged over the documented ones",
        {"1.05": "1.1", "1.15": "1.19", "1.18": "1.22"},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatConfig:
    """An external dead man's switch that raises an alarm when the pings stop."""

    url: SecretRef | None = optional(
        addresses.secret_url("https", "http"),
        "GET while healthy; POST {url}/fail with the reason otherwise",
        "none",
        empty_is_none=True,
    )
    every: timedelta = key(value_types.duration("1s"), "interval of the pings", "1m")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    """The status page, the JSON API and the metrics."""

    listen: str = key(addresses.listen_address(), 'address to listen at; "" switches it off', "127.0.0.1:9184")
    token: SecretRef | None = optional(
        addresses.secret(),
        "bearer token of every POST, and the password of the page; 16 characters or more",
        "the page is read-only and loopback only",
        empty_is_none=True,
    )
    public_url: str = key(
        addresses.url("https", "http", may_be_empty=True, is_base=True, is_origin=True),
        "address of the page in messages, whose links open the alert's page",
        "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyConfig:
    """Answers to the messages of one channel: buttons under them, and commands as words."""

    channel: str = key(
        value_types.name(), "the channel; its url is tgram://… with one chat, or pover://… (emergency receipts)"
    )
    allow: tuple[ReplyPermission, ...] = key(
        value_types.list_of(value_types.reply_permission(), may_be_empty=False),
        "what may be done from a message; resuming the actions never may",
        ["ack", "silence", "status"],
    )
    users: tuple[int, ...] = key(
        value_types.list_of(value_types.integer(1)), "Telegram, required there: the numbers of the users who may", []
    )
    api_url: str = key(
        addresses.url("https", "http", may_be_empty=True, is_base=True),
        "address of the service's API, such as that of a Bot API server of your own; \"\" is the service's own",
        "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportConfig:
    """The daily report."""

    at: str | None = optional(value_types.time_of_day(), "time of the daily report", "not sent")
    time_zone: str = key(value_types.time_zone(), 'time zone of `at`; "" is UTC', "")
    channels: tuple[str, ...] = key(
        value_types.list_of(value_types.name()), "channels that get it, of those that take info; empty: all", []
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TopLevelConfig:
    """The keys before the first table."""

    default_rules: bool = key(value_types.boolean(), "whether the default rules are on", True)
    rules_files: tuple[str, ...] = key(
        value_types.list_of(value_types.text()),
        "further files of [[rules]]; patterns such as rules/*.toml are allowed",
        [],
    )


TABLES: Mapping[str, type[Any]] = {
    "storage": StorageConfig,
    "exchange": ExchangeConfig,
    "schedule": ScheduleConfig,
    "safety": SafetyConfig,
    "risk": RiskConfig,
    "heartbeat": HeartbeatConfig,
    "http": HttpConfig,
    "report": ReportConfig,
}
"""Tables that occur once, by name."""

TABLE_ARRAYS: Mapping[str, type[Any]] = {
    "accounts": AccountConfig,
    "channels": ChannelConfig,
    "replies": ReplyConfig,
    "actions": ActionConfig,
}
"""Arrays of tables, by name; `rules` is one more."""

"""Search for the configuration file and loading of it; no secret is resolved here."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from monitor.config import consistency, redaction
from monitor.config.config_key import keys_of
from monitor.config.conflicts.key_conflicts import refuse_conflicts
from monitor.config.errors import ErrorList, Location
from monitor.config.files import read_owned_file
from monitor.config.model import APPLICATION, Config, user_folder
from monitor.config.parsing import (
    check_unknown_keys,
    locate_tables,
    parse_toml,
    read_table,
    read_tables,
    top_level_names,
)
from monitor.config.reply_channels import check_replies
from monitor.config.rules.action_schema import ActionConfig
from monitor.config.rules.rule_files import read_rules
from monitor.config.schema import (
    DEFAULT_REST_FALLBACK_URLS,
    DEFAULT_REST_URL,
    TABLES,
    AccountConfig,
    ChannelConfig,
    ExchangeConfig,
    ReplyConfig,
    TopLevelConfig,
)
from monitor.config.secrets import has_password
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import parse_sizing_target
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.rules.parser import ExpressionError
from monitor.errors import ConfigError

SYSTEM_CONFIG = Path("/etc") / APPLICATION / "config.toml"


def find_config(explicit: Path | None, environ: Mapping[str, str]) -> Path:
    """The config file: `explicit`, else $MARGIN_MONITOR_CONFIG, else the first existing one of the usual places.

    Raises ConfigError when there is none; a missing explicit file is reported when it is loaded.
    """
    if explicit is not None:
        return _expand_user(explicit)
    if named := environ.get("MARGIN_MONITOR_CONFIG"):
        return _expand_user(Path(named))
    candidates = []
    with suppress(ConfigError):
        # A user without a home directory has no file of their own.
        candidates.append(user_config(environ))
    if folder := environ.get("CONFIGURATION_DIRECTORY", "").split(":")[0]:
        candidates.append(Path(folder) / "config.toml")
    candidates.append(SYSTEM_CONFIG)
    for candidate in candidates:
        if _file_exists(candidate):
            return candidate.absolute()
    looked_at = ", ".join(str(candidate) for candidate in candidates)
    raise ConfigError(
        f"no configuration found (looked for {looked_at})",
        mend="write one with `margin-monitor init`, or give --config FILE",
    )


def _expand_user(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError("this user has no home directory", where=str(path), mend="give the whole path") from error


def user_config(environ: Mapping[str, str]) -> Path:
    """The path of the user's own configuration file."""
    return user_folder(environ, "XDG_CONFIG_HOME", ".config") / APPLICATION / "config.toml"


def load_config(path: Path, environ: Mapping[str, str]) -> Config:
    """The configuration of the file, checked. Raises ConfigError; its `others` are all further errors."""
    source = path.absolute()
    content, mode = read_owned_file(source, source.name)
    return build_config(content, source, environ, mode)


def load_channels(path: Path, environ: Mapping[str, str]) -> Config | None:
    """Only the channels of the file, to report there the errors of its other tables; None if it has no channels."""
    source = path.absolute()
    try:
        content, mode = read_owned_file(source, source.name)
        document = parse_toml(content, source.name)
    except ConfigError:
        return None
    configs = []
    for channel in _tables_of(document, "channels"):
        alone = {key: value for key, value in channel.items() if key != "fallback"}
        replies = [reply for reply in _tables_of(document, "replies") if reply.get("channel") == channel.get("name")]
        # A channel with a mistake in its replies is used without them.
        for answered in (replies, []) if replies else ([],):
            parts = {"channels": [alone], "replies": answered, "accounts": [_NOBODY]}
            with suppress(ConfigError):
                configs.append(config_from_document(parts, source, environ, mode))
                break
    if not configs:
        return None
    return replace(
        configs[0],
        channels=tuple(channel for config in configs for channel in config.channels),
        replies=tuple(reply for config in configs for reply in config.replies),
    )


def _tables_of(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The tables of an array, without anything else that stands there."""
    listed = document.get(name, [])
    return [table for table in listed if isinstance(table, dict)] if isinstance(listed, list) else []


_NOBODY = {"name": "nobody", "api_key": "file:none", "api_secret": "file:none"}


def build_config(content: bytes, source: Path, environ: Mapping[str, str], mode: int = 0o600) -> Config:
    """The configuration of a file with this `content` at `source` with these permissions."""
    return config_from_document(parse_toml(content, source.name), source, environ, mode)


def config_from_document(
    document: Mapping[str, Any], source: Path, environ: Mapping[str, str], mode: int = 0o600
) -> Config:
    """The configuration of a parsed document, as if it were in a file at `source`."""
    file = source.name
    mistakes = ErrorList()
    here = Location(file)
    check_unknown_keys(document, top_level_names(), here, mistakes)
    top = read_table(
        TopLevelConfig, {key: document[key] for key in keys_of(TopLevelConfig) if key in document}, "", here, mistakes
    )
    tables = _read_single_tables(document, file, mistakes)
    if not document.get("accounts"):
        mistakes.add(here.key("accounts"), "is missing", "write [[accounts]] with name, api_key and api_secret")
    accounts = read_tables(AccountConfig, document.get("accounts", []), "accounts", file, mistakes)
    channels = read_tables(ChannelConfig, document.get("channels", []), "channels", file, mistakes)
    replies = read_tables(ReplyConfig, document.get("replies", []), "replies", file, mistakes)
    actions = _read_actions(document.get("actions", []), file, mistakes)
    read_top = top or TopLevelConfig()
    rules = read_rules(document, read_top.default_rules, read_top.rules_files, source, mistakes)

    channel_names, action_names = (_table_names(document, name) for name in ("channels", "actions"))
    consistency.check_accounts(accounts, mistakes)
    consistency.check_channels(channels, channel_names, mistakes)
    check_replies(replies, [channel for _, channel in channels], channel_names, mistakes)
    if (risk := tables.get("risk")) is not None:
        consistency.check_pegs(risk.pegs, risk.stable_assets, here.key("risk").key("pegs"), mistakes)
    if (report := tables.get("report")) is not None:
        consistency.check_report(report, channel_names, here.key("report"), mistakes)
    if (http := tables.get("http")) is not None:
        consistency.check_http(http, here.key("http"), mistakes)
    for rule in rules:
        consistency.check_rule(rule, channel_names, action_names, mistakes)
    holders = [*(table for _, table in accounts), *(table for _, table in channels), *tables.values()]
    _check_open_secrets(holders, source, mode, mistakes)
    _finish_tables(tables, source, mistakes)
    mistakes.raise_if_any()
    config = Config(
        source=source,
        default_rules=read_top.default_rules,
        rules_files=read_top.rules_files,
        accounts=tuple(account for _, account in accounts),
        channels=tuple(channel for _, channel in channels),
        replies=tuple(reply for _, reply in replies),
        actions=actions,
        rules=rules,
        environ=dict(environ),
        **tables,
    )
    refuse_conflicts(config)
    return config


def _read_single_tables(document: Mapping[str, Any], file: str, mistakes: ErrorList) -> dict[str, Any]:
    """The tables that occur once, by name; those with an error are omitted."""
    tables: dict[str, Any] = {}
    for name, kind in TABLES.items():
        place = Location(file, name)
        content = document.get(name, {})
        table = read_table(kind, content, name, place, mistakes)
        if table is not None:
            tables[name] = table
    return tables


def _read_actions(content: object, file: str, mistakes: ErrorList) -> tuple[ActionSpec, ...]:
    actions = []
    for place, table in locate_tables(content, "actions", file, mistakes):
        before = len(mistakes)
        action = read_table(ActionConfig, table, "actions", place, mistakes)
        if action is None:
            continue
        consistency.check_action(table, action, place, mistakes)
        values = {field.name: getattr(action, field.name) for field in fields(action)}
        try:
            values["target"] = None if action.target is None else parse_sizing_target(action.target)
        except ExpressionError as error:
            mistakes.add(place.key("target"), f"column {error.column}: {error.message}", error.mend)
        if len(mistakes) == before:
            actions.append(ActionSpec(**values))
    return tuple(actions)


def _finish_tables(tables: dict[str, Any], source: Path, mistakes: ErrorList) -> None:
    """Fill in values that depend on other keys: fallback hosts of the default, absolute paths, and the core's own
    Safety."""
    exchange, safety = tables.get("exchange"), tables.get("safety")
    if isinstance(exchange, ExchangeConfig):
        further = exchange.rest_fallback_urls
        if further is None:
            further = DEFAULT_REST_FALLBACK_URLS if exchange.rest_url == DEFAULT_REST_URL else ()
        ca_file = _absolute_path(exchange.ca_file, source)
        if ca_file and not Path(ca_file).is_file():
            mistakes.add(Location(source.name, "exchange.ca_file"), f"there is no file {ca_file}", "check the path")
        tables["exchange"] = replace(exchange, rest_fallback_urls=further, ca_file=ca_file)
    if safety is not None:
        values = {field.name: getattr(safety, field.name) for field in fields(safety)}
        if safety.unresolved_after < safety.settle:
            place = Location(source.name, "safety.unresolved_after")
            mistakes.add(place, "is shorter than settle", "make it as long or longer")
        else:
            tables["safety"] = SafetySettings(**{**values, "pause_file": _absolute_path(safety.pause_file, source)})


def _check_open_secrets(tables: Iterable[Any], source: Path, mode: int, mistakes: ErrorList) -> None:
    """Remember literal secrets for redaction; in a file that others may read they are errors."""
    found: list[str] = []
    for table in tables:
        for ref in consistency.literal_secrets(table):
            assert ref.literal is not None
            redaction.KNOWN_SECRETS.remember(ref.literal.reveal())
            found.append(ref.where)
        if isinstance(table, ExchangeConfig) and has_password(table.proxy):
            found.append(f"{source.name}: exchange.proxy")
    if mode & 0o077:
        for where in found:
            place = Location(source.name, where.partition(": ")[2])
            mend = f"chmod 600 {source}, or name it with credential:, file: or env:"
            mistakes.add(place, "a secret stands in a file that others may read", mend)


def _table_names(document: Mapping[str, Any], table: str) -> list[str]:
    """The names in an array of tables, including unreadable tables, so that one error is reported once."""
    items = document.get(table)
    names = [item.get("name") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [name for name in names if isinstance(name, str)]


def _absolute_path(path: str, source: Path) -> str:
    return str(source.parent / Path(path).expanduser()) if path else ""


def _file_exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False

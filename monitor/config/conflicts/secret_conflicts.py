"""Conflicts between keys that show only in the resolved secrets."""

from collections.abc import Iterator

from monitor.config.conflicts.conflict import ERROR, Conflict, ConflictRule, item_location, located_accounts
from monitor.config.credentials import resolve_secret
from monitor.config.errors import ErrorList
from monitor.config.model import Config
from monitor.config.reply_channels import TelegramAddress, resolve_reply_channel
from monitor.config.secrets import SecretRef
from monitor.errors import ConfigError


def refuse_secret_conflicts(config: Config) -> None:
    """Raise ConfigError, with all others in its `others`, for secrets that can never work together.

    Also raises it for a secret that can't be read.
    """
    mistakes = ErrorList()
    for conflict in find_secret_conflicts(config):
        mistakes.add(conflict.location, conflict.message, conflict.mend)
    mistakes.raise_if_any()


def find_secret_conflicts(config: Config) -> Iterator[Conflict]:
    """Every conflict, in the order of the table. Raises ConfigError for a secret that can't be read."""
    for relation in SECRET_CONFLICT_RULES:
        yield from relation.find(config)


def find_readable_secret_conflicts(config: Config) -> list[Conflict]:
    """Every conflict, in the order of the table; none while a secret can't be read, which other checks report."""
    try:
        return list(find_secret_conflicts(config))
    except ConfigError:
        return []


def _duplicate_secret(config: Config) -> Iterator[Conflict]:
    seen: dict[str, str] = {}
    for place, account in located_accounts(config):
        for key in ("api_key", "action_api_key"):
            ref: SecretRef | None = getattr(account, key)
            if ref is None:
                continue
            value = resolve_secret(config, ref).reveal()
            if value in seen:
                what = f"holds the very key of {seen[value]}"
                mend = "leave action_api_key out, or give a key of its own" if key == "action_api_key" else ""
                yield Conflict(place.key(key), what, mend or "give each account its own key, and each account once")
            seen.setdefault(value, f"{place.path}.{key}")


def _duplicate_reply_place(config: Config) -> Iterator[Conflict]:
    seen: dict[object, str] = {}
    for index, reply in enumerate(config.replies):
        try:
            found = resolve_reply_channel(config, reply.channel)
        except ConfigError:
            # Reported with the channel itself.
            continue
        if found is None or not isinstance(found.address, TelegramAddress):
            continue
        address, location = found.address, item_location(config, "replies", index, reply.channel)
        chat = address.token, reply.api_url, address.chat.lower(), address.topic
        if chat in seen:
            what = f"answers in the very chat of {seen[chat]}: the same bot, chat and topic"
            mend = "give this channel another chat or topic, or remove this [[replies]] and name all users in the other"
            yield Conflict(location.key("channel"), what, mend)
        seen.setdefault(chat, location.path)


SECRET_CONFLICT_RULES: tuple[ConflictRule, ...] = (
    ConflictRule("accounts.api_key against every other key, by value", ERROR, _duplicate_secret),
    ConflictRule("replies.channel against every other bot, chat and topic", ERROR, _duplicate_reply_place),
)

"""Channels that people can answer: the service behind their addresses, and the checks of `[[replies]]`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote

from monitor.config import redaction
from monitor.config.credentials import resolve_channel
from monitor.config.errors import ErrorList, InvalidValue, Location
from monitor.config.model import Config
from monitor.config.replies.pushover_address import PushoverAddress, parse_pushover_address
from monitor.config.schema import ChannelConfig, ReplyConfig
from monitor.config.secrets import Secret
from monitor.errors import ConfigError, suggest_nearest

ReplyService = Literal["telegram", "pushover"]

_SCHEMES: dict[str, ReplyService] = {"tgram": "telegram", "pover": "pushover"}
_TOKEN = re.compile(r"(?:bot)?(?P<token>(?P<bot>[0-9]{1,20}):[A-Za-z0-9_-]{8,100})")
_CHAT = re.compile(r"(?P<chat>-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31})(?::(?P<topic>[0-9]{1,18}))?")
_TELEGRAM_OPTIONS = ("to", "topic", "thread", "silent")
_YES = ("yes", "true", "1", "on")


@dataclass(frozen=True, slots=True)
class TelegramAddress:
    """One chat of one bot. `bot` is its public number; `topic` the thread of a forum; `silent`: without a sound."""

    token: Secret
    bot: int
    chat: str
    topic: int | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class ReplyChannel:
    """A channel with its keys of `[[replies]]` and its resolved address."""

    settings: ReplyConfig
    address: TelegramAddress | PushoverAddress


def find_reply_config(config: Config, channel: str) -> ReplyConfig | None:
    """Return the `[[replies]]` of the channel; None without any."""
    return next((reply for reply in config.replies if reply.channel == channel), None)


def resolve_reply_channel(config: Config, channel: str) -> ReplyChannel | None:
    """Return the channel that can be answered; None without `[[replies]]`. Raises ConfigError."""
    index = next((index for index, reply in enumerate(config.replies) if reply.channel == channel), None)
    if index is None:
        return None
    settings, address = config.replies[index], resolve_channel(config, channel)
    place = Location(config.source.name, "replies").item(index, channel)
    assert address.url is not None
    try:
        parsed = parse_reply_address(address.url.reveal())
        check_users(settings, parsed)
    except InvalidValue as wrong:
        where = str(place.key(wrong.key or "channel"))
        raise ConfigError(wrong.message, where=where, mend=wrong.mend) from wrong
    return ReplyChannel(settings, parsed)


def check_replies(
    replies: Sequence[tuple[Location, ReplyConfig]],
    channels: Sequence[ChannelConfig],
    names: Sequence[str],
    mistakes: ErrorList,
) -> None:
    """Check that each names another channel, one that can be answered. Addresses behind references are not known yet.

    `names` are those of all channels, including unreadable ones.
    """
    seen: dict[str, str] = {}
    readable = {channel.name: channel for channel in channels}
    for place, reply in replies:
        where = place.key("channel")
        if reply.channel not in names:
            mend = suggest_nearest(reply.channel, names) or "add [[channels]] with that name"
            mistakes.add(where, f'no channel is called "{reply.channel}"', mend)
        elif reply.channel in seen:
            mistakes.add(where, f"{seen[reply.channel]} has the same channel", "write one [[replies]] a channel")
        elif reply.channel in readable:
            _check_channel(place, reply, readable[reply.channel], mistakes)
        seen.setdefault(reply.channel, place.path.partition(" ")[0])


def check_users(reply: ReplyConfig, address: TelegramAddress | PushoverAddress) -> None:
    """Raise InvalidValue unless `users` fits the service."""
    if isinstance(address, TelegramAddress) and not reply.users:
        raise InvalidValue(
            "is missing: who may press the buttons?",
            "write users = [123456789] with the number of your Telegram user (docs/guide/telegram.md)",
            key="users",
        )
    if isinstance(address, PushoverAddress) and reply.users:
        raise InvalidValue("means nothing for pover://", "remove it", key="users")
    if isinstance(address, PushoverAddress) and "ack" not in reply.allow:
        raise InvalidValue('lacks "ack", the only answer of pover://', 'write allow = ["ack"]', key="allow")


def parse_reply_address(url: str) -> TelegramAddress | PushoverAddress:
    """Return the parts of a channel's address. Raises InvalidValue, without the address, where nobody can answer it."""
    scheme, _, rest = url.partition("://")
    service = _SCHEMES.get(scheme.lower())
    if service is None:
        raise InvalidValue(
            f"names a channel of {scheme}://, which can't be answered",
            "name a channel whose url is tgram://TOKEN/CHAT or pover://USER@TOKEN",
        )
    return parse_pushover_address(rest) if service == "pushover" else _parse_telegram(rest)


def _check_channel(place: Location, reply: ReplyConfig, channel: ChannelConfig, mistakes: ErrorList) -> None:
    if channel.webhook is not None:
        what = "names a webhook, which can't be answered"
        mend = "name a channel whose url is tgram://TOKEN/CHAT or pover://USER@TOKEN"
        mistakes.add(place.key("channel"), what, mend)
    elif channel.url is not None and channel.url.literal is not None:
        try:
            check_users(reply, parse_reply_address(channel.url.literal.reveal()))
        except InvalidValue as wrong:
            mistakes.add(place.key(wrong.key or "channel"), wrong.message, wrong.mend)


def _parse_telegram(rest: str) -> TelegramAddress:
    path, _, query = rest.partition("?")
    first, *others = [unquote(part) for part in path.split("/")]
    found = _TOKEN.fullmatch(first)
    if found is None:
        raise InvalidValue("names a channel whose tgram:// address has no bot token", "write tgram://TOKEN/CHAT")
    redaction.KNOWN_SECRETS.remember(found["token"])
    options = {key.lower(): value for key, value in parse_qsl(query, keep_blank_values=True)}
    unknown = next((key for key in options if key not in _TELEGRAM_OPTIONS), None)
    if unknown is not None:
        what = f'names a channel whose tgram:// address has the option "{unknown}", which does not work with replies'
        raise InvalidValue(what, "remove the option")
    chats = [part for part in (*others, *options.get("to", "").split(",")) if part.strip()]
    if len(chats) != 1:
        what = f"names a channel whose tgram:// address has {'no' if not chats else len(chats)} chats"
        raise InvalidValue(what, "write tgram://TOKEN/CHAT with one chat")
    chat = _CHAT.fullmatch(chats[0].strip())
    if chat is None:
        raise InvalidValue("names a channel whose chat is neither a number nor an @name", "write tgram://TOKEN/CHAT")
    topic = chat["topic"] or options.get("topic") or options.get("thread") or ""
    if topic and not topic.isdecimal():
        raise InvalidValue("names a channel whose topic is no number", "write tgram://TOKEN/CHAT?topic=NUMBER")
    return TelegramAddress(
        Secret(found["token"]),
        int(found["bot"]),
        chat["chat"],
        int(topic) if topic else None,
        options.get("silent", "").lower() in _YES,
    )

"""Telegram channels that people can answer: their sinks, and one loop a bot."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from monitor.app.documents.requests import prepare_query
from monitor.config.model import Config
from monitor.config.redaction import KNOWN_SECRETS
from monitor.config.reply_channels import ReplyChannel, TelegramAddress, resolve_reply_channel
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from monitor.notify.telegram.bot import TelegramBot
    from monitor.notify.telegram.sink import SubjectLookup, TelegramSink
    from monitor.runtime.replies.reply_service import ReplyLoop
    from monitor.runtime.replies.update_handler import ReadText
    from monitor.store.store import Store

_FIXES = {
    "token": "copy the token anew from @BotFather into the channel's url",
    "request": "write the chat's number into the channel's url, and write to the bot there once",
    "forbidden": "add the bot to the chat, or start it there",
    "network": "look at the way to the service",
}


class BotRegistry:
    """The bots of one daemon, one a token, shared by the sinks and the loop that reads their updates."""

    def __init__(self, store: "Store | None" = None) -> None:
        """`store` is the daemon's; None: messages are sent without what only the store knows."""
        self.store = store
        self._bots: dict[tuple[str, str], TelegramBot] = {}

    def find(self, reply: ReplyChannel, address: TelegramAddress) -> "TelegramBot":
        """Return the bot of an address. Loads and sends nothing yet."""
        from monitor.notify.telegram.bot import API_URL, TelegramBot

        # Two clients of one bot would take its updates from each other.
        key = address.token.reveal(), reply.settings.api_url or API_URL
        if key not in self._bots:
            self._bots[key] = TelegramBot(*key)
        return self._bots[key]


def open_telegram_sink(config: Config, name: str, bots: BotRegistry | None = None) -> "TelegramSink | None":
    """Return the sink of a Telegram channel that can be answered; None for any other channel. Raises ConfigError.

    `bots` are those of the daemon; None: the sink is used by itself.
    """
    reply = resolve_reply_channel(config, name)
    if reply is None or not isinstance(reply.address, TelegramAddress):
        return None
    from monitor.notify.telegram.library import check_library
    from monitor.notify.telegram.sink import TelegramChat, TelegramSink

    check_library(f'replies of channel "{name}"')
    address, bots = reply.address, bots or BotRegistry()
    chat = TelegramChat(address.chat, address.topic, address.silent, frozenset(reply.settings.allow))
    lookup = None if bots.store is None else _subject_lookup(bots.store)
    timeout_s = config.channel(name).timeout.total_seconds()
    return TelegramSink(name, bots.find(reply, address), chat, timeout_s, lookup)


def build_telegram_loops(config: Config, store: "Store", bots: BotRegistry) -> "tuple[ReplyLoop, ...]":
    """Return the loops that read the answers: one a bot, whatever number of channels it serves. Raises ConfigError."""
    from monitor.runtime.replies.answered_chats import AnsweredChat
    from monitor.runtime.replies.telegram_loop import TelegramLoop

    chats: dict[TelegramBot, list[AnsweredChat]] = {}
    numbers: dict[TelegramBot, int] = {}
    for settings in config.replies:
        reply = resolve_reply_channel(config, settings.channel)
        if reply is None or not isinstance(reply.address, TelegramAddress):
            continue
        bot, address = bots.find(reply, reply.address), reply.address
        numbers[bot] = address.bot
        chats.setdefault(bot, []).append(
            AnsweredChat(
                settings.channel,
                address.chat,
                address.topic,
                frozenset(settings.allow),
                frozenset(settings.users),
            )
        )
    read_text = _text_reader(config, store)
    return tuple(TelegramLoop(numbers[bot], bot, served, read_text) for bot, served in chats.items())


async def describe_telegram(name: str, reply: ReplyChannel, address: TelegramAddress) -> str:
    """Return the bot, the chat and who may do what, as the service knows them. Raises ConfigError, with the remedy."""
    from monitor.notify.telegram.bot import BotRequestFailed, TelegramBot

    bot = TelegramBot(address.token.reveal(), reply.settings.api_url)
    try:
        bot_name, title = await bot.read_name(), await bot.read_chat_title(address.chat)
    except BotRequestFailed as error:
        said = f"Telegram said: {error.answer}"
        raise ConfigError(said, where=f'channels "{name}"', mend=_FIXES.get(error.kind, "")) from error
    finally:
        await bot.close()
    users = len(reply.settings.users)
    may = f"{users} {'users' if users > 1 else 'user'} may {', '.join(reply.settings.allow)}"
    return f'Telegram; bot @{bot_name} in "{title}", {may}'


def _subject_lookup(store: "Store") -> "SubjectLookup":
    from monitor.notify.telegram.sink import SubjectRecord
    from monitor.store.readers.message_truth import read_subject
    from monitor.view.messages.message import MessageSubject

    async def look_up(channel: str, subject: MessageSubject) -> SubjectRecord:
        alerts = [alert.id for alert in subject.alerts]
        first, intent, is_decided = await store.read(read_subject, channel, alerts, subject.intent)
        return SubjectRecord(first, intent, is_decided)

    return look_up


def _text_reader(config: Config, store: "Store") -> "ReadText":
    from monitor.store.reads import run_query
    from monitor.view.messages.reply_texts import alerts_text, status_text, stress_text

    makers = {"status": status_text, "alerts": alerts_text, "stress": stress_text}

    async def read_text(name: str, argument: str) -> str:
        query = prepare_query(config, name, _parameters(name, argument))
        document = await store.read(run_query, query.read)
        return KNOWN_SECRETS.redact(makers[name](document))  # type: ignore[operator]  # each takes its own document

    return read_text


def _parameters(name: str, argument: str) -> Mapping[str, Sequence[str]]:
    """The parameters of a stress from words such as `20%`, `SOL=-35%`, `2025-10-10`."""
    words = argument.split()
    if name != "stress" or not words:
        return {}
    moves = [word for word in words if "=" in word]
    others = [word for word in words if "=" not in word]
    drops = [word for word in others if "-" not in word]
    dates = [word for word in others if "-" in word]
    given = {"move": moves, "drop": drops, "like": dates}
    return {parameter: values for parameter, values in given.items() if values}

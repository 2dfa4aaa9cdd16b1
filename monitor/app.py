"""The composition root: from a configuration to everything that runs. Nothing else constructs collaborators."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.clock import Clock
from monitor.config.credentials import Credentials as KeySecrets
from monitor.config.credentials import resolve_account, resolve_channel, resolve_heartbeat, resolve_url
from monitor.config.model import Config
from monitor.config.policies import policy_of, restraint_of
from monitor.config.resolved import refuse_equal_secrets
from monitor.config.secrets import SecretRef
from monitor.config.templates import read_template
from monitor.config.zones import zone_of
from monitor.core.daily import Daily
from monitor.core.restraint import Rungs
from monitor.core.wall_clock import minutes_of
from monitor.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from monitor.exchange.binance.client.answer import Credentials
    from monitor.exchange.binance.limits import Usage
    from monitor.exchange.binance.venue import BinanceAccount
    from monitor.exchange.port import Exchange
    from monitor.notify.sinks import Sink
    from monitor.runtime.daemon import Daemon
    from monitor.runtime.daily_report import ReportOrder
    from monitor.runtime.heartbeat import DeadManSwitch
    from monitor.store.store import OrderStore, ReadStore, Store
    from monitor.view.template import MessageTemplate

KEEPALIVE_OVER_INTERVAL = 3
"""Connections are kept for this many of the slowest account read's intervals, so that a poll never reconnects."""


def build(
    config: Config,
    store: "Store",
    clock: Clock,
    heartbeat: Callable[[], None] = lambda: None,
    before: "Daemon | None" = None,
    usage: "Usage | None" = None,
) -> "Daemon":
    """The daemon of this configuration, ready to run. `before` is the one that it follows in this process; both count
    in one `usage`.

    Raises ConfigError for what can't be.
    """
    from monitor.exchange.binance.limits import Usage
    from monitor.runtime.account import Timetable
    from monitor.runtime.bans import BanBook
    from monitor.runtime.channels import Channel
    from monitor.runtime.daemon import Daemon
    from monitor.runtime.supervisor import WatchedAccount

    usage = usage if usage is not None else Usage()
    timetable = Timetable(
        interest=config.schedule.interest,
        interest_rates=config.schedule.interest_rates,
        liquidations=config.schedule.liquidations,
        reference_data=config.schedule.reference_data,
        key=config.schedule.key_permissions,
        transfers=config.schedule.transfers,
        capital_flow=config.schedule.capital_flow,
    )
    accounts = {
        account.name: WatchedAccount(
            policy=policy_of(config, account.name),
            timetable=timetable,
            open_exchange=partial(open_exchange, config, account.name, clock, usage, kept_keys(config, account.name)),
        )
        for account in config.accounts
    }
    channels = tuple(
        Channel(
            name=channel.name,
            sink=sink(config, channel.name),
            severities=frozenset(channel.severities),
            send_resolved=channel.send_resolved,
            fallback=channel.fallback,
            restraint=restraint_of(channel),
        )
        for channel in config.channels
    )
    return Daemon(
        accounts,
        channels,
        store,
        clock,
        __version__,
        heartbeat,
        BanBook(usage, store, clock),
        rungs=Rungs.of(config.rules),
        switch=_dead_man_switch(config),
        report=report_order(config),
        folder=storage_folder(config),
        memories=None if before is None else before.hand_over(),
        leaving=None if before is None else {n: one for n, one in before.watched.items() if n not in accounts},
        last_look=None if before is None else before.last_look,
    )


def storage_folder(config: Config) -> Path:
    """Where what is recorded lies on this machine: the folder of a SQLite database, else the state folder."""
    from monitor.store import engine

    path = engine.sqlite_path(engine.parse_url(resolve_url(config).reveal()))
    return _spill_folder(config) or Path(tempfile.gettempdir()) if path is None else path.parent


def report_order(config: Config) -> "ReportOrder | None":
    """The daily report that is wanted, for those of its channels that take info messages; None where none is."""
    from monitor.runtime.daily_report import ReportOrder

    minutes = None if config.report.at is None else minutes_of(config.report.at)
    if minutes is None:
        return None
    wanted = config.report.channels or tuple(channel.name for channel in config.channels)
    return ReportOrder(
        daily=Daily(minutes, zone_of(config.report.time_zone)),
        accounts=tuple(account.name for account in config.accounts),
        channels=tuple(name for name in dict.fromkeys(wanted) if "info" in config.channel(name).severities),
        pause_file=config.safety.pause_file,
    )


def kept_keys(config: Config, name: str) -> Callable[[], KeySecrets]:
    """The secrets of one account, read once: where they lie may be gone before the account's session is."""
    return cache(partial(resolve_account, config, name))


def open_exchange(
    config: Config,
    name: str,
    clock: Clock,
    usage: "Usage | None" = None,
    secrets: Callable[[], KeySecrets] | None = None,
) -> "Exchange":
    """The exchange session of one account; nothing is asked of the exchange yet. Raises ConfigError."""
    return open_account(config, name, clock, usage, secrets)


def open_account(
    config: Config,
    name: str,
    clock: Clock,
    usage: "Usage | None" = None,
    secrets: Callable[[], KeySecrets] | None = None,
) -> "BinanceAccount":
    """The same with everything that this exchange has.

    Without `usage` a ban that was remembered holds, and one that is learned of is remembered. `secrets` are those of
    the account, where they were read before.
    """
    from monitor.exchange.binance.connecting import connect
    from monitor.exchange.binance.venue import Hosts

    account, exchange = config.account(name), config.exchange
    keys = resolve_account(config, name) if secrets is None else secrets()
    slowest = max(config.schedule.cross, config.schedule.isolated)
    return connect(
        name=name,
        hosts=Hosts(
            rest=exchange.rest_url,
            ws_api=exchange.ws_api_url,
            market_stream=exchange.market_stream_url,
            risk_stream=exchange.risk_stream_url,
            rest_fallbacks=exchange.rest_fallback_urls or (),
        ),
        credentials=_signing(keys, account.private_key),
        action_credentials=None if keys.action is None else _signing(keys.action, account.action_private_key),
        clock=clock,
        cross=account.cross,
        recv_window=exchange.recv_window,
        timeout_s=exchange.request_timeout.total_seconds(),
        keepalive_s=slowest.total_seconds() * KEEPALIVE_OVER_INTERVAL,
        proxy=exchange.proxy,
        ca_file=Path(exchange.ca_file) if exchange.ca_file else None,
        usage=usage if usage is not None else remembered_usage(config, clock),
    )


def check_secrets(config: Config) -> None:
    """Raises ConfigError for what else would only show in use: secrets, keys that can't sign, channels' addresses."""
    refuse_equal_secrets(config)
    for account in config.accounts:
        keys = resolve_account(config, account.name)
        _signing(keys, account.private_key)
        if keys.action is not None:
            _signing(keys.action, account.action_private_key)
    for channel in config.channels:
        parse_channel(config, channel.name)
    resolve_heartbeat(config)


def sink(config: Config, name: str) -> "Sink":
    """The sending end of one channel. Raises ConfigError for an address that cannot be."""
    from monitor.notify.building import build_sink

    channel, address = config.channel(name), resolve_channel(config, name)
    return build_sink(
        name,
        url="" if address.url is None else address.url.reveal(),
        webhook="" if address.webhook is None else address.webhook.reveal(),
        timeout_s=channel.timeout.total_seconds(),
        template=_template(config, name),
    )


def parse_channel(config: Config, name: str) -> str:
    """What kind of channel it is, in words, without sending anything. Raises ConfigError."""
    from monitor.notify.building import parse

    address = resolve_channel(config, name)
    _template(config, name)
    return parse(
        name,
        url="" if address.url is None else address.url.reveal(),
        webhook="" if address.webhook is None else address.webhook.reveal(),
    )


def open_store(config: Config) -> "Store":
    """The database held by this process as its daemon; made new where there is none, never migrated."""
    from monitor.store.store import Store

    return Store.open(resolve_url(config).reveal(), spill_folder=_spill_folder(config))


def attach_store(config: Config) -> "Store":
    """The same without waiting: it is opened as soon as it can be. Raises ConfigError, StoreError for its URL."""
    from monitor.store.store import Store

    return Store.attach(resolve_url(config).reveal(), spill_folder=_spill_folder(config))


def open_reader(config: Config) -> "ReadStore":
    """The database for reading, beside a daemon or without one. Raises StoreError with the mend."""
    from monitor.store.store import ReadStore

    return ReadStore.open(resolve_url(config).reveal())


def open_operator(config: Config) -> "OrderStore":
    """The database for what people order. Raises StoreError with the mend."""
    from monitor.store.store import OrderStore

    return OrderStore.open(resolve_url(config).reveal())


def open_orders_if_any(config: Config) -> "OrderStore | None":
    """The same where there is a database, None where there is none. Raises StoreError when it can't be used."""
    from monitor.store import engine
    from monitor.store.store import OrderStore

    url = resolve_url(config).reveal()
    return OrderStore.open(url) if engine.exists(engine.parse_url(url)) else None


def remember_ban(config: Config, until: datetime, noted_at: datetime) -> None:
    """Later commands, and the daemon, keep still until then; nothing is remembered where there is no database."""
    from monitor.store import bans

    with suppress(ConfigError, StoreError):
        store = open_orders_if_any(config)
        if store is not None:
            with store:
                store.order(bans.remember, until, None, noted_at)


def remembered_usage(config: Config, clock: Clock) -> "Usage":
    """What one command knows of the limits of its address: a ban in the database holds, and a new one goes there.

    A command that asks one thing does so without a database too.
    """
    from monitor.exchange.binance.limits import Usage
    from monitor.store import bans

    known = None
    with suppress(ConfigError, StoreError), open_reader(config) as reader:
        known = reader.read(bans.read)
    known_s = None if known is None else clock.elapsed_s() + known.left(clock.now()).total_seconds()
    return Usage(known_s, lambda until_s: remember_ban(config, clock.moment_of(until_s), clock.now()))


def upgrade_database(config: Config) -> tuple[str | None, str]:
    """The revisions that the database had before and has now; None: it was made new."""
    from monitor.store import migrate

    return migrate.upgrade(resolve_url(config).reveal())


def set_database_aside(config: Config, clock: Clock) -> Path | None:
    """Where the damaged database lies now, None where there was none; see aside.set_aside."""
    from monitor.store import aside

    return aside.set_aside(resolve_url(config).reveal(), clock.now())


def free_space(config: Config) -> tuple[Path, int, bool]:
    """Where what is recorded lies, how many bytes are free there, and whether that is little. Raises OSError."""
    from monitor.runtime.storekeeper import is_space_low

    folder = storage_folder(config)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder, shutil.disk_usage(folder).free, is_space_low(folder)


def database_problems(config: Config) -> list[str]:
    """What is wrong with the database, empty when nothing is. Raises StoreError when it can't be looked at."""
    from monitor.store import migrate

    return migrate.check(resolve_url(config).reveal())


def back_up_database(config: Config, target: Path) -> None:
    """A copy of the SQLite database at one moment, beside a daemon or without one. Raises MonitorError."""
    from monitor.store import backup

    backup.back_up(resolve_url(config).reveal(), target)


def restore_database(config: Config, source: Path, by: str, clock: Clock, *, force: bool) -> tuple[str, str]:
    """Put a backup in the place of the database, paused; return its revision and the one that this program needs.

    See backup.restore.
    """
    from monitor.store import backup, engine

    return backup.restore(resolve_url(config).reveal(), source, by, clock.now(), force=force), engine.HEAD


async def prune_database(config: Config) -> int:
    """How many old rows went. Beside a daemon or without one. Raises StoreError."""
    from monitor.runtime.pruner import prune
    from monitor.store.presence import present_clock
    from monitor.store.store import Store

    store = Store.open(resolve_url(config).reveal(), create=False, exclusive=False)
    try:
        clock = await store.read(present_clock)
        return await prune(config.storage.retain_samples, config.storage.retain_events, store, clock)
    finally:
        await store.close()


def check_database(config: Config) -> str:
    """The state of the database in words. Raises StoreError with the mend."""
    problems = database_problems(config)
    if problems:
        raise StoreError(
            "; ".join(problems), where="database", mend="restore a backup, or ask for help with these words"
        )
    return f"{config.storage_url} is sound"


def _spill_folder(config: Config) -> Path | None:
    """The state folder; None for a user who has none."""
    with suppress(ConfigError):
        return config.state_folder
    return None


def _dead_man_switch(config: Config) -> "DeadManSwitch | None":
    from monitor.notify.heartbeat import TIMEOUT_S, Heartbeat
    from monitor.runtime.heartbeat import DeadManSwitch

    url, every = resolve_heartbeat(config), config.heartbeat.every
    if url is None:
        return None
    return DeadManSwitch(Heartbeat(url.reveal(), min(TIMEOUT_S, every.total_seconds())), every)


def _template(config: Config, name: str) -> "MessageTemplate | None":
    """The words of the channel's own, None where it speaks in ours. Raises ConfigError."""
    found = read_template(config, name)
    if found is None:
        return None
    from monitor.view.template import MessageTemplate, TemplateInvalid

    try:
        return MessageTemplate(*found)
    except TemplateInvalid as error:
        where = f'channels "{name}".template'
        mend = "its words are the fields of a webhook's message; see docs/reference/configuration.md"
        raise ConfigError(f"{found[0]}: {error}", where=where, mend=mend) from error


def _signing(keys: KeySecrets, private_key: SecretRef | None) -> "Credentials":
    """What signs. `private_key` is the reference that errors name. Raises ConfigError for a key that can't sign."""
    from monitor.exchange.binance.client.answer import Credentials
    from monitor.exchange.binance.signing import HmacSigner

    if keys.api_secret is not None:
        return Credentials(keys.api_key.reveal(), HmacSigner(keys.api_secret.reveal()))
    if keys.private_key_pem is None:
        raise ConfigError("neither api_secret nor private_key is given", where="accounts", mend="give one of them")
    passphrase = None if keys.passphrase is None else keys.passphrase.reveal()
    try:
        # A private key alone needs what weighs megabytes.
        from monitor.exchange.binance.private_keys import private_key_signer

        signer = private_key_signer(keys.private_key_pem.reveal().encode(), passphrase)
    except ValueError as error:
        where = "" if private_key is None else private_key.where
        raise ConfigError(str(error), where=where, mend="check the key file and its passphrase") from error
    return Credentials(keys.api_key.reveal(), signer)

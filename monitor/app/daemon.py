"""The composition root: from a configuration to everything that runs. Nothing else constructs collaborators."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.app.channels import parse_channel, sink
from monitor.app.database import storage_folder
from monitor.app.exchange import _signing, kept_keys, open_exchange
from monitor.clock import Clock
from monitor.config.credentials import resolve_account, resolve_heartbeat
from monitor.config.model import Config
from monitor.config.policies import policy_of, restraint_of
from monitor.config.secret_conflicts import refuse_equal_secrets
from monitor.config.zones import zone_of
from monitor.core.notifications.report_schedule import Daily
from monitor.core.notifications.throttling import Rungs
from monitor.core.numbers.time_of_day import minutes_of

if TYPE_CHECKING:
    from monitor.exchange.binance.rate_limits import Usage
    from monitor.runtime.daemon import Daemon
    from monitor.runtime.heartbeat import DeadManSwitch
    from monitor.runtime.messages.daily_report import ReportOrder
    from monitor.store.store import Store


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
    from monitor.exchange.binance.rate_limits import Usage
    from monitor.runtime.account.account_service import Timetable
    from monitor.runtime.account.supervisor import WatchedAccount
    from monitor.runtime.bans import BanBook
    from monitor.runtime.daemon import Daemon
    from monitor.runtime.messages.channel_queue import Channel

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
    )


def report_order(config: Config) -> "ReportOrder | None":
    """The daily report that is wanted, for those of its channels that take info messages; None where none is."""
    from monitor.runtime.messages.daily_report import ReportOrder

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


def _dead_man_switch(config: Config) -> "DeadManSwitch | None":
    from monitor.notify.heartbeat import TIMEOUT_S, Heartbeat
    from monitor.runtime.heartbeat import DeadManSwitch

    url, every = resolve_heartbeat(config), config.heartbeat.every
    if url is None:
        return None
    return DeadManSwitch(Heartbeat(url.reveal(), min(TIMEOUT_S, every.total_seconds())), every)

"""Construction of the daemon from a configuration. Only `monitor.app` constructs collaborators."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from monitor import __version__
from monitor.app.channels import describe_channel, open_channel
from monitor.app.database import find_storage_folder
from monitor.app.exchange import name_address, open_exchange, read_keys_once, signing_credentials
from monitor.app.telegram import BotRegistry, build_telegram_loops
from monitor.clock import Clock
from monitor.config.conflicts.secret_conflicts import refuse_secret_conflicts
from monitor.config.credentials import resolve_account, resolve_heartbeat, resolve_http_token
from monitor.config.model import Config
from monitor.config.policies import build_channel_limits, build_policy
from monitor.config.reply_channels import resolve_reply_channel
from monitor.config.time_zones import find_time_zone
from monitor.core.notifications.report_schedule import DailySchedule
from monitor.core.notifications.throttling import LadderIndex
from monitor.core.numbers.time_of_day import parse_minutes_of_day

if TYPE_CHECKING:
    from monitor.exchange.binance.rate_limits import WeightBudget
    from monitor.runtime.daemon import Daemon
    from monitor.runtime.heartbeat import HeartbeatSettings
    from monitor.runtime.messages.daily_report import ReportSettings
    from monitor.store.store import Store


def build_daemon(
    config: Config,
    store: "Store",
    clock: Clock,
    on_tick: Callable[[], None] = lambda: None,
    previous: "Daemon | None" = None,
    weight_budget: "WeightBudget | None" = None,
) -> "Daemon":
    """Return the daemon of this configuration, ready to run.

    `previous` is the daemon before it in this process; both count in one `weight_budget`. Raises ConfigError for an
    impossible configuration.
    """
    from monitor.exchange.binance.rate_limits import WeightBudget
    from monitor.exchange.binance.shared_market import SharedMarket
    from monitor.runtime.account.poller import ReadIntervals
    from monitor.runtime.account.supervisor import WatchedAccount
    from monitor.runtime.address_limits import AddressLimits
    from monitor.runtime.daemon import Daemon
    from monitor.runtime.messages.channel_queue import Channel

    weight_budget = weight_budget if weight_budget is not None else WeightBudget()
    shared_market = SharedMarket(clock)
    read_intervals = ReadIntervals(
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
            policy=build_policy(config, account.name),
            read_intervals=read_intervals,
            open_exchange=partial(
                open_exchange,
                config,
                account.name,
                clock,
                weight_budget,
                read_keys_once(config, account.name),
                shared_market,
            ),
        )
        for account in config.accounts
    }
    bots = BotRegistry(store)
    opened = {channel.name: open_channel(config, channel.name, clock.now, bots) for channel in config.channels}
    channels = tuple(
        Channel(
            name=channel.name,
            sink=opened[channel.name][0],
            severities=frozenset(channel.severities),
            send_resolved=channel.send_resolved,
            fallback=channel.fallback,
            limits=build_channel_limits(channel),
        )
        for channel in config.channels
    )
    return Daemon(
        accounts,
        channels,
        store,
        clock,
        __version__,
        on_tick,
        AddressLimits(weight_budget, store, clock, name_address(config)),
        ladders=LadderIndex.from_rules(config.rules),
        heartbeat=_heartbeat_settings(config),
        report_settings=report_settings(config),
        folder=find_storage_folder(config),
        memories=None if previous is None else previous.latest_memories(),
        removed=None
        if previous is None
        else {name: account for name, account in previous.watched_accounts.items() if name not in accounts},
        last_clock_check=None if previous is None else previous.last_clock_check,
        public_url=config.http.public_url if config.http.listen else "",
        counters=None if previous is None else previous.counters,
        id_numbers=None if previous is None else previous.id_numbers,
        messages=None if previous is None else previous.message_memory,
        history=config.risk.history,
        reply_loops=(
            *(loop for _, loop in opened.values() if loop is not None),
            *build_telegram_loops(config, store, bots),
        ),
    )


def report_settings(config: Config) -> "ReportSettings | None":
    """Return the settings of the daily report, for channels that take info messages; None without a report."""
    from monitor.runtime.messages.daily_report import ReportSettings

    minutes = None if config.report.at is None else parse_minutes_of_day(config.report.at)
    if minutes is None:
        return None
    channels = config.report.channels or tuple(channel.name for channel in config.channels)
    return ReportSettings(
        schedule=DailySchedule(minutes, find_time_zone(config.report.time_zone)),
        accounts=tuple(account.name for account in config.accounts),
        channels=tuple(name for name in dict.fromkeys(channels) if "info" in config.channel(name).severities),
        pause_file=config.safety.pause_file,
    )


def check_secrets(config: Config) -> None:
    """Check secrets, signing keys and channel addresses, which would otherwise fail only in use. Raises ConfigError."""
    refuse_secret_conflicts(config)
    for account in config.accounts:
        keys = resolve_account(config, account.name)
        signing_credentials(keys, account.private_key)
        if keys.action is not None:
            signing_credentials(keys.action, account.action_private_key)
    for channel in config.channels:
        describe_channel(config, channel.name)
        resolve_reply_channel(config, channel.name)
    resolve_heartbeat(config)
    resolve_http_token(config)


def _heartbeat_settings(config: Config) -> "HeartbeatSettings | None":
    from monitor.notify.heartbeat import TIMEOUT_S, HeartbeatClient
    from monitor.runtime.heartbeat import HeartbeatSettings

    url, every = resolve_heartbeat(config), config.heartbeat.every
    if url is None:
        return None
    return HeartbeatSettings(HeartbeatClient(url.reveal(), min(TIMEOUT_S, every.total_seconds())), every)

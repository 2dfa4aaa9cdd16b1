"""Configuration to core settings: account policy, channels by severity, channel limits."""

from collections.abc import Mapping
from datetime import timedelta

from monitor.config.model import Config
from monitor.config.schema import ChannelConfig
from monitor.config.time_zones import find_time_zone
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.engine.step import Policy
from monitor.core.metrics.odds import ODDS_METRICS
from monitor.core.metrics.thresholds import margin_calls_by_ratio
from monitor.core.model.alert import SEVERITIES, Severity
from monitor.core.notifications.quiet_hours import QuietHours, parse_time_range
from monitor.core.notifications.throttling import ChannelLimits
from monitor.core.state.account_settings import AccountSettings, PollIntervals

STALE_AFTER_INTERVALS = 3
"""The result of a slow read is valid for this many of its intervals."""


def build_policy(config: Config, name: str) -> Policy:
    """The policy of one account."""
    account = config.account(name)
    return Policy(
        settings=AccountSettings(
            account=name,
            cross=account.cross,
            isolated=None if account.isolated == "all" else tuple(account.isolated),
            poll_intervals=PollIntervals(
                cross=config.schedule.cross,
                cross_without_stream=min(config.schedule.cross, timedelta(seconds=30)),
                isolated=config.schedule.isolated,
                near_liquidation=config.schedule.near_liquidation,
            ),
            stale_after=config.schedule.stale_after,
            interest_stale_after=config.schedule.interest * STALE_AFTER_INTERVALS,
            reference_stale_after=config.schedule.reference_data * STALE_AFTER_INTERVALS,
            rates_stale_after=config.schedule.interest_rates * STALE_AFTER_INTERVALS,
            liquidations_stale_after=config.schedule.liquidations * STALE_AFTER_INTERVALS,
            wallets_stale_after=config.schedule.transfers * STALE_AFTER_INTERVALS,
            stable_assets=frozenset(config.risk.stable_assets),
            pegs=config.risk.pegs,
            max_drift=config.risk.drift_bound,
            acts_with_own_key=account.action_api_key is not None,
            price_history=config.risk.history,
            slow_rules=frozenset(r.name for r in config.rules if ODDS_METRICS.issuperset(r.when.metric_names)),
            isolated_margin_call=margin_calls_by_ratio(config.risk.isolated_margin_call.items()),
        ),
        rules=config.rules,
        routing=ChannelRouting(
            channels=tuple(channel.name for channel in config.channels),
            fallbacks={channel.name: channel.fallback for channel in config.channels if channel.fallback is not None},
        ),
        actions=config.actions,
        safety=config.safety,
    )


def severities_by_channel(config: Config) -> Mapping[str, frozenset[Severity]]:
    """The severities that each channel receives."""
    return {
        channel.name: frozenset(severity for severity in SEVERITIES if severity in channel.severities)
        for channel in config.channels
    }


def build_channel_limits(channel: ChannelConfig) -> ChannelLimits:
    """Quiet hours and rate limit of a channel."""
    spans = tuple(parse_time_range(text) for text in channel.quiet_hours)
    quiet = QuietHours(spans, find_time_zone(channel.time_zone)) if spans else None
    return ChannelLimits(quiet, channel.max_per_hour)

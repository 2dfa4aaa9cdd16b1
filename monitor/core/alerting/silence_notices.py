"""Notices about silences: ten minutes before the end of one, and at its end, while an alert under it still fires."""

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.alerting.silence_matchers import matcher_text
from monitor.core.model.alert import Alert, AlertKey, AlertState, Silence, severity_rank
from monitor.core.model.events import CommandsRead
from monitor.core.model.journal import Notice
from monitor.core.rules.rule import Rule

NOTICE_BEFORE_END = timedelta(minutes=10)
"""Time before the end of a silence at which its author is notified."""

MIN_ANNOUNCED_SILENCE = 2 * NOTICE_BEFORE_END
"""Shortest silence of which the end is announced: whoever set a shorter one knows when it ends."""

MAX_NAMED_ALERTS = 10

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SilenceNotices:
    """Notices of one evaluation, and the alerts updated with them."""

    alerts: Mapping[AlertKey, Alert]
    notices: tuple[Notice, ...]


def silence_notices(
    alerts: Mapping[AlertKey, Alert],
    commands: CommandsRead,
    rules: Mapping[str, Rule],
    routing: ChannelRouting,
    now: datetime,
) -> SilenceNotices:
    """Return the notices due about silences of the firing alerts of one account.

    The end of a silence is notified once, on the channels of the alerts that it kept quiet and that still fire. Its
    coming end is notified once, on the channel that the silence came from, or on those channels. Alerts that are
    acknowledged, inhibited or under another silence stay quiet, and are named in neither.
    """
    silences = {silence.id: silence for silence in (*commands.ended_silences, *commands.silences)}
    updated: dict[AlertKey, Alert] = {}
    ended: defaultdict[int, list[Alert]] = defaultdict(list)
    ending: defaultdict[int, list[Alert]] = defaultdict(list)
    announced = {alert.end_announced for alert in alerts.values()}
    for key, alert in alerts.items():
        if alert.state is not AlertState.FIRING:
            continue
        silence = silences.get(alert.silenced_by or 0)
        is_heard = alert.acked_at is None and alert.inhibited_by is None
        if alert.silenced_by is None and alert.kept_quiet_by is not None:
            before = silences.get(alert.kept_quiet_by)
            if before is not None and before.ends_at <= now and is_heard:
                ended[before.id].append(alert)
        end_announced = alert.end_announced
        if silence is not None and is_heard and _is_end_near(silence, now) and end_announced != silence.id:
            end_announced = silence.id
            if silence.id not in announced:
                ending[silence.id].append(alert)
        change = replace(alert, kept_quiet_by=alert.silenced_by, end_announced=end_announced)
        if change != alert:
            updated[key] = change
    notices = [
        *(_notice(silences[number], group, rules, routing, now, is_over=True) for number, group in ended.items()),
        *(_notice(silences[number], group, rules, routing, now, is_over=False) for number, group in ending.items()),
    ]
    return SilenceNotices(updated, tuple(notice for notice in notices if notice.channels))


def _is_end_near(silence: Silence, now: datetime) -> bool:
    return (
        now < silence.ends_at <= now + NOTICE_BEFORE_END
        and silence.ends_at - silence.starts_at >= MIN_ANNOUNCED_SILENCE
    )


def _notice(
    silence: Silence,
    alerts: Sequence[Alert],
    rules: Mapping[str, Rule],
    routing: ChannelRouting,
    now: datetime,
    *,
    is_over: bool,
) -> Notice:
    channels = tuple(
        dict.fromkeys(name for alert in alerts for name in routing.channels_for(rules[alert.key.rule], alert.escalated))
    )
    if not is_over and silence.channel in routing.channels:
        channels = (silence.channel,)
    severity = max((alert.severity for alert in alerts), key=severity_rank)
    text = _end_text(silence, alerts) if is_over else _coming_end_text(silence, alerts, now)
    return Notice(severity, f"{alerts[0].key.account}: {text}", channels, now)


def _end_text(silence: Silence, alerts: Sequence[Alert]) -> str:
    return f"{_silence_text(silence)} has ended. Still firing: {_alerts_text(alerts)}"


def _coming_end_text(silence: Silence, alerts: Sequence[Alert], now: datetime) -> str:
    minutes = max(1, round((silence.ends_at - now) / MINUTE))
    words = [*map(matcher_text, silence.matchers), "--duration", "2h", "--comment", silence.comment]
    words += ["--include-critical"] if silence.include_critical else []
    command = shlex.join(["margin-monitor", "silence", "add", *words])
    return (
        f"{_silence_text(silence)} ends in {minutes}m, at {silence.ends_at:%H:%M} UTC. "
        f"It keeps quiet what still fires: {_alerts_text(alerts)}. To extend it: `{command}`"
    )


def _silence_text(silence: Silence) -> str:
    return f'silence {silence.id} by {silence.author} ("{silence.comment}")'


def _alerts_text(alerts: Sequence[Alert]) -> str:
    named = sorted(alerts, key=lambda alert: (-severity_rank(alert.severity), alert.id))
    texts = [f"{a.key.rule} {a.key.subject or a.key.scope} (#{a.id})" for a in named[:MAX_NAMED_ALERTS]]
    more = len(alerts) - len(texts)
    return ", ".join([*texts, *([f"and {more} more"] if more else [])])

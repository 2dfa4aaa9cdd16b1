"""Streams, channels, store and clock on one line: quiet while all is well, and every problem by itself when not."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.web.pages.models.words import clock_words, time_words

LOUD_CLOCK_OFFSET_S = 1.0
"""From this difference to the exchange's clock on the line is loud."""


@dataclass(frozen=True, slots=True)
class HealthLine:
    """`words` while all is well; `problems`, a sentence each."""

    words: str
    problems: tuple[str, ...]


def health_line(status: StatusDocument, alerts: Sequence[AlertDocument] | None, reasons: Iterable[str]) -> HealthLine:
    """The line of a status. `alerts` is None while the database can't be read; `reasons` say why it isn't ready."""
    accounts = status["accounts"]
    problems = [
        *([] if status["daemon"]["running"] else ["no daemon is running: nothing is watched"]),
        *(
            reason
            for account in accounts
            for reason in _account_problems(account, is_running=status["daemon"]["running"])
        ),
        *(["the database can't be read: alerts and actions are not shown"] if alerts is None else []),
        *(f"channel {channel}: the newest message did not leave" for channel in _failing_channels(alerts or ())),
        *reasons,
    ]
    return HealthLine(" · ".join(_well_words(status)), tuple(dict.fromkeys(problems)))


def _well_words(status: StatusDocument) -> Iterator[str]:
    streams = [stream for account in status["accounts"] for stream in account["streams"]]
    since = status["daemon"]["since"]
    yield (
        f"watching since {clock_words(since) if since[:10] == status['generated_at'][:10] else time_words(since)}"
        if (since is not None)
        else "watching"
    )
    yield f"{sum(stream['connected'] for stream in streams)} of {len(streams)} streams"
    yield "channels and database work"
    offsets = [abs(a["clock_offset_s"]) for a in status["accounts"] if a["clock_offset_s"] is not None]
    if offsets:
        yield f"clock {max(offsets) * 1000:.0f} ms off"


def _account_problems(account: AccountDocument, *, is_running: bool) -> Iterator[str]:
    name = account["account"]
    down = [stream["name"] for stream in account["streams"] if not stream["connected"]]
    if down and is_running:
        yield f"{name}: stream {' and '.join(down)} down, polling goes on"
    offset = account["clock_offset_s"]
    if offset is not None and abs(offset) > LOUD_CLOCK_OFFSET_S:
        yield f"{name}: the clock is {abs(offset):.1f} s off the exchange's"
    for unknown in account.get("conditions_unknown", ()):
        where = unknown["subject"] or unknown["scope"]
        yield f"{name}: rule {unknown['rule']} can't be judged on {where}, it lacks {', '.join(unknown['lacking'])}"
    if account.get("monitored"):
        yield f"{name}: tagged Monitoring, a delisting may follow: {', '.join(account['monitored'])}"


def _failing_channels(alerts: Iterable[AlertDocument]) -> Iterator[str]:
    """Channels whose newest delivery about an alert that fires failed."""
    newest = {
        delivery["channel"]: delivery["state"]
        for alert in sorted(alerts, key=lambda alert: alert["id"])
        if alert["state"] == "firing"
        for delivery in alert["deliveries"]
    }
    yield from (channel for channel, state in newest.items() if state == "failed")

"""Streams, channels, store and clock on one line: quiet while all is well, and every problem by itself when not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.alerts import AlertDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.web.pages.models.words import clock_words, time_words

LOUD_CLOCK_OFFSET_S = 1.0
"""From this difference to the exchange's clock on the line is loud."""


UNREADABLE = "the database can't be read: alerts and actions are not shown"


@dataclass(frozen=True, slots=True)
class WatchFaults:
    """Faults of the daemon: `reasons` why it is not ready, and `channels` that do not work, each with its cause."""

    reasons: Sequence[str] = ()
    channels: Mapping[str, str] = field(default_factory=dict)

    def without(self, accounts: Iterable[str]) -> "WatchFaults":
        """Return the faults except for those of these accounts."""
        starts = tuple(f"account {name}{end}" for name in accounts for end in (" ", ":"))
        return replace(self, reasons=tuple(reason for reason in self.reasons if not reason.startswith(starts)))


@dataclass(frozen=True, slots=True)
class HealthLine:
    """`words` while all is well; `problems`, a sentence each."""

    words: str
    problems: tuple[str, ...]


def health_line(status: StatusDocument, alerts: Sequence[AlertDocument] | None, faults: WatchFaults) -> HealthLine:
    """The line of a status. `alerts` is None while the database can't be read."""
    accounts = status["accounts"]
    problems = [
        *([] if status["daemon"]["running"] else ["no daemon is running: nothing is watched"]),
        *(
            f"account {account['account']} is watched by no daemon"
            for account in accounts
            if "held_by" in account and account["held_by"] is None
        ),
        *(
            reason
            for account in accounts
            for reason in _account_problems(account, is_running=status["daemon"]["running"])
        ),
        *watch_problems(alerts, faults),
    ]
    return HealthLine(" · ".join(_well_words(status)), tuple(dict.fromkeys(problems)))


def watch_problems(alerts: Sequence[AlertDocument] | None, faults: WatchFaults) -> tuple[str, ...]:
    """Problems of the daemon, its database and its channels, whichever account they are about."""
    return (
        *faults.reasons,
        *([UNREADABLE] if alerts is None else []),
        *(f"channel {channel} does not work: {why}" for channel, why in sorted(faults.channels.items())),
        *_undelivered(alerts or (), faults.channels),
    )


def _well_words(status: StatusDocument) -> Iterator[str]:
    streams = [stream for account in status["accounts"] for stream in account["streams"]]
    since = status["daemon"]["since"]
    yield (
        f"watching since {clock_words(since) if since[:10] == status['generated_at'][:10] else time_words(since)}"
        if (since is not None)
        else "watching"
    )
    watched: dict[str, list[str]] = {}
    for account in status["accounts"]:
        if (holder := account.get("held_by")) is not None:
            watched.setdefault(f"{holder['host']} (pid {holder['pid']})", []).append(account["account"])
    yield from (f"{', '.join(names)} on {where}" for where, names in sorted(watched.items()))
    yield f"{sum(stream['connected'] for stream in streams)} of {len(streams)} streams"
    yield "channels and database work"
    offsets = [abs(a["clock_offset_s"]) for a in status["accounts"] if a["clock_offset_s"] is not None]
    if offsets:
        yield f"clock {max(offsets) * 1000:.0f} ms off"


def _account_problems(account: AccountDocument, *, is_running: bool) -> Iterator[str]:
    name = account["account"]
    down = [stream["name"] for stream in account["streams"] if not stream["connected"]]
    if down and is_running:
        polls = ", polling goes on" if account["state"] == "ok" else ""
        yield f"{name}: {'stream' if len(down) == 1 else 'streams'} {', '.join(down)} down{polls}"
    offset = account["clock_offset_s"]
    if offset is not None and abs(offset) > LOUD_CLOCK_OFFSET_S:
        yield f"{name}: the clock is {abs(offset):.1f} s off the exchange's"
    for unknown in account.get("conditions_unknown", ()):
        where = unknown["subject"] or unknown["scope"]
        yield f"{name}: rule {unknown['rule']} can't be judged on {where}, it lacks {', '.join(unknown['lacking'])}"
    if account.get("monitored"):
        yield f"{name}: tagged Monitoring, a delisting may follow: {', '.join(account['monitored'])}"


def _undelivered(alerts: Iterable[AlertDocument], known: Mapping[str, str]) -> Iterator[str]:
    """Channels besides the `known` ones whose newest message about an alert that fires was tried and did not leave."""
    newest = {
        delivery["channel"]: delivery
        for alert in sorted(alerts, key=lambda alert: alert["id"])
        if alert["state"] == "firing"
        for delivery in alert["deliveries"]
        # A message that was not tried yet says nothing of its channel.
        if delivery["state"] != "queued" or delivery["attempts"]
    }
    for channel, delivery in newest.items():
        if channel in known or delivery["state"] == "sent":
            continue
        tried = f", it is tried again after {delivery['attempts']} attempts" if delivery["state"] == "queued" else ""
        yield f"channel {channel}: the newest message did not leave{tried}"

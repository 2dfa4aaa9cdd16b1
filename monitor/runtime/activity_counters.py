"""Counts of the daemon's own doings since the process started: reads, stream events, actions, messages, reloads."""

from collections import Counter
from datetime import datetime

from monitor.core.model.events import Event, IntentUpdated, StreamEvent
from monitor.core.model.intent import FINAL_STATES, Intent
from monitor.core.model.journal import JournalEntry
from monitor.core.state.account_state import AccountState

MAX_EVENT_TYPES = 200
"""Types of stream events that are counted by name, of all accounts together; the exchange could send any number."""

OTHER_TYPE = "other"


class ActivityCounters:
    """Counters that only rise. One object serves all daemons of a process, so a reload does not reset them.

    They are changed in the event loop alone. Keys: reads by account, name and result; stream events by account and
    type; actions by kind and result; messages by channel and result.
    """

    def __init__(self) -> None:
        self.reads: Counter[tuple[str, str, str]] = Counter()
        self.stream_events: Counter[tuple[str, str]] = Counter()
        self.actions: Counter[tuple[str, str]] = Counter()
        self.messages: Counter[tuple[str, str]] = Counter()
        self.is_last_reload_ok = True
        self.config_loaded_at: datetime | None = None
        self.started_at: datetime | None = None
        """When the first daemon of the process started."""

    def count_read(self, account: str, name: str, result: str) -> None:
        """Count one read of an account.

        `result`: ok, partial (some rows were implausible), rejected (the whole answer was), failed.
        """
        self.reads[account, name, result] += 1

    def count_message(self, channel: str, *, is_sent: bool) -> None:
        """Count one attempt to send a message, whatever number of notifications it holds."""
        self.messages[channel, "sent" if is_sent else "failed"] += 1

    def count_step(self, before: AccountState, event: Event, entry: JournalEntry) -> None:
        """Count the stream event of one step, and the intents that became final with it."""
        if isinstance(event, StreamEvent):
            key = before.account, event.type
            is_listed = key in self.stream_events or len(self.stream_events) < MAX_EVENT_TYPES
            self.stream_events[key if is_listed else (before.account, OTHER_TYPE)] += 1
        elif isinstance(event, IntentUpdated):
            self._count_if_settled(before, event.intent)
        for intent in entry.intents:
            self._count_if_settled(before, intent)

    def note_start(self, at: datetime) -> None:
        """Note that a daemon starts; the configuration of the first one is in force from then on."""
        if self.started_at is None:
            self.started_at = self.config_loaded_at = at

    def note_reload(self, *, is_ok: bool, at: datetime) -> None:
        """Note that a configuration came into force, or that a reload failed."""
        self.is_last_reload_ok = is_ok
        if is_ok:
            self.config_loaded_at = at

    def _count_if_settled(self, before: AccountState, intent: Intent) -> None:
        """Count an intent that was not final before, unless it was settled before this start."""
        known = before.intents.get(intent.id)
        if intent.state not in FINAL_STATES or (known is not None and known.state in FINAL_STATES):
            return
        if known is None and intent.settled_at is not None and intent.settled_at < before.started_at:
            return
        self.actions[str(intent.kind), intent.state.lower()] += 1

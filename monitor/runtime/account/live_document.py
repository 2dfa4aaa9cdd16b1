"""The live document of an account: its text, when it is written again, and how often at most."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

import msgspec

from monitor.clock import Clock
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.alert import Alert
from monitor.core.model.events import HealthRead
from monitor.core.model.journal import JournalEntry
from monitor.core.model.metric import MetricValue
from monitor.core.state.account_state import AccountState
from monitor.errors import StoreError
from monitor.runtime.load.time_budget import TimeBudget
from monitor.store.store import Store
from monitor.view.documents.account import account_document

log = logging.getLogger(__name__)

MAX_LIVE_AGE_S = 5.0
"""Machine seconds after which a document is written again although nothing has visibly changed."""

LIVE_DELAY_S = 0.1
"""Machine seconds that the document waits after a decision."""

LEVEL_STEPS = 1_000
"""Steps of a margin level of 1 that count as visible."""


class LiveOutline(NamedTuple):
    """The part of an account that a reader sees change at once: the rest of its document may be seconds old."""

    levels: tuple[tuple[str, int | None], ...]
    """State of the data and level of each scope, in visible steps; None for a level that is no number."""
    alerts: tuple[tuple[object, ...], ...]
    streams: tuple[bool, ...]
    health: HealthRead
    """Without the figures that change all the time."""
    parts: tuple[object, ...]
    """Parts of the state, each replaced by an event that is no price and no tick."""

    def is_same(self, other: "LiveOutline") -> bool:
        """Return whether nothing visible differs. Parts are compared by identity: they may be large."""
        return self[:-1] == other[:-1] and all(map(_is_identical, self.parts, other.parts))


class LiveDocumentWriter:
    """The writer of one account's document, and of the present values of its open alerts.

    It writes after decisions, and after their notifications had a moment to leave: no alert waits for a document of the
    whole account, nor does the next price wait for its write. The document shows what a tick or a read has measured, so
    that nothing is measured for it.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        machine_time: Callable[[], float],
        render: Callable[[AccountState, MetricsSnapshot], str],
        budget: TimeBudget,
    ) -> None:
        self._store = store
        self._clock = clock
        self._machine_time = machine_time
        self._render = render
        self._budget = budget
        self._last_text = ""
        self._last_outline: LiveOutline | None = None
        self._written_at = self._not_before = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._delayed: tuple[AccountState, MetricsSnapshot] | None = None

    def refresh(
        self, state: AccountState, metrics: MetricsSnapshot | None, *, has_decided: bool, can_write: bool
    ) -> None:
        """Write the document if it is due and has visibly changed, or is old; `metrics` None: nothing was measured."""
        now = self._machine_time()
        if has_decided:
            self._not_before = now + LIVE_DELAY_S
            if metrics is not None and can_write and self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(LIVE_DELAY_S, self._refresh_delayed)
        if metrics is None or not can_write:
            return
        if self._timer is not None:
            self._delayed = (state, metrics)
        is_due = now - self._written_at >= self._budget.interval_s and now >= self._not_before
        is_writing = self._task is not None and not self._task.done()
        if not is_due or is_writing:
            return
        outline, last = outline_account(state, metrics), self._last_outline
        if last is not None and outline.is_same(last) and now - self._written_at < MAX_LIVE_AGE_S:
            return
        self._written_at, self._last_outline = now, outline
        text = self._render(state, metrics)
        self._budget.note_cost(state.account, self._machine_time() - now)
        if text == self._last_text:
            return
        self._last_text = text
        alerts = tuple(state.alerts.values())
        entry = JournalEntry(account=state.account, at=self._clock.now(), live=text, alerts=alerts)
        self._task = asyncio.create_task(self._write(entry), name=f"live {state.account}")

    def _refresh_delayed(self) -> None:
        """Write the document of a batch that decided something, its notifications having left."""
        self._timer, self._not_before = None, float("-inf")
        if self._delayed is not None:
            (state, metrics), self._delayed = self._delayed, None
            self.refresh(state, metrics, has_decided=False, can_write=True)

    async def finish(self) -> None:
        """Wait for the write under way; what is delayed is left to the next writer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._delayed = None
        if self._task is not None:
            await self._task

    async def _write(self, entry: JournalEntry) -> None:
        try:
            await self._store.commit(entry)
        except StoreError as error:
            # The next document takes its place.
            self._last_text, self._last_outline = "", None
            log.error("live.unwritten account=%s cause=%s", entry.account, error)


def outline_account(state: AccountState, metrics: MetricsSnapshot) -> LiveOutline:
    """Return the outline of an account whose margin subjects are measured."""
    scopes = [metrics.get(subject) for subject in metrics.margin_subjects]
    return LiveOutline(
        tuple((scope.state, _visible_level(scope.display.get("margin_level"))) for scope in scopes),
        tuple(_outline_alert(alert) for alert in state.alerts.values()),
        tuple(stream.connected for stream in state.streams.values()),
        replace(state.health, clock_offset_s=None, weight_used=None),
        (
            state.cross,
            state.isolated,
            state.live_balances,
            state.thresholds,
            state.interest.charges,
            state.interest.rates,
            state.liquidations,
            state.odds,
            state.reference,
            state.wallets,
            state.keys,
            state.polling.last_failure,
            state.commands,
            state.intents,
            state.action_blocks,
            state.foreign_activity,
            state.record_coverage,
        ),
    )


def render_live_document(state: AccountState, metrics: MetricsSnapshot, version: str) -> str:
    """Return the account's status document as the store holds it for readers."""
    return msgspec.json.encode(account_document(state, metrics.settings, metrics.now, version, metrics)).decode()


def _outline_alert(alert: Alert) -> tuple[object, ...]:
    return (
        alert.id,
        alert.state,
        alert.severity,
        alert.notified_at,
        alert.acked_at,
        alert.escalated,
        alert.silenced_by,
        alert.inhibited_by,
        alert.kept_quiet_by,
    )


def _visible_level(level: MetricValue | None) -> int | None:
    return int(level * LEVEL_STEPS) if isinstance(level, Decimal) and level.is_finite() else None


def _is_identical(one: object, other: object) -> bool:
    return one is other

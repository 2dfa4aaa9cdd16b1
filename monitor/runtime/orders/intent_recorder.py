"""Recording of intent steps, in one transaction with their notices."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from monitor.clock import Clock
from monitor.core.model.action_blocks import StopCause
from monitor.core.model.intent import IN_FLIGHT_STATES, Intent
from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.settlement.notices import intent_notices, lost_notices, rule_stop_notice
from monitor.core.settlement.transitions import IntentUpdate
from monitor.errors import StoreRefused
from monitor.store import commands_in_force
from monitor.store.store import Store
from monitor.store.writes import journal

log = logging.getLogger(__name__)


async def restore_lost_intents(
    store: Store, account: str, intents: Iterable[Intent], channels: tuple[str, ...], now: datetime
) -> tuple[int, ...]:
    """Record once more the orders that the database had lost; return their ids. Raises StoreError.

    Where the database refuses that, all actions are paused: the next daemon would not know of these orders.
    """
    try:
        lost = await store.restore_lost_steps(intents, now, lambda lost: lost_notices(lost, channels, now))
    except StoreRefused as error:
        await _pause_actions(store, account, error, channels, now)
        return ()
    if lost:
        log.error("intent.lost account=%s intents=%s why='the database had lost steps of them'", account, lost)
    return lost


async def _pause_actions(
    store: Store, account: str, cause: StoreRefused, channels: tuple[str, ...], now: datetime
) -> None:
    """Pause all actions with a notice of the reason, unless they are paused already. Raises StoreError."""
    log.error("intent.unrecorded account=%s cause=%s", account, cause)
    if await store.read(commands_in_force.is_paused):
        return
    words = f"orders that were sent can't be recorded once more ({cause.message})"
    notices = (Notice("critical", f"{account}: all actions are paused: {words}", channels, now),) if channels else ()
    await store.commit(JournalEntry(account, now, paused_by=f"margin-monitor: {words}", notices=notices))


class IntentRecorder:
    """The recorder of steps and notices. A recorded step's notice is sent whatever happens to this process."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        channels: tuple[str, ...],
        wake_channels: Callable[[Iterable[str]], None],
        on_lost: Callable[[Intent], None],
    ) -> None:
        """`on_lost` is called with an order whose earlier steps the database no longer had."""
        self._store = store
        self._clock = clock
        self._channels = channels
        self._wake_channels = wake_channels
        self._on_lost = on_lost

    async def record(self, moved: IntentUpdate, *, has_left: bool = True) -> bool:
        """Record a step; return False where the intent was in another state. Raises StoreError.

        An intent that was durable once, but of which the database knows only an earlier step or nothing, is recorded
        anew as a whole. `has_left` False: the step before this one may never have been recorded.
        """
        now = self._clock.now()
        notices = intent_notices([moved.intent], self._channels, now)
        if moved.stop is not None:
            notices += rule_stop_notice(moved.intent, moved.stop, self._channels, now)
        taken = await self._store.record_step(moved.intent, moved.step, notices, moved.stop)
        if not taken and has_left and moved.step.from_state in IN_FLIGHT_STATES:
            taken = await self._restate_lost(moved, notices)
        if taken and notices:
            self._wake_channels(self._channels)
        return taken

    async def _restate_lost(self, moved: IntentUpdate, notices: tuple[Notice, ...]) -> bool:
        """Restore steps of the intent that the database had lost; return whether there were any."""
        now = self._clock.now()

        def said(lost: Sequence[Intent]) -> tuple[Notice, ...]:
            return (*lost_notices(lost, self._channels, now), *notices)

        try:
            lost = await self._store.restore_lost_steps((moved.intent,), now, said, moved.stop)
        except StoreRefused as error:
            await _pause_actions(self._store, moved.intent.account, error, self._channels, now)
            self._wake_channels(self._channels)
            raise
        if not lost:
            return False
        log.error("intent.lost intent=%d why='the database had lost its steps; recorded once more'", moved.intent.id)
        self._wake_channels(self._channels)
        self._on_lost(moved.intent)
        return True

    async def judge(self, intent: Intent, stop: StopCause | None) -> bool:
        """Record the judgement of an order, with `stop` if its rule is stopped; return whether it was awaited.

        Raises StoreError.
        """
        now = self._clock.now()
        notices = () if stop is None else rule_stop_notice(intent, stop, self._channels, now)
        judged = await self._store.execute(journal.record_loss_judgement, intent, now, notices, stop)
        if judged and notices:
            self._wake_channels(self._channels)
        return judged

    async def amend(self, intent: Intent) -> None:
        """Record new facts about an intent that stays in its state. Raises StoreError."""
        now = self._clock.now()
        notices = intent_notices([intent], self._channels, now)
        await self._store.commit(JournalEntry(intent.account, now, intents=(intent,), notices=notices))
        self._wake_channels(self._channels)

"""Supervision of all accounts: a failed one is evaluated from its last state until it is built anew."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from monitor.core.engine.step import Policy
from monitor.core.metrics.snapshot import MetricsSnapshot
from monitor.core.model.alert import Alert
from monitor.core.model.events import CommandsRead, HealthRead, Tick
from monitor.core.model.intent import Intent
from monitor.core.model.journal import JournalEntry, Notice
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.errors import StoreError
from monitor.exchange.port import Exchange
from monitor.runtime.account.account_failures import (
    STABLE_AFTER_S,
    AccountFailures,
    bug_or_none,
    cause_text,
    was_refused,
)
from monitor.runtime.account.account_service import AccountService, SharedServices, send_unrecorded
from monitor.runtime.account.event_processor import EventProcessor
from monitor.runtime.account.inbox import Inbox
from monitor.runtime.account.journal_backlog import JournalBacklog
from monitor.runtime.account.live_document import render_live_document
from monitor.runtime.account.poller import ReadIntervals
from monitor.runtime.account.start_state import continue_from_memory, merge_stored_state, renumber_alerts, restore_state
from monitor.runtime.id_allocator import IdAllocator
from monitor.runtime.messages.notifier import Notifier
from monitor.runtime.orders.executor import LOST_WINDOW
from monitor.runtime.orders.intent_recorder import restore_lost_intents
from monitor.store.writes.journal import CommitResult

log = logging.getLogger(__name__)

RESTART_BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
MAX_REFUSED_BACKOFF_S = 5.0
"""The longest pause after the store refused a decision, although it works."""

STEP_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class WatchedAccount:
    """One account: its policy, its read intervals, and a factory of its exchange session."""

    policy: Policy
    read_intervals: ReadIntervals
    open_exchange: Callable[[], Exchange]


@dataclass(slots=True)
class AccountMemory:
    """An account's memory, which outlives its tasks. `state` None: the account was never started."""

    backlog: JournalBacklog = field(default_factory=JournalBacklog)
    state: AccountState | None = None
    is_known: bool = False
    """True if the state is based on the store's."""
    last_metrics: MetricsSnapshot | None = None

    def clear(self) -> None:
        """Forget everything, also for the next daemon of this process, which may have this object already."""
        self.backlog, self.state, self.is_known, self.last_metrics = JournalBacklog(), None, False, None


class AccountSupervisor:
    """One service for each account. A failure interrupts its own account for a moment and no other."""

    def __init__(
        self,
        accounts: Mapping[str, WatchedAccount],
        shared: SharedServices,
        commands: Callable[[], CommandsRead | None],
        health: Callable[[str], HealthRead],
        is_store_known: Callable[[], bool],
        id_numbers: IdAllocator,
        memories: Mapping[str, AccountMemory] | None = None,
    ) -> None:
        """`memories` are those of the previous daemon in the same process."""
        self._accounts = accounts
        self._shared = shared
        self._commands = commands
        self._health = health
        self._is_store_known = is_store_known
        self._id_numbers = id_numbers
        earlier = memories or {}
        self._memories = {name: earlier.get(name) or AccountMemory() for name in accounts}
        self._failures = {name: AccountFailures() for name in accounts}
        self.services: dict[str, AccountService] = {}
        self._known_connects = 0

    def latest_memories(self) -> Mapping[str, AccountMemory]:
        """Return the newest memory of every account, running or down; always the same objects."""
        for name in self.services:
            self._save_state(name)
        return self._memories

    def recorded_accounts(self) -> list[str]:
        """Return the accounts of which the store knows everything up to now."""
        return [name for name, service in self.services.items() if service.is_recorded]

    def reopen_record(self, name: str, since: datetime) -> None:
        """Read the account's movements since `since` again."""
        service = self.services.get(name)
        if service is not None:
            service.reopen_record(since)

    def look_up_owners(self) -> None:
        """Look up again the actions taken in the accounts under other names."""
        for service in self.services.values():
            service.look_up_owner()

    def look_up_state(self, name: str) -> tuple[AccountState, AccountSettings] | None:
        """Return the account's present state and settings; None while it does not run."""
        service = self.services.get(name)
        return None if service is None else (service.runner.state, self._accounts[name].policy.settings)

    def find_alert(self, number: int) -> Alert | None:
        """Return the alert of that id; None where no account has it now."""
        states = (service.runner.state for service in self.services.values())
        return next((alert for state in states for alert in state.alerts.values() if alert.id == number), None)

    def is_failing(self, name: str) -> bool:
        """Return whether the account is down, or has failed repeatedly and not yet run stably since."""
        failures = self._failures[name]
        if not failures.count:
            return False
        service = self.services.get(name)
        if service is None or not service.has_read:
            return True
        if failures.count > 1 and time.monotonic() - failures.started_at < STABLE_AFTER_S:
            return True
        failures.count = 0
        return False

    def last_cause(self, name: str) -> str:
        """Return the cause of the account's last failure; empty without one."""
        return self._failures[name].cause

    async def supervise(self, name: str) -> None:
        """Run the account's service until cancelled, and build it anew after each failure."""
        failures = self._failures[name]
        for number in itertools.count():
            failures.started_at = time.monotonic()
            try:
                service = await self._start(name)
                self.services[name] = service
                await service.run()
            except (Exception, ExceptionGroup) as error:
                self._save_state(name)
                self.services.pop(name, None)
                ran_s = time.monotonic() - failures.started_at
                number = failures.count = 1 if ran_s > STABLE_AFTER_S else failures.count + 1
                failures.cause = cause_text(error)
                pause_s = RESTART_BACKOFF_S[min(number, len(RESTART_BACKOFF_S)) - 1]
                if was_refused(error):
                    # Watching does not need the store, so it continues soon.
                    pause_s = min(pause_s, MAX_REFUSED_BACKOFF_S)
                    failures.note_refusal()
                    if failures.is_unrecorded:
                        log.error("account.unrecorded account=%s times=%d", name, failures.refusals)
                        pause_s = RESTART_BACKOFF_S[0]
                    await self._discard_decisions(name)
                log.error(
                    "account.restarting account=%s in_s=%s cause=%s",
                    name,
                    pause_s,
                    failures.cause,
                    exc_info=bug_or_none(error),
                )
                await self._evaluate_while_down(name, pause_s, error)

    async def merge_store(self, all_accounts: bool) -> None:
        """Merge accounts that began without the store with its state; all if `all_accounts`. Raises StoreError.

        What another daemon holds is being stopped here.
        """
        store = self._shared.store
        connects = store.connects
        if all_accounts or connects != self._known_connects:
            for name, watch in list(self.services.items()):
                if store.holds(name) and await self._restate_lost(name, watch.intents):
                    watch.reopen_record(self._shared.clock.now() - LOST_WINDOW)
            self._known_connects = connects
        for name, watch in list(self.services.items()):
            if not all_accounts and (watch.runner.is_known or self._failures[name].is_unrecorded):
                continue
            if not store.holds(name):
                continue
            loaded = await store.load_state(name, self._shared.clock.now())
            if self.services.get(name) is watch:
                now = self._shared.clock.now()
                before = watch.runner.state
                watch.merge_store(
                    partial(merge_stored_state, loaded=loaded, policy=self._accounts[name].policy, now=now)
                )
                self._shared.notifier.renumber(_new_numbers(before, watch.runner.state))
                log.info("account.adopted account=%s alerts=%d", name, len(loaded.alerts))

    async def _restate_lost(self, name: str, intents: Iterable[Intent]) -> bool:
        """Record once more the outcomes of orders that the database had lost; return whether there were any."""
        shared, channels = self._shared, self._accounts[name].policy.routing.channels
        lost = await restore_lost_intents(shared.store, name, intents, channels, shared.clock.now())
        shared.notifier.wake(channels)
        return bool(lost)

    async def _start(self, name: str) -> AccountService:
        account, memory = self._accounts[name], self._memories[name]
        state, is_known = await self._start_state(name, account.policy)
        memory.state, memory.is_known = state, is_known
        return AccountService(
            account.policy,
            account.open_exchange(),
            account.read_intervals,
            state,
            self._shared,
            memory.backlog,
            is_known,
        )

    async def _start_state(self, name: str, policy: Policy) -> tuple[AccountState, bool]:
        """Return the state to start from, and whether it is the store's."""
        memory, shared = self._memories[name], self._shared
        now, health = shared.clock.now(), replace(self._health(name), account_failing=self.is_failing(name))
        is_recorded = not self._failures[name].is_unrecorded
        # The waiting entries are newer than the store.
        if self._is_store_known() and not shared.store.is_failing and (memory.backlog.is_empty or not memory.is_known):
            try:
                if memory.state is not None:
                    await self._restate_lost(name, memory.state.intents.values())
                loaded = await shared.store.load_state(name, now)
            except StoreError as error:
                log.error("account.from_memory account=%s cause=%s", name, error)
            else:
                health = replace(health, store_failing=health.store_failing or not is_recorded)
                state = restore_state(loaded, policy, now, self._commands(), health)
                if memory.state is not None and not memory.is_known:
                    earlier = continue_from_memory(memory.state, policy, now, self._commands(), health)
                    state = replace(merge_stored_state(earlier, memory.backlog, loaded, policy, now), health=health)
                    shared.notifier.renumber(_new_numbers(earlier, state))
                return state, is_recorded
        return continue_from_memory(memory.state, policy, now, self._commands(), health), memory.is_known

    async def _evaluate_while_down(self, name: str, pause_s: float, cause: BaseException) -> None:
        """Evaluate the last state while the account is down: it becomes stale, and people are notified of that."""
        memory, policy, shared = self._memories[name], self._accounts[name].policy, self._shared
        state = memory.state or continue_from_memory(
            None, policy, shared.clock.now(), self._commands(), self._health(name)
        )
        runner = EventProcessor(
            state=state,
            policy=policy,
            store=shared.store,
            clock=shared.clock,
            inbox=Inbox(),
            ids=shared.ids,
            listener=_DownListener(shared.notifier),
            live_document=partial(render_live_document, version=shared.version),
            machine_time=time.monotonic,
            backlog=memory.backlog,
            is_known=memory.is_known,
            counters=shared.counters,
        )
        until = time.monotonic() + pause_s
        try:
            while (left_s := until - time.monotonic()) > 0:
                await runner.process((replace(self._health(name), account_failing=True), Tick()))
                memory.state = runner.state
                await asyncio.sleep(min(STEP_EVERY_S, left_s))
        except Exception as error:
            log.exception("account.unjudged account=%s", name)
            await self._notify(
                name, f"account {name} is down and can't be judged ({cause_text(cause)}; {cause_text(error)})"
            )
            await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def _notify(self, name: str, text: str) -> None:
        policy, now = self._accounts[name].policy, self._shared.clock.now()
        if self._failures[name].count in (1, 3):
            self._shared.notifier.notify(Notice("critical", text, policy.routing.channels, now))

    async def _discard_decisions(self, name: str) -> None:
        """Drop decisions that the database refused, and continue with ids that are free there."""
        memory = self._memories[name]
        memory.backlog.drop_decisions()
        memory.is_known = False
        try:
            next_ids = await self._id_numbers.refresh(self._shared.store, self._shared.clock.now())
        except StoreError as error:
            log.error("account.not_renumbered account=%s cause=%s", name, error)
            return
        if (before := memory.state) is not None:
            memory.state = renumber_alerts(before, next_ids.unknown_alerts, self._shared.ids.next_alert_id)
            self._shared.notifier.renumber(_new_numbers(before, memory.state))

    def drop(self, name: str) -> None:
        """Forget the account, which another daemon may watch from now on: what is left here is out of date."""
        self.services.pop(name, None)
        memory = self._memories[name]
        if memory.state is None and memory.backlog.is_empty:
            return
        if not memory.backlog.is_empty:
            log.warning("account.unwritten account=%s entries=%d", name, len(memory.backlog.entries))
        memory.clear()
        self._failures[name] = AccountFailures()

    def _save_state(self, name: str) -> None:
        watch = self.services.get(name)
        if watch is not None:
            memory = self._memories[name]
            runner = watch.runner
            memory.state, memory.is_known, memory.last_metrics = runner.state, runner.is_known, runner.last_metrics


class _DownListener:
    """The listener of evaluations while the account's own tasks are down."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def on_committed(self, entry: JournalEntry, committed: CommitResult) -> None:
        self._notifier.push(committed.deliveries)

    def on_unrecorded(self, state: AccountState, entry: JournalEntry) -> None:
        send_unrecorded(self._notifier, state, entry)

    def on_step(
        self, state: AccountState, requested_reads: frozenset[str], intervals: Mapping[str, timedelta], reread: bool
    ) -> None:
        """Do nothing: no reads are made while the account is down."""


def _new_numbers(before: AccountState, after: AccountState) -> Mapping[int, int]:
    """Return the new ids of alerts by their old ones."""
    pairs = ((mine, after.alerts.get(key)) for key, mine in before.alerts.items())
    return {mine.id: theirs.id for mine, theirs in pairs if theirs is not None and theirs.id != mine.id}

"""Keeps every account running: one that falls is judged from outside until it is built anew, and people hear of it."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from monitor.core.engine.step import Policy
from monitor.core.model.events import HealthRead, OperatorRead, Tick
from monitor.core.model.intent import Intent
from monitor.core.model.journal import Entry, Notice
from monitor.core.state.account_state import AccountState
from monitor.errors import MonitorError, StoreError, StoreRefused
from monitor.exchange.port import Exchange
from monitor.runtime.account.account_service import AccountWatch, Collaborators, Timetable, live_text, tell_unrecorded
from monitor.runtime.account.backlog import Backlog
from monitor.runtime.account.inbox import Inbox
from monitor.runtime.account.runner import Runner
from monitor.runtime.account.start_state import adopted, carried_on, numbered_anew, remembered
from monitor.runtime.id_numbers import Numbers
from monitor.runtime.messages.notifier import Notifier
from monitor.runtime.orders.executor import LOST_AROUND
from monitor.runtime.orders.intent_recorder import restated
from monitor.store.writes.journal import Committed

log = logging.getLogger(__name__)

RESTART_BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
REFUSED_BACKOFF_S = 5.0
"""The longest pause where the store refused what was decided, though it works."""

UNRECORDED_S = (60.0, 120.0, 300.0, 600.0)
"""How long an account that was refused again after it was built anew goes on unrecorded, before recording is tried."""

STANDS_AFTER_S = 60.0
"""An account that fell twice in a row counts as failing until it has run for so long (machine seconds)."""

LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class WatchedAccount:
    """One account: what to decide by, how often to read, and how to open its exchange session."""

    policy: Policy
    timetable: Timetable
    open_exchange: Callable[[], Exchange]


@dataclass(slots=True)
class Memory:
    """What is in memory of one account, whatever becomes of its tasks. `state` None: it was never begun."""

    backlog: Backlog = field(default_factory=Backlog)
    state: AccountState | None = None
    is_known: bool = False
    """Whether the state rests on what the store knows of the account."""


@dataclass(slots=True)
class _Falls:
    """How often in a row an account fell, why it did last, and when it was last begun.

    `refused`: how often in a row since the store would not have what was decided; `unrecorded_until` (machine
    seconds): until then it goes on without the store.
    """

    count: int = 0
    begun_at: float = 0.0
    cause: str = ""
    refused: int = 0
    unrecorded_until: float = 0.0

    @property
    def is_unrecorded(self) -> bool:
        return time.monotonic() < self.unrecorded_until

    def refuse(self) -> None:
        """The store refused what was decided. Where it did so before, the account built anew from it was no help."""
        now = time.monotonic()
        recorded_s = now - max(self.begun_at, self.unrecorded_until)
        self.refused = 1 if recorded_s > STANDS_AFTER_S else self.refused + 1
        if self.refused > 1:
            self.unrecorded_until = now + UNRECORDED_S[min(self.refused - 1, len(UNRECORDED_S)) - 1]


class Supervisor:
    """A failure costs its own account a moment and nobody else anything."""

    def __init__(
        self,
        accounts: Mapping[str, WatchedAccount],
        shared: Collaborators,
        operator: Callable[[], OperatorRead | None],
        health: Callable[[], HealthRead],
        is_store_known: Callable[[], bool],
        numbers: Numbers,
        memories: Mapping[str, Memory] | None = None,
    ) -> None:
        """`memories` are those of the daemon before this one in the same process."""
        self._accounts = accounts
        self._shared = shared
        self._operator = operator
        self._health = health
        self._is_store_known = is_store_known
        self._numbers = numbers
        earlier = memories or {}
        self._memories = {name: earlier.get(name) or Memory() for name in accounts}
        self._falls = {name: _Falls() for name in accounts}
        self.watches: dict[str, AccountWatch] = {}
        self._connects = 0

    def hand_over(self) -> Mapping[str, Memory]:
        """What whoever comes next has to know, if the store can't tell it; the same objects whenever it is asked."""
        for name in self.watches:
            self._keep_state(name)
        return self._memories

    def is_failing(self, name: str) -> bool:
        """Whether the account is down, or has fallen again and again and not stood for a while since."""
        falls = self._falls[name]
        if not falls.count:
            return False
        watch = self.watches.get(name)
        if watch is None or not watch.has_read:
            return True
        if falls.count > 1 and time.monotonic() - falls.begun_at < STANDS_AFTER_S:
            return True
        falls.count = 0
        return False

    def last_cause(self, name: str) -> str:
        """What made the account fall last; empty where it never fell."""
        return self._falls[name].cause

    async def keep(self, name: str) -> None:
        """Until cancelled."""
        falls = self._falls[name]
        for number in itertools.count():
            falls.begun_at = time.monotonic()
            try:
                watch = await self._begin(name)
                self.watches[name] = watch
                await watch.run()
            except (Exception, ExceptionGroup) as error:
                self._keep_state(name)
                self.watches.pop(name, None)
                ran_s = time.monotonic() - falls.begun_at
                number = falls.count = 1 if ran_s > STANDS_AFTER_S else falls.count + 1
                falls.cause = _named(error)
                pause_s = RESTART_BACKOFF_S[min(number, len(RESTART_BACKOFF_S)) - 1]
                if _was_refused(error):
                    # Watching does not need the store: it goes on soon.
                    pause_s = min(pause_s, REFUSED_BACKOFF_S)
                    falls.refuse()
                    if falls.is_unrecorded:
                        log.error("account.unrecorded account=%s times=%d", name, falls.refused)
                        pause_s = RESTART_BACKOFF_S[0]
                    await self._forget(name)
                log.error(
                    "account.restarting account=%s in_s=%s cause=%s",
                    name,
                    pause_s,
                    falls.cause,
                    exc_info=_unexpected(error),
                )
                await self._stand_in(name, pause_s, error)

    async def adopt(self, anew: bool) -> None:
        """Accounts that began without the store go on from what it knows; all of them if `anew`. Raises StoreError."""
        connects = self._shared.store.connects
        if anew or connects != self._connects:
            for name, watch in list(self.watches.items()):
                if await self._restate(name, watch.orders):
                    watch.reopen_record(self._shared.clock.now() - LOST_AROUND)
            self._connects = connects
        for name, watch in list(self.watches.items()):
            if not anew and (watch.runner.is_known or self._falls[name].is_unrecorded):
                continue
            loaded = await self._shared.store.load(name, self._shared.clock.now())
            if self.watches.get(name) is watch:
                now = self._shared.clock.now()
                before = watch.runner.state
                watch.adopt(partial(adopted, loaded=loaded, policy=self._accounts[name].policy, now=now))
                self._shared.notifier.renumber(_renumbered(before, watch.runner.state))
                log.info("account.adopted account=%s alerts=%d", name, len(loaded.alerts))

    async def _restate(self, name: str, orders: Iterable[Intent]) -> bool:
        """Whether the database had lost what became of orders of the account; they are recorded once more."""
        shared, channels = self._shared, self._accounts[name].policy.audience.channels
        lost = await restated(shared.store, name, orders, channels, shared.clock.now())
        shared.notifier.wake(channels)
        return bool(lost)

    async def _begin(self, name: str) -> AccountWatch:
        account, memory = self._accounts[name], self._memories[name]
        state, is_known = await self._state(name, account.policy)
        memory.state, memory.is_known = state, is_known
        return AccountWatch(
            account.policy, account.open_exchange(), account.timetable, state, self._shared, memory.backlog, is_known
        )

    async def _state(self, name: str, policy: Policy) -> tuple[AccountState, bool]:
        """What to start from, and whether that is what the store knows."""
        memory, shared = self._memories[name], self._shared
        now, health = shared.clock.now(), replace(self._health(), account_failing=self.is_failing(name))
        is_recorded = not self._falls[name].is_unrecorded
        # What waits to be recorded is newer than what the store knows.
        if self._is_store_known() and not shared.store.failing and (memory.backlog.is_empty or not memory.is_known):
            try:
                if memory.state is not None:
                    await self._restate(name, memory.state.intents.values())
                loaded = await shared.store.load(name, now)
            except StoreError as error:
                log.error("account.from_memory account=%s cause=%s", name, error)
            else:
                health = replace(health, store_failing=health.store_failing or not is_recorded)
                state = remembered(loaded, policy, now, self._operator(), health)
                if memory.state is not None and not memory.is_known:
                    earlier = carried_on(memory.state, policy, now, self._operator(), health)
                    state = replace(adopted(earlier, memory.backlog, loaded, policy, now), health=health)
                    shared.notifier.renumber(_renumbered(earlier, state))
                return state, is_recorded
        return carried_on(memory.state, policy, now, self._operator(), health), memory.is_known

    async def _stand_in(self, name: str, pause_s: float, cause: BaseException) -> None:
        """While the account is down its last state is judged on: it ages, and people hear that it does."""
        memory, policy, shared = self._memories[name], self._accounts[name].policy, self._shared
        state = memory.state or carried_on(None, policy, shared.clock.now(), self._operator(), self._health())
        runner = Runner(
            state=state,
            policy=policy,
            store=shared.store,
            clock=shared.clock,
            inbox=Inbox(),
            ids=shared.ids,
            followers=_Outside(shared.notifier),
            live_document=lambda state: live_text(state, policy.settings, shared.clock, shared.version),
            machine_time=time.monotonic,
            backlog=memory.backlog,
            is_known=memory.is_known,
        )
        until = time.monotonic() + pause_s
        try:
            while (left_s := until - time.monotonic()) > 0:
                await runner.handle((replace(self._health(), account_failing=True), Tick()))
                memory.state = runner.state
                await asyncio.sleep(min(LOOK_S, left_s))
        except Exception as error:
            log.exception("account.unjudged account=%s", name)
            await self._tell(name, f"account {name} is down and can't be judged ({_named(cause)}; {_named(error)})")
            await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def _tell(self, name: str, text: str) -> None:
        policy, now = self._accounts[name].policy, self._shared.clock.now()
        if self._falls[name].count in (1, 3):
            self._shared.notifier.say(Notice("critical", text, policy.audience.channels, now))

    async def _forget(self, name: str) -> None:
        """The database knows better what was decided: it is gone on from there, with numbers that are free there."""
        memory = self._memories[name]
        memory.backlog.forget_decided()
        memory.is_known = False
        try:
            first = await self._shared.store.next_ids(self._shared.clock.now())
        except StoreError as error:
            log.error("account.not_renumbered account=%s cause=%s", name, error)
            return
        self._numbers.go_on_from(first)
        if (before := memory.state) is not None:
            memory.state = numbered_anew(before, first.alert_unknown, self._shared.ids.alert)
            self._shared.notifier.renumber(_renumbered(before, memory.state))

    def _keep_state(self, name: str) -> None:
        watch = self.watches.get(name)
        if watch is not None:
            memory = self._memories[name]
            memory.state, memory.is_known = watch.runner.state, watch.runner.is_known


class _Outside:
    """Who has to know what was judged while the account's own tasks are down."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    def committed(self, entry: Entry, committed: Committed) -> None:
        self._notifier.hand(committed.deliveries)

    def unrecorded(self, state: AccountState, entry: Entry) -> None:
        tell_unrecorded(self._notifier, state, entry)

    def stepped(
        self, state: AccountState, wants: frozenset[str], intervals: Mapping[str, timedelta], reread: bool
    ) -> None:
        """Nobody reads for it now."""


def _renumbered(before: AccountState, after: AccountState) -> Mapping[int, int]:
    """The new numbers of alerts, by their old ones."""
    pairs = ((mine, after.alerts.get(key)) for key, mine in before.alerts.items())
    return {mine.id: theirs.id for mine, theirs in pairs if theirs is not None and theirs.id != mine.id}


def _was_refused(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_was_refused(one) for one in error.exceptions)
    return isinstance(error, StoreRefused)


def _named(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return str(error) if isinstance(error, MonitorError) else type(error).__name__


def _unexpected(error: BaseException) -> BaseException | None:
    """The error whose trace belongs in the log: bugs; what a person can mend is one line."""
    return None if isinstance(error, MonitorError) else error

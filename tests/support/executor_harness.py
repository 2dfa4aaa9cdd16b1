"""An executor between a real sandbox and a real database, with the deciding part of the daemon."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Self

from monitor.config.rules.rule_files import parse_rules
from monitor.core.actions.decision import decide
from monitor.core.actions.spec import ActionSpec
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.engine.step import Policy
from monitor.core.metrics.snapshot import Subject, measure_subject
from monitor.core.model.account import Scope
from monitor.core.model.action_blocks import blocked_live_actions
from monitor.core.model.alert import Alert, AlertKey, AlertState, MetricScope
from monitor.core.model.events import (
    CrossRead,
    Event,
    IsolatedRead,
    KeyRead,
    LeverageTiersRead,
    PricesRead,
    ThresholdsRead,
    Tick,
    WalletRead,
)
from monitor.core.model.intent import FINAL_STATES, Intent, IntentState
from monitor.core.model.journal import JournalEntry
from monitor.core.model.reads import TradingRulesRead
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.core.state.scopes import needed_symbols
from monitor.errors import StoreError
from monitor.runtime.orders.executor import Executor
from monitor.sandbox.http.request_log import ReceivedRequest
from monitor.store.store import Store
from tests.support.connected_sandbox import ConnectedSandbox
from tests.support.databases import provide_sqlite_file
from tests.support.timeouts import DEADLINE_FACTOR

MONEY_PATHS = ("/sapi/v1/margin/borrow-repay", "/sapi/v1/asset/transfer", "/sapi/v1/margin/order")
SPEED = 20.0
"""Exchange seconds in a second of the machine."""

WAIT_LIMIT_S = 30.0 * DEADLINE_FACTOR
SAFETY = SafetySettings(settle=timedelta(seconds=5), unresolved_after=timedelta(seconds=60))


def money_requests(world: ConnectedSandbox) -> list[ReceivedRequest]:
    """The orders that the exchange received, carried out or not."""
    return [request for request in world.sandbox.requests if request.method == "POST" and request.path in MONEY_PATHS]


class ExecutorHarness:
    """Decides on every event as the daemon does, commits, and lets the executor act.

    One alert fires from the start, for cross or for one pair, and ends when `is_over` is true (never by default): only
    targets and limits end the actions then.
    """

    def __init__(
        self,
        world: ConnectedSandbox,
        store: Store,
        specs: Sequence[ActionSpec],
        pair: str = "",
        safety: SafetySettings = SAFETY,
    ) -> None:
        self.world = world
        self.store = store
        kind: MetricScope = "isolated" if pair else "cross"
        table = {"name": "near-call", "scope": kind, "when": "margin_level < 9", "actions": [s.name for s in specs]}
        self.policy = Policy(
            settings=AccountSettings(account="main", isolated=(pair,) if pair else ()),
            rules=parse_rules([{**table, "severity": "critical"}], "rig"),
            routing=ChannelRouting(channels=("phone",)),
            actions=tuple(specs),
            safety=safety,
        )
        self.subject: Subject = (kind, pair)
        now = world.clock.now()
        self.alert = Alert(
            1, AlertKey("near-call", "main", kind, pair), AlertState.FIRING, "critical", now, "", "", "", fired_at=now
        )
        self.state = AccountState(account="main", started_at=now, alerts={self.alert.key: self.alert})
        self.is_over: Callable[[AccountState], bool] = lambda _: False
        self.seen: list[Intent] = []
        self.changes: int | None = None
        self._inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._decided = asyncio.Event()
        self._numbers = 0
        self.executor = Executor(
            account="main",
            exchange=world.account,
            store=store,
            clock=world.clock,
            policy=self.policy,
            deliver=self._inbox.put_nowait,
            state=lambda: self.state,
            wake_channels=lambda _: None,
        )

    async def prepare(self) -> Self:
        """Read everything once and load the recorded state, as a daemon that has just started."""
        account, now = self.world.account, self.world.clock.now()
        await account.sync_clock()
        await self.store.recover_interrupted(now, self.policy.routing.channels)
        loaded = await self.store.load_state("main", now)
        if not loaded.alerts:
            await self.store.commit(JournalEntry("main", now, alerts=(self.alert,)))
        self.state = replace(self.state, intents={intent.id: intent for intent in loaded.intents})
        self._numbers = (await self.store.next_ids(now)).intent
        reads: list[Event] = [
            ThresholdsRead(await account.read_thresholds()),
            KeyRead(True, await account.read_key(), now),
        ]
        reads += [
            WalletRead("spot", await account.read_spot_wallet()),
            WalletRead("funding", await account.read_funding_wallet()),
        ]
        if self.subject[1]:
            reads.append(LeverageTiersRead(self.subject[1], await account.read_tiers(self.subject[1])))
        pairs = [self.subject[1]] if self.subject[1] else []
        kinds = {spec.kind for spec in self.policy.actions}
        if "reduce" in kinds:
            assets = frozenset((await account.read_cross()).balances)
            rules = await account.reference_data.read_symbol_rules(assets, pairs)
            reads.append(TradingRulesRead(rules.content, assets, now))
        if "cancel_orders" in kinds:
            reads.append(await account.activity.read_open_orders(Scope(self.subject[1])))
        reads += [PricesRead(await account.read_prices(["BTCUSDT", "ETHUSDT"])), *await self._snapshots()]
        for event in reads:
            self.state = apply_account_event(self.state, event, now)
        return self

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Decide and send until the end of the context. A part that fails ends it."""
        async with asyncio.TaskGroup() as group:
            parts = (self._decide_on_events(), self.executor.run(), self._poll())
            tasks = [group.create_task(part) for part in parts]
            self._inbox.put_nowait(Tick())
            try:
                yield self
            finally:
                for task in tasks:
                    task.cancel()

    async def wait_until(self, holds: Callable[[], object]) -> None:
        """Wait until the condition holds; it is checked at each event. Raises AssertionError after the time-out."""
        try:
            async with asyncio.timeout(WAIT_LIMIT_S):
                while not holds():
                    self._decided.clear()
                    await self._decided.wait()
        except TimeoutError:
            found = [(intent.id, intent.state, intent.evidence) for intent in self.intents]
            raise AssertionError(f"not within {WAIT_LIMIT_S} s: {found}, blocked: {self.state.action_blocks}") from None

    async def wait_until_settled(self, count: int = 1) -> list[Intent]:
        """The intents, once there are at least `count` of them and all are final."""
        await self.wait_until(
            lambda: len(self.state.intents) >= count and all(i.state in FINAL_STATES for i in self.intents)
        )
        return self.intents

    @property
    def intents(self) -> list[Intent]:
        return sorted(self.state.intents.values(), key=lambda intent: intent.id)

    def states_of(self, number: int) -> list[IntentState]:
        """The states of an intent that the decider saw."""
        return [intent.state for intent in self.seen if intent.id == number]

    def live_block_of(self, action: str) -> str:
        """The limit that stops a live action now; "" when none does."""
        return next(
            (limit for (_, name), limit in blocked_live_actions(self.state.action_blocks).items() if name == action), ""
        )

    async def _snapshots(self) -> list[Event]:
        found: list[Event] = [CrossRead(await self.world.account.read_cross())]
        if self.subject[1]:
            found.append(IsolatedRead(await self.world.account.read_isolated()))
        return found

    async def _poll(self) -> None:
        """Read prices, balances and commands, every exchange second or two."""
        while True:
            await self.world.clock.sleep(2)
            with contextlib.suppress(OSError):
                symbols = needed_symbols(self.state, self.policy.settings)
                self._inbox.put_nowait(PricesRead(await self.world.account.read_prices(symbols)))
                for event in await self._snapshots():
                    self._inbox.put_nowait(event)
            with contextlib.suppress(StoreError):
                orders = await self.store.read_commands(self.world.clock.now(), self.changes)
                if orders is not None:
                    self.changes = orders.change_number
                    self._inbox.put_nowait(orders.event)

    async def _decide_on_events(self) -> None:
        while True:
            event = await self._inbox.get()
            now = self.world.clock.now()
            state = apply_account_event(self.state, event, now)
            if self.is_over(state):
                state = replace(state, alerts={})
            figures = {self.subject: measure_subject(state, self.policy.settings, self.subject, now)}
            found = decide(
                state,
                figures,
                self.policy.rules,
                self.policy.actions,
                self.policy.safety,
                self.policy.settings,
                now,
                self._next_number,
            )
            made = {intent.id: intent for intent in found.intents}
            self.state = replace(state, action_blocks=found.blocks, intents={**state.intents, **made})
            self.seen += [i for i in self.state.intents.values() if i not in self.seen]
            if found.intents:
                await self.store.commit(JournalEntry("main", now, intents=found.intents, intent_steps=found.steps))
            self.executor.wake()
            self._decided.set()

    def _next_number(self) -> int:
        number, self._numbers = self._numbers, self._numbers + 1
        return number


def database_url_in(folder: Path) -> str:
    """The URL of the database in `folder`, newly created at the first use."""
    path = folder / "rig.db"
    provide_sqlite_file(path)
    return f"sqlite:///{path}"

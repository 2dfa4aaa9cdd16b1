"""What a run consists of: the exchange, the daemon's lives, the phone that is told, and the owner who meddles."""

import asyncio
import contextlib
import math
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from monitor.app.database import open_commands
from monitor.clock import Clock, SystemClock
from monitor.config.loading import load_config
from monitor.errors import ExitCode, MonitorError
from monitor.records.intents import IntentRow
from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.ledger.ledger import InsufficientBalance
from monitor.sandbox.scenario.scenario import ApiKeySpec
from monitor.sandbox.server import Sandbox
from monitor.store.writes import commands
from tests.campaign import config_variants
from tests.campaign.channel_server import Phone
from tests.campaign.clocks import DaemonClocks
from tests.campaign.config_edits import DELISTED, Delisting, Flaw
from tests.campaign.daemon import DaemonProcess, start_daemon
from tests.campaign.fact_collector import of_exchange, with_database
from tests.campaign.judge.facts import Facts, RefusedConfigFact, RemovalFact, RestoreFact, Span
from tests.campaign.plan import PACE, SPEED, Act, Plan

HOLDS_WITHIN_S = 1.0
"""Machine seconds after which a pause has to hold."""

LEAVES_WITHIN_S = 2.0
"""The same with what an order may still wait for between its last look at it and its way."""

BUGS = ("Traceback", "account.restarting", "channel.restarting")
"""What stands in a log only when something broke that never should."""

MANUAL_COMMANDS: dict[str, tuple[Literal["BUY", "SELL"], Decimal, Decimal]] = {
    "sell order by hand": ("SELL", Decimal(150_000), Decimal("0.2")),
    "buy order by hand": ("BUY", Decimal(20_000), Decimal("0.1")),
}


@dataclass(slots=True)
class CampaignRun:
    """A run under way. `life` is the daemon that acts now, `lost` what databases held that a restore replaced."""

    plan: Plan
    box: Sandbox
    config: Path
    folder: Path
    phone: Phone
    pauses: list[Span] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    lost: tuple[IntentRow, ...] = ()
    restores: list[RestoreFact] = field(default_factory=list)
    removals: list[RemovalFact] = field(default_factory=list)
    refusals: list[RefusedConfigFact] = field(default_factory=list)
    kills: int = 0
    clocks: DaemonClocks = field(init=False)
    began: float = field(default_factory=time.monotonic)
    _paused_since: dict[Literal["command", "file"], int] = field(default_factory=dict)
    _one_order: asyncio.Lock = field(default_factory=asyncio.Lock)
    _lives: list[DaemonProcess] = field(default_factory=list)
    _elsewhere: list[DaemonProcess] = field(default_factory=list)
    _guest: DaemonProcess | None = None
    _guest_takes_over: bool = False
    _intrusions: list[str] = field(default_factory=list)
    _change: Callable[[DaemonProcess], Awaitable[DaemonProcess]] | None = None
    _is_changed: asyncio.Event = field(default_factory=asyncio.Event)
    _refused: list[tuple[ExitCode, float, float]] = field(default_factory=list)
    _later: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.clocks = DaemonClocks.of(self.plan, self.box.timeline, self.folder)

    @property
    def life(self) -> DaemonProcess:
        return self._lives[-1]

    def begin(self) -> DaemonProcess:
        """A new life of the daemon."""
        life = self._begin(self.config, f"log-{len(self._lives) + 1}")
        self._lives.append(life)
        return life

    def begin_elsewhere(self) -> DaemonProcess:
        """A daemon with the same actions, a database of its own and another key of the account; nobody hears it."""
        config = config_variants.of_another_daemon(self.config, self.phone.url)
        life = self._begin(config, "log-elsewhere")
        self._elsewhere.append(life)
        return life

    def _begin(self, config: Path, log: str) -> DaemonProcess:
        return start_daemon(config, self.clocks.settings, self.folder / log, self.clocks.path)

    def stop_daemons(self) -> None:
        """No daemon outlives the run."""
        for task in self._later:
            task.cancel()
        for life in (*self._lives, *self._elsewhere, *([] if self._guest is None else [self._guest])):
            if not life.is_over:
                life.kill()

    async def replace_if_wanted(self, life: DaemonProcess) -> DaemonProcess:
        """The life that goes on: another where the plan wants one now, or where it ended by itself, which it never
        should."""
        if self._change is not None:
            change, self._change = self._change, None
            life = await change(life)
            self._is_changed.set()
            return life
        if not life.is_over:
            return life
        if self._is_refused(life):
            await asyncio.sleep(0.1)
        else:
            self.ends.append(f"life {len(self._lives)} ended by itself with {life.process.exitcode}")
        return self.begin()

    async def changed(self, change: Callable[[DaemonProcess], Awaitable[DaemonProcess]]) -> None:
        """Lets another life take the place of the one that acts; returns once it has."""
        self._is_changed.clear()
        self._change = change
        await self._is_changed.wait()

    async def kill(self, life: DaemonProcess, down_s: float) -> DaemonProcess:
        """The life after a sudden end: that of a second daemon which waits for this, or a new one after a while."""
        self.kills += 1
        life.killed_at = time.monotonic()
        guest = self._guest
        if guest is not None and self._guest_takes_over:
            self._watch_second_daemon()
            self._guest = None
            await asyncio.to_thread(life.kill)
            self._lives.append(guest)
            return guest
        self.stop_second_daemon()
        await asyncio.to_thread(life.kill)
        await self.pass_time(down_s)
        return self.begin()

    def start_second_daemon(self, *, takes_over: bool) -> None:
        """A second daemon on the same database, while the first holds it."""
        if self.life.is_over or self.life.killed_at is not None or not self.life.has_started:
            return
        self._guest, self._guest_takes_over = self._begin(self.config, "log-guest"), takes_over

    def stop_second_daemon(self) -> None:
        if self._guest is not None:
            self._watch_second_daemon()
            self._guest.kill()
            self._guest = None

    def _watch_second_daemon(self) -> None:
        """Whatever it did beyond waiting it did while another held the database."""
        for word in ("daemon.started", "intent.claimed", "exchange.order_sent"):
            if self._guest is not None and self._guest.has_logged(word):
                self._intrusions.append(word)

    def later(self, seconds: float, act: Coroutine[Any, Any, None]) -> None:
        """Does something after a while, if the run still goes on then."""

        async def wait_and_act() -> None:
            await self.pass_time(seconds)
            await act

        self._later.add(asyncio.create_task(wait_and_act()))

    async def finish_later(self) -> None:
        """Waits for all that was to be done later."""
        await asyncio.gather(*self._later)

    async def act_with(self, key: ApiKeySpec) -> None:
        """Gives the daemon this key to act with, by a reload; or from its next start on."""
        config_variants.act_with(self.config, key)
        self.reload()

    def reload(self) -> None:
        """Tells the daemon to load its configuration again, if it runs."""
        if self._lives and self.life.has_started:
            self.life.send(signal.SIGHUP)

    def without_right(self, right: str) -> contextlib.AbstractContextManager[None]:
        """Within it a daemon may refuse to start, where the exchange refuses its key for the lack of that right."""
        return self._may_refuse(ExitCode.KEY_REFUSED) if right in ("reading", "address") else contextlib.nullcontext()

    @contextlib.contextmanager
    def with_flaw(self, flaw: Flaw) -> Iterator[None]:
        """Within it the configuration has a flaw, with which no daemon starts."""
        with self._may_refuse(ExitCode.CONFIG):
            config_variants.add_flaw(self.config, flaw)
            yield
            config_variants.remove_flaw(self.config)

    @contextlib.contextmanager
    def _may_refuse(self, code: ExitCode) -> Iterator[None]:
        """Within it a daemon may end with this code at its start."""
        since = time.monotonic()
        self._refused.append((code, since, math.inf))
        try:
            yield
        finally:
            self._refused.remove((code, since, math.inf))
            self._refused.append((code, since, time.monotonic()))

    def _is_refused(self, life: DaemonProcess) -> bool:
        """Whether it rightly did not start: the exchange refused its key, or its configuration had a flaw."""
        return any(life.process.exitcode == code and life.began < until for code, _, until in self._refused)

    @property
    def now(self) -> datetime:
        """Exchange time."""
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=self.box.timeline.now_ms())

    @property
    def clock(self) -> Clock:
        """The exchange's time, for what people do."""
        line = self.box.timeline.settings
        return SystemClock(datetime.fromtimestamp(line.start, UTC), line.speed, anchor=line.anchor)

    @property
    def age_s(self) -> float:
        return (time.monotonic() - self.began) * PACE

    @property
    def is_active(self) -> bool:
        """Whether things may still go wrong."""
        return self.age_s < self.plan.active_s

    async def pass_time(self, seconds: float) -> None:
        """So many seconds of the run go by."""
        await asyncio.sleep(seconds / PACE)

    async def until_age(self, seconds: float) -> None:
        """Returns at that age, or at the end of the active part."""
        await asyncio.sleep(max(0.0, min(seconds, self.plan.active_s) - self.age_s) / PACE)

    @property
    def pause_file(self) -> Path:
        return self.folder / "paused"

    @property
    def database(self) -> Path:
        return self.folder / "monitor.db"

    async def facts(self) -> Facts:
        """What the run has left behind so far."""
        paused = [Span(since, self.box.timeline.now_ms()) for since in self._paused_since.values()]
        limits = tuple(action.limits for action in self.plan.actions)
        seen = of_exchange(self.box, limits, self.phone.heard)
        found = await asyncio.to_thread(with_database, seen, self.database)
        return replace(
            found,
            pauses=(*self.pauses, *paused),
            grace_ms=int(LEAVES_WITHIN_S * SPEED * PACE * 1000),
            settle_ms=self.plan.settle_s * 1000,
            tells_of_hands=self.plan.default_rules,
            named=dict(self.phone.named),
            lost=self.lost,
            restores=tuple(self.restores),
            removals=tuple(self.removals),
            refusals=tuple(self.refusals),
            delisted=frozenset({DELISTED} if any(isinstance(edit, Delisting) for edit in self.plan.edits) else ()),
            steps=tuple(self.clocks.stepped()),
            suspends=tuple(self.clocks.suspended()),
            ends=tuple(self.ends),
            intrusions=tuple(self._intrusions),
            bugs=tuple(self._bugs()),
        )

    def _bugs(self) -> Iterator[str]:
        for life in (*self._lives, *self._elsewhere):
            for line in life.log.read_text(encoding="utf-8").splitlines() if life.log.exists() else ():
                if any(word in line for word in BUGS):
                    yield f"{life.log.name}: {line[:160]}"

    async def perform(self, act: Act) -> None:
        """Something that a person does."""
        match act:
            case "pause" | "resume":
                await self._order_pause(paused=act == "pause")
            case "pause file":
                self.pause_file.touch()
                holds_from = self.box.timeline.now_ms() + int(HOLDS_WITHIN_S * SPEED * PACE * 1000)
                self._paused_since.setdefault("file", holds_from)
            case "no pause file":
                self._resumed("file")
                self.pause_file.unlink(missing_ok=True)
            case "repay by hand":
                with contextlib.suppress(SimApiError, InsufficientBalance):
                    self.box.user_actions.repay("main", "USDT", Decimal(100))
            case "deposit":
                self.box.user_actions.deposit("main", "USDT", Decimal(500), "spot")
            case "charge interest":
                self.box.user_actions.charge_interest()
            case "sell order by hand" | "buy order by hand":
                # Far from the market: it only locks what it would give.
                side, price, quantity = MANUAL_COMMANDS[act]
                with contextlib.suppress(SimApiError, InsufficientBalance):
                    self.box.user_actions.place("main", "BTCUSDT", side, price, quantity)

    async def _order_pause(self, *, paused: bool) -> None:
        async with self._one_order:
            if not paused:
                self._resumed("command")
            if not paused:
                await asyncio.to_thread(self._order, commands.resume_actions, "campaign", self.now)
            elif await asyncio.to_thread(self._order, commands.set_paused, paused, "campaign", self.now):
                self._paused_since.setdefault("command", self.box.timeline.now_ms())

    def note_paused(self, paused: bool) -> None:
        """Whether people's commands have actions paused was decided elsewhere."""
        self._resumed("command")
        if paused:
            self._paused_since["command"] = self.box.timeline.now_ms()

    def _resumed(self, by: Literal["command", "file"]) -> None:
        since = self._paused_since.pop(by, None)
        if since is not None:
            self.pauses.append(Span(since, self.box.timeline.now_ms()))

    def _order(self, order: Any, *given: Any) -> bool:
        """Whether it was taken: the database may be not there yet, or the order too late."""
        with contextlib.suppress(MonitorError), open_commands(load_config(self.config, {})) as store:
            store.execute(order, *given)
            return True
        return False

    async def answer_proposals(self) -> None:
        """The owner decides what is laid before him, one way or the other, without end."""
        answers = list(self.plan.answers)
        known: set[int] = set()
        while True:
            await asyncio.sleep(0.15)
            for number in await asyncio.to_thread(self._proposed):
                if number not in known and answers:
                    known.add(number)
                    await asyncio.to_thread(
                        self._order, commands.decide_proposal, number, answers.pop(), "campaign", self.now
                    )

    def _proposed(self) -> list[int]:
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
                return [row[0] for row in database.execute("SELECT id FROM intents WHERE state = 'PROPOSED'")]
        except sqlite3.Error:
            return []

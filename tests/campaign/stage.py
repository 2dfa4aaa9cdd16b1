"""What a run consists of: the exchange, the daemon's lives, the phone that is told, and the owner who meddles."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from aiohttp import web

from monitor import app
from monitor.config.loading import load_config
from monitor.errors import MonitorError
from monitor.sandbox.ledger import Overdrawn
from monitor.sandbox.refusal import Refusal
from monitor.sandbox.server import Sandbox
from monitor.store import operator
from tests.campaign.collect import of_exchange, with_database
from tests.campaign.daemon import Life, begin
from tests.campaign.facts import Facts, Span
from tests.campaign.plan import SPEED, Act, Plan

HOLDS_WITHIN_S = 1.0
"""Machine seconds after which a pause has to hold."""

BUGS = ("Traceback", "account.restarting", "channel.restarting")
"""What stands in a log only when something broke that never should."""

ORDERS_BY_HAND: dict[str, tuple[Literal["BUY", "SELL"], Decimal, Decimal]] = {
    "sell order by hand": ("SELL", Decimal(150_000), Decimal("0.2")),
    "buy order by hand": ("BUY", Decimal(20_000), Decimal("0.1")),
}


@dataclass(slots=True)
class Phone:
    """The channel's other end. `answers` are used up one a message (0: cut off); after that it takes everything."""

    answers: list[int]
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        try:
            said = await request.json()
        except ConnectionResetError:
            # Killed in the middle of what it said: nothing was heard.
            return web.Response()
        answer = self.answers.pop(0) if self.answers else 204
        if answer == 204:
            self.heard.append(said)
        if answer == 0:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=answer)


@dataclass(slots=True)
class Run:
    """A run under way."""

    plan: Plan
    box: Sandbox
    config: Path
    folder: Path
    phone: Phone
    pauses: list[Span] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    kills: int = 0
    began: float = field(default_factory=time.monotonic)
    _paused_since: int | None = None
    _lives: list[Life] = field(default_factory=list)

    def begin(self) -> Life:
        """A new life of the daemon."""
        life = begin(self.config, self.box.timeline.settings, self.folder / f"log-{len(self._lives) + 1}")
        self._lives.append(life)
        return life

    def lay_down(self) -> None:
        """No daemon outlives the run."""
        for life in self._lives:
            if not life.is_over:
                life.kill()

    def alive(self, life: Life) -> Life:
        """The same life, or a new one where it ended by itself, which it never should."""
        if not life.is_over:
            return life
        self.ends.append(f"life {len(self._lives)} ended by itself with {life.process.exitcode}")
        return self.begin()

    @property
    def now(self) -> datetime:
        """Exchange time."""
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=self.box.timeline.now_ms())

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began

    @property
    def pause_file(self) -> Path:
        return self.folder / "paused"

    async def facts(self) -> Facts:
        """What the run has left behind so far."""
        paused = [] if self._paused_since is None else [Span(self._paused_since, self.box.timeline.now_ms())]
        limits = tuple(action.limits for action in self.plan.actions)
        seen = of_exchange(self.box, limits, self.phone.heard)
        found = await asyncio.to_thread(with_database, seen, self.folder / "monitor.db")
        return replace(
            found,
            pauses=(*self.pauses, *paused),
            grace_ms=int(HOLDS_WITHIN_S * SPEED * 1000),
            ends=tuple(self.ends),
            bugs=tuple(self._bugs()),
        )

    def _bugs(self) -> Iterator[str]:
        for life in self._lives:
            for line in life.log.read_text(encoding="utf-8").splitlines() if life.log.exists() else ():
                if any(word in line for word in BUGS):
                    yield f"{life.log.name}: {line[:160]}"

    async def do(self, act: Act) -> None:
        """Something that a person does."""
        match act:
            case "pause" | "resume":
                await self._order_pause(paused=act == "pause")
            case "pause file":
                self.pause_file.touch()
                self._paused_since = self.box.timeline.now_ms() + int(HOLDS_WITHIN_S * SPEED * 1000)
            case "no pause file":
                self._resumed()
                self.pause_file.unlink(missing_ok=True)
            case "repay by hand":
                with contextlib.suppress(Refusal, Overdrawn):
                    self.box.hand.repay("main", "USDT", Decimal(100))
            case "deposit":
                self.box.hand.deposit("main", "USDT", Decimal(500), "spot")
            case "charge interest":
                self.box.hand.charge_interest()
            case "sell order by hand" | "buy order by hand":
                # Far from the market: it only locks what it would give.
                side, price, quantity = ORDERS_BY_HAND[act]
                with contextlib.suppress(Refusal, Overdrawn):
                    self.box.hand.place("main", "BTCUSDT", side, price, quantity)

    async def _order_pause(self, *, paused: bool) -> None:
        if not paused:
            self._resumed()
        is_ordered = await asyncio.to_thread(self._order, operator.pause, paused, "campaign", self.now)
        if paused and is_ordered and self._paused_since is None:
            self._paused_since = self.box.timeline.now_ms()

    def _resumed(self) -> None:
        if self._paused_since is not None:
            self.pauses.append(Span(self._paused_since, self.box.timeline.now_ms()))
            self._paused_since = None

    def _order(self, order: Any, *given: Any) -> bool:
        """Whether it was taken: the database may be not there yet, or the order too late."""
        with contextlib.suppress(MonitorError), app.open_operator(load_config(self.config, {})) as store:
            store.order(order, *given)
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
                    await asyncio.to_thread(self._order, operator.decide, number, answers.pop(), "campaign", self.now)

    def _proposed(self) -> list[int]:
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.folder}/monitor.db?mode=ro", uri=True)) as database:
                return [row[0] for row in database.execute("SELECT id FROM intents WHERE state = 'PROPOSED'")]
        except sqlite3.Error:
            return []


@contextlib.asynccontextmanager
async def listening(phone: Phone) -> AsyncIterator[tuple[Phone, str]]:
    """The phone and the address at which it is reached."""
    application = web.Application()
    application.router.add_post("/", phone.receive)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield phone, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()

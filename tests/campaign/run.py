"""One seed, played: the sandbox here, the daemon as a process that is killed and started again; at the end the judge."""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from monitor import app
from monitor.config.loading import load_config
from monitor.errors import MonitorError
from monitor.sandbox.faults import Fault
from monitor.sandbox.ledger import Overdrawn
from monitor.sandbox.refusal import Refusal
from monitor.sandbox.server import Sandbox
from monitor.store import operator
from tests.campaign.collect import collect
from tests.campaign.daemon import Life, begin
from tests.campaign.facts import Facts, Span
from tests.campaign.judge import Violation, judge, moves
from tests.campaign.plan import SPEED, Act, Kill, Plan, Timed, plan_of
from tests.support.daemon import write_config
from tests.support.sandbox import sandbox

SETTLES_WITHIN_S = 25.0
STOPS_WITHIN_S = 15.0
HOLDS_WITHIN_S = 1.0
"""Machine seconds after which a pause has to hold."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed. `story` is what happened, in figures."""

    seed: int
    seconds: float
    violations: tuple[Violation, ...]
    story: dict[str, int]


@dataclass(slots=True)
class Phone:
    """The channel's other end. `answers` are used up one a message (0: cut off); after that it takes everything."""

    answers: list[int]
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        said = await request.json()
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

    def facts(self) -> Facts:
        """What the run has left behind so far."""
        paused = [] if self._paused_since is None else [Span(self._paused_since, self.box.timeline.now_ms())]
        limits = tuple(action.limits for action in self.plan.actions)
        found = collect(self.box, self.folder / "monitor.db", limits, self.phone.heard)
        return replace(
            found,
            pauses=(*self.pauses, *paused),
            grace_ms=int(HOLDS_WITHIN_S * SPEED * 1000),
            ends=tuple(self.ends),
        )

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


def play(seed: int, folder: Path) -> Outcome:
    """The seed from its beginning to its verdict. Everything that it leaves behind is in `folder`."""
    return asyncio.run(_play(plan_of(seed), folder))


def judged(seed: int) -> Outcome:
    """Plays a seed in a folder of its own. What a clean one leaves behind is removed."""
    folder = Path(tempfile.mkdtemp(prefix=f"campaign-{seed}-"))
    outcome = play(seed, folder)
    if not outcome.violations:
        shutil.rmtree(folder)
    return outcome


async def _play(plan: Plan, folder: Path) -> Outcome:
    async with _listening(Phone(list(plan.sink))) as (phone, url), sandbox(plan.scenario, speed=SPEED) as running:
        more = "\n\n".join(
            [
                f'{plan.safety}pause_file = "{folder}/paused"',
                *("[[actions]]\n" + "\n".join(action.lines) for action in plan.actions),
                plan.rules,
            ]
        )
        config = write_config(
            folder,
            running.ready,
            channels={"phone": url},
            schedule=plan.schedule,
            first=f"default_rules = {str(plan.default_rules).lower()}",
            more=more,
        )
        run = Run(plan, running.sandbox, config, folder, phone)
        events = [asyncio.create_task(_befall(run)), asyncio.create_task(run.answer_proposals())]
        try:
            life = await _live_and_die(run)
            await events[0]
            await _settle(run, life)
        finally:
            for task in events:
                task.cancel()
            await asyncio.gather(*events, return_exceptions=True)
            run.lay_down()
        facts = await asyncio.to_thread(run.facts)
    return Outcome(plan.seed, run.age_s, tuple(judge(facts)), _story(run, facts))


async def _live_and_die(run: Run) -> Life:
    """Life after life, each ended as the plan says; the one that remains."""
    life = run.begin()
    for kill in run.plan.kills:
        life = await _until(run, life, kill)
        if run.age_s >= run.plan.active_s:
            return life
        await asyncio.to_thread(life.kill)
        run.kills += 1
        await asyncio.sleep(kill.down_s)
        life = run.begin()
    while run.age_s < run.plan.active_s:
        life = run.alive(life)
        await asyncio.sleep(0.05)
    return life


async def _until(run: Run, life: Life, kill: Kill) -> Life:
    """The life that is to be ended, at the instant at which it is, or at the end of the active part."""
    began, orders = time.monotonic(), _orders(run.box)
    while run.age_s < run.plan.active_s:
        living = run.alive(life)
        if living is not life:
            began, life = time.monotonic(), living
        is_due = {
            "time": time.monotonic() - began >= kill.after_s,
            "asked": _orders(run.box) >= orders + kill.nth,
            "log": _lines(life.log, kill.word) >= kill.nth,
        }[kill.trigger]
        if is_due:
            await asyncio.sleep(kill.jitter_s)
            break
        await asyncio.sleep(0.002)
    return life


async def _befall(run: Run) -> None:
    """Faults and people's doings, each at its time."""
    for each in run.plan.timed:
        await asyncio.sleep(max(0.0, each.at_s - run.age_s))
        await _strike(run, each)


async def _strike(run: Run, each: Timed) -> None:
    if isinstance(each.what, Fault):
        run.box.add_fault(each.what)
    else:
        await run.do(each.what)


async def _settle(run: Run, life: Life) -> None:
    """Nothing goes wrong any more: everything is to come to its end, and then the daemon to its own."""
    run.box.clear_faults()
    run.phone.answers.clear()
    await run.do("no pause file")
    await run.do("resume")
    if run.plan.recovers:
        run.box.hand.set_price("BTCUSDT", Decimal(90_000))
    life = await _until_clean(run, life, lambda: not _is_late(run.box))
    await run.do("pause")
    life = await _until_clean(run, life, lambda: True)
    life.stop()
    await asyncio.to_thread(life.process.join, STOPS_WITHIN_S)
    if life.process.exitcode != 0:
        run.ends.append(f"asked to stop it ended with {life.process.exitcode}")
        life.kill()


async def _until_clean(run: Run, life: Life, holds: Callable[[], bool]) -> Life:
    deadline = time.monotonic() + SETTLES_WITHIN_S
    while time.monotonic() < deadline:
        life = run.alive(life)
        if holds() and not judge(await asyncio.to_thread(run.facts)):
            break
        await asyncio.sleep(0.1)
    return life


def _orders(box: Sandbox) -> int:
    return sum(moves(one.method, one.path) for one in box.requests)


def _is_late(box: Sandbox) -> bool:
    """Whether something that was cut off is still to be carried out."""
    return any(one.fault == "apply_late" and not one.applied and not one.code for one in box.requests)


def _lines(log: Path, word: str) -> int:
    try:
        return log.read_text(encoding="utf-8").count(word)
    except OSError:
        return 0


def _story(run: Run, facts: Facts) -> dict[str, int]:
    return {
        "kills": run.kills,
        "sent": sum(one.wish is not None for one in facts.requests),
        "executed": len(facts.executions),
        "intents": len(facts.intents),
        "critical": sum(alert.fired and alert.severity == "critical" for alert in facts.alerts),
        "heard": len(run.phone.heard),
        "pauses": len(facts.pauses),
    }


@contextlib.asynccontextmanager
async def _listening(phone: Phone) -> AsyncIterator[tuple[Phone, str]]:
    application = web.Application()
    application.router.add_post("/", phone.receive)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield phone, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def as_line(outcome: Outcome) -> str:
    """One line of the file of results."""
    found = [str(violation) for violation in outcome.violations]
    return json.dumps(
        {"seed": outcome.seed, "seconds": round(outcome.seconds, 2), "violations": found, **outcome.story}
    )

"""Keeping one stream up: connect, announce, replace before the day is over, reconnect with growing patience."""

import asyncio
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from monitor.clock import Clock
from monitor.core.model.events import Event, StreamAlive, StreamChanged, StreamName
from monitor.errors import ExchangeError
from monitor.exchange.binance.streams.async_waits import sleep_or
from monitor.exchange.binance.streams.stream_limits import Guards
from monitor.exchange.binance.streams.websocket import LinkLost

log = logging.getLogger(__name__)

_TOLD_EVERY_S = 1.0
_SETTLED_S = 60.0
_IDLE_BEAT_S = 10.0


class Line(ABC):
    """One connection of a stream, from opening to loss."""

    def __init__(self, pulse: "Pulse") -> None:
        self.pulse = pulse
        self.ready = asyncio.Event()
        """Set once it carries what is wanted, or what of it can be had, and something came: data, or an answer."""
        self.retire = asyncio.Event()
        """Set when it should be replaced while it still works."""
        self.changed: Callable[[], None] | None = None
        """Called when the subscriptions of the line that serves changed."""
        self.is_leaving = False

    @property
    @abstractmethod
    def subscriptions(self) -> tuple[str, ...]:
        """What it carries now."""

    @property
    @abstractmethod
    def missing(self) -> str:
        """Why something wanted is not carried; empty when all is."""

    @abstractmethod
    async def run(self) -> None:
        """Open and serve until lost: raises LinkLost or ExchangeError.

        Where nothing is wanted it is ready without a connection, and returns when something is.
        """

    async def idle(self, change: asyncio.Event) -> None:
        """Be ready without a connection until wishes change: where nothing is wanted, nothing is missed."""
        self.ready.set()
        while not change.is_set():
            self.pulse.beat()
            await sleep_or(self.pulse.clock, _IDLE_BEAT_S, change)

    def leave(self) -> None:
        """Another line serves from now on: events are still handed on, but nothing is said of this line any more."""
        self.changed, self.is_leaving = None, True
        self.pulse.stop()


@dataclass(frozen=True, slots=True)
class Announcer:
    """Tells the owner of a stream's life."""

    account: str
    stream: StreamName
    clock: Clock
    deliver: Callable[[Event], None]

    def tell(self, *, connected: bool, subscriptions: tuple[str, ...], reason: str) -> None:
        """A change of state."""
        level = logging.INFO if connected else logging.WARNING
        log.log(
            level,
            "stream.changed account=%s stream=%s connected=%s subscriptions=%d reason=%r",
            self.account,
            self.stream,
            connected,
            len(subscriptions),
            reason,
        )
        self.deliver(StreamChanged(self.stream, connected, subscriptions, self.clock.now(), reason))


class Pulse:
    """Says that a stream is alive, at most once in an exchange second."""

    def __init__(self, stream: StreamName, clock: Clock, deliver: Callable[[Event], None]) -> None:
        self.clock = clock
        self._stream = stream
        self._deliver = deliver
        self._told_s = -math.inf
        self._stopped = False

    def stop(self) -> None:
        """Say nothing any more."""
        self._stopped = True

    def beat(self) -> None:
        """A frame or ping arrived."""
        if self._stopped:
            return
        elapsed_s = self.clock.elapsed_s()
        if elapsed_s - self._told_s >= _TOLD_EVERY_S:
            self._told_s = elapsed_s
            self._deliver(StreamAlive(self._stream, self.clock.now()))


async def keep_up(open_line: Callable[[], Line], announcer: Announcer, guards: Guards) -> None:
    """Serve the stream by one line after another until cancelled.

    A line that should retire is replaced first and closed after, some wall seconds later, since what the
    exchange sent before the new one listened may be under way. Every loss and every connection is announced.
    """
    keeper = _Keeper(announcer, guards)
    try:
        await keeper.one_more(open_line())
        while guards.reconnects:
            await keeper.one_more(open_line())
        await asyncio.Event().wait()
    finally:
        await keeper.close()


class _Keeper:
    """The line that serves, if one does, those that were replaced, and how often in a row the last ones failed."""

    def __init__(self, announcer: Announcer, guards: Guards) -> None:
        self._announcer = announcer
        self._clock = announcer.clock
        self._guards = guards
        self._serving: _Serving | None = None
        self._leaving: set[asyncio.Task[str]] = set()
        self._failures = 0
        self._told_down = False

    async def one_more(self, line: Line) -> None:
        """Open the line; serve by it until it is lost or should be replaced; rest after a failure."""
        candidate = _Serving(line, asyncio.create_task(line.run()), self._clock.elapsed_s())
        try:
            why = await self._until_ready(candidate)
        except BaseException:
            await candidate.stop()
            raise
        if why is not None:
            self._down(why)
            await self._rest()
            return
        self._replace(candidate)
        why = await candidate.until_over()
        settled = self._clock.elapsed_s() - candidate.since > _SETTLED_S
        if settled:
            self._failures = 0
        if why is not None:
            self._serving = None
            self._down(why)
            if not candidate.ended:
                await self._rest()
        elif not settled:
            # Asked to go so soon: a server that says so to everybody is not asked again at once.
            await self._rest()

    async def close(self) -> None:
        """Stop every line."""
        serving, self._serving = self._serving, None
        for task in self._leaving:
            task.cancel()
        if serving is not None:
            await serving.stop()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    async def _until_ready(self, candidate: "_Serving") -> str | None:
        """None once ready; why when it was lost before. The loss of the line that serves is told when it happens."""
        opened = asyncio.create_task(candidate.until_ready())
        try:
            while not opened.done():
                serving = [self._serving.task] if self._serving is not None else []
                await asyncio.wait([opened, *serving], return_when=asyncio.FIRST_COMPLETED)
                self._bury()
            return opened.result()
        finally:
            opened.cancel()

    def _replace(self, candidate: "_Serving") -> None:
        replaced, self._serving = self._serving, candidate
        self._told_down = False
        _promote(candidate.line, self._announcer)
        if replaced is not None:
            leaving = asyncio.create_task(replaced.leave(self._guards.overlap_s))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def _bury(self) -> None:
        """Note that the serving line was lost meanwhile."""
        if self._serving is not None and self._serving.task.done():
            serving, self._serving = self._serving, None
            self._down(serving.why())

    def _down(self, why: str) -> None:
        if self._serving is None and not self._told_down:
            self._told_down = True
            self._announcer.tell(connected=False, subscriptions=(), reason=why)

    async def _rest(self) -> None:
        self._failures += 1
        rest = asyncio.create_task(self._clock.sleep(self._guards.rest_s(self._failures)))
        try:
            await asyncio.wait(
                [rest, self._serving.task] if self._serving is not None else [rest],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            rest.cancel()
        self._bury()


@dataclass(slots=True)
class _Serving:
    """A line and the task that runs it."""

    line: Line
    task: "asyncio.Task[None]"
    since: float

    @property
    def ended(self) -> bool:
        """Whether it ended by itself, having nothing more to do."""
        return self.task.done() and not self.task.cancelled() and self.task.exception() is None

    async def until_ready(self) -> str | None:
        """None once ready; why when it was lost before."""
        return await self._until(self.line.ready)

    async def until_over(self) -> str | None:
        """None when it should be replaced; why when it is lost."""
        return await self._until(self.line.retire)

    async def leave(self, overlap_s: float) -> str:
        """Let it go on listening for a while, then close it; why it was lost, if it was."""
        self.line.leave()
        try:
            await asyncio.wait([self.task], timeout=overlap_s)
        finally:
            await self.stop()
        return self.why()

    async def stop(self) -> None:
        """Close it."""
        self.line.leave()
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _until(self, event: asyncio.Event) -> str | None:
        waiting = asyncio.create_task(event.wait())
        try:
            await asyncio.wait([self.task, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        return self.why() if self.task.done() else None

    def why(self) -> str:
        """Why it was lost. Raises what no line should."""
        if self.task.cancelled():
            return "stopped"
        match self.task.exception():
            case None:
                return "something to carry at last"
            case LinkLost() as lost:
                return str(lost)
            case ExchangeError() as error:
                return f"{error.code} {error.venue_code}" if error.venue_code is not None else error.code
            case error:
                raise error


def _promote(line: Line, announcer: Announcer) -> None:
    def tell() -> None:
        announcer.tell(connected=not line.missing, subscriptions=line.subscriptions, reason=line.missing)

    line.changed = tell
    tell()

"""Supervision of one stream: connect, report, replace before 24 hours, reconnect with back-off."""

import asyncio
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from monitor.clock import Clock
from monitor.core.model.events import Event, StreamAlive, StreamChanged
from monitor.core.model.stream_payloads import StreamName
from monitor.errors import ExchangeError
from monitor.exchange.binance.streams.async_waits import sleep_or_event
from monitor.exchange.binance.streams.stream_limits import StreamLimits
from monitor.exchange.binance.streams.websocket import ConnectionLost

log = logging.getLogger(__name__)

STABLE_AFTER_S = 60.0
"""Exchange seconds after which what runs counts as stable: a failure then is the first one again."""

_REPORT_EVERY_S = 1.0
_IDLE_REPORT_S = 10.0


class StreamConnection(ABC):
    """One connection of a stream, from opening to loss."""

    def __init__(self, liveness: "LivenessReporter") -> None:
        self.liveness = liveness
        self.ready = asyncio.Event()
        """Set once the connection carries what is wanted and can be had, and has brought data or an answer."""
        self.replace_soon = asyncio.Event()
        """Set when the connection should be replaced while it still works."""
        self.on_change: Callable[[], None] | None = None
        """Called when the subscriptions of the active connection changed."""
        self.is_leaving = False

    @property
    @abstractmethod
    def subscriptions(self) -> tuple[str, ...]:
        """Subscriptions that the connection carries now."""

    @property
    @abstractmethod
    def missing(self) -> str:
        """Reason why a wanted subscription is missing; empty when none is."""

    @abstractmethod
    async def run(self) -> None:
        """Open and serve until lost: raises ConnectionLost or ExchangeError.

        Where nothing is wanted the connection is ready without a socket, and returns when something is wanted.
        """

    async def idle(self, change: asyncio.Event) -> None:
        """Be ready without a socket until wishes change: where nothing is wanted, nothing is missed."""
        self.ready.set()
        while not change.is_set():
            self.liveness.touch()
            await sleep_or_event(self.liveness.clock, _IDLE_REPORT_S, change)

    def detach(self) -> None:
        """Stop all reports on this connection, which another one replaces; its events are still delivered."""
        self.on_change, self.is_leaving = None, True
        self.liveness.stop()


class StatusListener(Protocol):
    """Receiver of a stream's status. `clock` is the one that the stream is timed by."""

    @property
    def clock(self) -> Clock: ...

    def report_active(self, connection: StreamConnection) -> None:
        """Report that the connection serves now, or that its subscriptions changed."""

    def report_down(self, reason: str) -> None:
        """Report that no connection serves."""


@dataclass(frozen=True, slots=True)
class StatusReporter:
    """Reporter of a stream's status to its owner."""

    account: str
    stream: StreamName
    clock: Clock
    deliver: Callable[[Event], None]

    def report(self, *, connected: bool, subscriptions: tuple[str, ...], reason: str) -> None:
        """Report a change of status."""
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

    def report_active(self, connection: StreamConnection) -> None:
        """Report what the connection carries now."""
        self.report(connected=not connection.missing, subscriptions=connection.subscriptions, reason=connection.missing)

    def report_down(self, reason: str) -> None:
        """Report that no connection serves."""
        self.report(connected=False, subscriptions=(), reason=reason)


class LivenessReporter:
    """Reporter of a stream's life, at most once in an exchange second."""

    def __init__(self, stream: StreamName, clock: Clock, deliver: Callable[[Event], None]) -> None:
        self.clock = clock
        self._stream = stream
        self._deliver = deliver
        self._reported_s = -math.inf
        self._stopped = False

    def stop(self) -> None:
        """Stop reporting."""
        self._stopped = True

    def touch(self) -> None:
        """Report that a frame or ping arrived."""
        if self._stopped:
            return
        elapsed_s = self.clock.elapsed_s()
        if elapsed_s - self._reported_s >= _REPORT_EVERY_S:
            self._reported_s = elapsed_s
            self._deliver(StreamAlive(self._stream, self.clock.now()))


async def supervise(
    open_connection: Callable[[], StreamConnection], listener: StatusListener, limits: StreamLimits
) -> None:
    """Serve the stream by one connection after another until cancelled.

    A connection due for replacement is replaced first and closed some wall seconds later, since events that the
    exchange sent before the new one subscribed may be under way. Every loss and every connection is reported.
    """
    supervisor = _Supervisor(listener, limits)
    try:
        await supervisor.run_once(open_connection())
        while limits.reconnects:
            await supervisor.run_once(open_connection())
        await asyncio.Event().wait()
    finally:
        await supervisor.close()


class _Supervisor:
    """The active connection, if there is one, the replaced ones, and the number of failures in a row."""

    def __init__(self, listener: StatusListener, limits: StreamLimits) -> None:
        self._listener = listener
        self._clock = listener.clock
        self._limits = limits
        self._active: _Active | None = None
        self._leaving: set[asyncio.Task[str]] = set()
        self._failures = 0
        self._reported_down = False

    async def run_once(self, connection: StreamConnection) -> None:
        """Open the connection; serve by it until it is lost or should be replaced; back off after a failure."""
        candidate = _Active(connection, asyncio.create_task(connection.run()), self._clock.elapsed_s())
        try:
            reason = await self._until_ready(candidate)
        except BaseException:
            await candidate.stop()
            raise
        if reason is not None:
            self._report_down(reason)
            await self._back_off()
            return
        self._switch_to(candidate)
        reason = await candidate.until_replaced_or_lost()
        was_stable = self._clock.elapsed_s() - candidate.started_at > STABLE_AFTER_S
        if was_stable:
            self._failures = 0
        if reason is not None:
            self._active = None
            self._report_down(reason)
            if not candidate.has_ended:
                await self._back_off()
        elif not was_stable:
            # Replaced so soon: a server that asks this of every connection is not opened again at once.
            await self._back_off()

    async def close(self) -> None:
        """Stop every connection."""
        serving, self._active = self._active, None
        for task in self._leaving:
            task.cancel()
        if serving is not None:
            await serving.stop()
        await asyncio.gather(*self._leaving, return_exceptions=True)

    async def _until_ready(self, candidate: "_Active") -> str | None:
        """Return None once ready, the reason when lost before. Meanwhile report a loss of the active connection."""
        opened = asyncio.create_task(candidate.until_ready())
        try:
            while not opened.done():
                serving = [self._active.task] if self._active is not None else []
                await asyncio.wait([opened, *serving], return_when=asyncio.FIRST_COMPLETED)
                self._note_loss()
            return opened.result()
        finally:
            opened.cancel()

    def _switch_to(self, candidate: "_Active") -> None:
        replaced, self._active = self._active, candidate
        self._reported_down = False
        _activate(candidate.connection, self._listener)
        if replaced is not None:
            leaving = asyncio.create_task(replaced.drain(self._limits.overlap_s))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    def _note_loss(self) -> None:
        """Note that the active connection was lost meanwhile."""
        if self._active is not None and self._active.task.done():
            lost, self._active = self._active, None
            self._report_down(lost.loss_reason())

    def _report_down(self, reason: str) -> None:
        if self._active is None and not self._reported_down:
            self._reported_down = True
            self._listener.report_down(reason)

    async def _back_off(self) -> None:
        self._failures += 1
        rest = asyncio.create_task(self._clock.sleep(self._limits.backoff_s(self._failures)))
        try:
            await asyncio.wait(
                [rest, self._active.task] if self._active is not None else [rest],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            rest.cancel()
        self._note_loss()


@dataclass(slots=True)
class _Active:
    """A connection and the task that runs it."""

    connection: StreamConnection
    task: "asyncio.Task[None]"
    started_at: float

    @property
    def has_ended(self) -> bool:
        """True if the task ended by itself, having nothing more to do."""
        return self.task.done() and not self.task.cancelled() and self.task.exception() is None

    async def until_ready(self) -> str | None:
        """Return None once the connection is ready, the reason when it was lost before."""
        return await self._until(self.connection.ready)

    async def until_replaced_or_lost(self) -> str | None:
        """Return None when the connection should be replaced, the reason when it is lost."""
        return await self._until(self.connection.replace_soon)

    async def drain(self, overlap_s: float) -> str:
        """Let the connection receive for a while, then close it. Return why it was lost, if it was."""
        self.connection.detach()
        try:
            await asyncio.wait([self.task], timeout=overlap_s)
        finally:
            await self.stop()
        return self.loss_reason()

    async def stop(self) -> None:
        """Close the connection."""
        self.connection.detach()
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _until(self, event: asyncio.Event) -> str | None:
        waiting = asyncio.create_task(event.wait())
        try:
            await asyncio.wait([self.task, waiting], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        return self.loss_reason() if self.task.done() else None

    def loss_reason(self) -> str:
        """Return why the connection was lost. Raises an exception that no connection should raise."""
        if self.task.cancelled():
            return "stopped"
        match self.task.exception():
            case None:
                return "something to carry at last"
            case ConnectionLost() as lost:
                return str(lost)
            case ExchangeError() as error:
                return f"{error.code} {error.venue_code}" if error.venue_code is not None else error.code
            case error:
                raise error


def _activate(connection: StreamConnection, listener: StatusListener) -> None:
    connection.on_change = lambda: listener.report_active(connection)
    listener.report_active(connection)

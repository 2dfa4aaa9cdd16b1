"""Log lines written by a thread, so that a stalled reader blocks nothing."""

import os
import queue
import threading
import time
from collections.abc import Callable

MAX_QUEUED_LINES = 10_000
"""Limit of queued lines; further ones are counted instead of kept."""

DRAIN_TIMEOUT_S = 1.0
"""Machine seconds that the exit waits for unwritten lines."""


class BackgroundWriter:
    """A text stream onto a file descriptor whose `write` never blocks.

    Lines that find the queue full are dropped and counted; the count is written, as a line of its own made by
    `describe_loss`, as soon as there is room. A descriptor that is closed or whose reader is gone ends the writing.
    """

    def __init__(
        self, descriptor: int, describe_loss: Callable[[int], str], max_waiting: int = MAX_QUEUED_LINES
    ) -> None:
        self._descriptor = descriptor
        self._describe_loss = describe_loss
        self._waiting: queue.Queue[str] = queue.Queue(max_waiting)
        self._lost = 0
        self._lock = threading.Lock()
        # A daemon thread: one that hangs in a write can't be joined, and must not keep the process.
        self._thread = threading.Thread(target=self._write_all, name="log writer", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Queue `text`; returns its length as streams do, also when it was dropped."""
        with self._lock:
            try:
                if self._lost:
                    self._waiting.put_nowait(self._describe_loss(self._lost))
                    self._lost = 0
                self._waiting.put_nowait(text)
            except queue.Full:
                self._lost += 1
        return len(text)

    def flush(self) -> None:
        """Do nothing: the thread writes as fast as the reader reads."""

    def drain(self, timeout_s: float = DRAIN_TIMEOUT_S) -> bool:
        """Wait until everything queued is written, at most `timeout_s` machine seconds; returns whether it is."""
        deadline = time.monotonic() + timeout_s
        with self._waiting.all_tasks_done:
            while self._waiting.unfinished_tasks:
                rest_s = deadline - time.monotonic()
                if rest_s <= 0 or not self._thread.is_alive():
                    return False
                self._waiting.all_tasks_done.wait(rest_s)
        return True

    def _write_all(self) -> None:
        while True:
            text = self._waiting.get()
            rest = text.encode("utf-8", "backslashreplace")
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                # No reader any more. Lines queued from now on are counted as lost.
                return
            finally:
                self._waiting.task_done()

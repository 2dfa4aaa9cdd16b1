"""What the service manager is told: ready, reloading, stopping, and that the daemon still turns."""

import logging

import sdnotify

log = logging.getLogger(__name__)


class ServiceManager:
    """systemd's notification socket; without one every call does nothing. No call blocks."""

    def __init__(self) -> None:
        self._notifier = sdnotify.SystemdNotifier()
        if self._notifier.socket is not None:
            # A manager that does not read would stop the loop; and a word that it did not take must be known.
            self._notifier.socket.setblocking(False)
            self._notifier.debug = True
        self._ready = False

    def report_alive(self) -> None:
        """Every account has completed another tick. The first beat is also the word that the daemon is ready."""
        if not self._ready:
            self._ready = self._notify("READY=1")
        self._notify("WATCHDOG=1")

    def report_reloading(self) -> None:
        """A new configuration is being taken on; READY follows with the next beat."""
        self._ready = False
        # The manager wants its own monotonic clock, in microseconds, with this word.
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={_monotonic_us()}")

    def report_stopping(self) -> None:
        self._notify("STOPPING=1")

    def _notify(self, words: str) -> bool:
        """Send `words`; whether the socket took them. One that is full is tried again with the next beat."""
        try:
            self._notifier.notify(words)
        except OSError as error:
            log.warning("service.unheard words=%s cause=%s", words.split("\n")[0], error)
            return False
        return True


def _monotonic_us() -> int:
    import time

    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

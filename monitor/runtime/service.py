"""What the service manager is told: ready, reloading, stopping, and that the daemon still turns."""

import logging

import sdnotify

log = logging.getLogger(__name__)


class ServiceManager:
    """systemd's notification socket; without one every call does nothing."""

    def __init__(self) -> None:
        self._socket = sdnotify.SystemdNotifier()
        self._ready = False

    def beat(self) -> None:
        """Every account has completed another tick. The first beat is also the word that the daemon is ready."""
        if not self._ready:
            self._ready = True
            self._socket.notify("READY=1")
        self._socket.notify("WATCHDOG=1")

    def reloading(self) -> None:
        """A new configuration is being taken on; READY follows with the next beat."""
        self._ready = False
        # The manager wants its own monotonic clock, in microseconds, with this word.
        self._socket.notify(f"RELOADING=1\nMONOTONIC_USEC={_monotonic_us()}")

    def stopping(self) -> None:
        self._socket.notify("STOPPING=1")


def _monotonic_us() -> int:
    import time

    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

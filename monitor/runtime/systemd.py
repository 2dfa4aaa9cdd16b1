"""Notifications to the service manager: ready, reloading, stopping, and the watchdog."""

import logging

import sdnotify

log = logging.getLogger(__name__)


class ServiceManager:
    """systemd's notification socket; without one every call does nothing. No call blocks."""

    def __init__(self) -> None:
        self._notifier = sdnotify.SystemdNotifier()
        if self._notifier.socket is not None:
            # A manager that does not read would block the loop; and a notification that was not taken must be known.
            self._notifier.socket.setblocking(False)
            self._notifier.debug = True
        self._ready = False

    def report_alive(self) -> None:
        """Report that every account has completed another tick. The first call also reports the daemon as ready."""
        if not self._ready:
            self._ready = self._notify("READY=1")
        self._notify("WATCHDOG=1")

    def report_reloading(self) -> None:
        """Report that a new configuration is being loaded; READY follows with the next `report_alive`."""
        self._ready = False
        # The manager requires its own monotonic clock, in microseconds, with this notification.
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={_monotonic_us()}")

    def report_stopping(self) -> None:
        self._notify("STOPPING=1")

    def _notify(self, words: str) -> bool:
        """Send `words` and return whether the socket took them. After a full socket the next tick tries again."""
        try:
            self._notifier.notify(words)
        except OSError as error:
            log.warning("service.unheard words=%s cause=%s", words.split("\n")[0], error)
            return False
        return True


def _monotonic_us() -> int:
    import time

    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

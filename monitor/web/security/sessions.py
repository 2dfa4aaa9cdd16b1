"""Sessions of the page: opened by a login with the token, held in memory, ended by a logout or after 12 hours."""

import hashlib
import secrets
from dataclasses import dataclass

from monitor.clock import Clock

SESSION_S = 12 * 3600
"""Seconds that a session lasts, used or not."""

MAX_SESSIONS = 100
"""Sessions at a time; one more ends the oldest."""


def cookie_name(port: int) -> str:
    """Return the name of the cookie of the page at a port: browsers share cookies between the ports of a host."""
    return f"margin_monitor_session_{port}"


@dataclass(frozen=True, slots=True)
class Session:
    """A logged-in browser. `form_token` must be in every form that it sends."""

    key: str
    form_token: str
    ends_at_s: float


class SessionTable:
    """The open sessions, by the hash of their cookie."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    def open(self) -> tuple[str, Session]:
        """Open a session; return the value of its cookie, which is kept nowhere else, and the session."""
        self._drop_expired()
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        cookie = secrets.token_urlsafe(32)
        session = Session(_hash(cookie), secrets.token_urlsafe(32), self._clock.elapsed_s() + SESSION_S)
        self._sessions[session.key] = session
        return cookie, session

    def find(self, cookie: str) -> Session | None:
        """Return the open session of a cookie; None without one."""
        session = self._sessions.get(_hash(cookie))
        return None if session is None or session.ends_at_s <= self._clock.elapsed_s() else session

    def close(self, session: Session) -> None:
        self._sessions.pop(session.key, None)

    def close_all(self) -> None:
        """End every session, as after a change of the token."""
        self._sessions.clear()

    def _drop_expired(self) -> None:
        now_s = self._clock.elapsed_s()
        self._sessions = {key: session for key, session in self._sessions.items() if session.ends_at_s > now_s}


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()

"""Listen tokens of account streams and listen keys of the risk stream, with their expiry."""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from monitor.sandbox.venue import Venue

UNIFIED_KEY_MINUTES = 60
MAX_TOKEN_VALIDITY_MS = 24 * 3600 * 1000


@dataclass(slots=True)
class SimListenToken:
    """A listen token: the account and scope of its events, and its expiry (virtual ms)."""

    text: str
    account: str
    symbol: str | None
    expires_ms: int


@dataclass(slots=True)
class SimListenKey:
    """A listen key. `family` is v1 (risk, cross) or v2 (everything of the account)."""

    text: str
    account: str
    family: str
    expires_ms: int


class TokenIssuer:
    """Issues tokens and keys on the exchange's time. `on_expired_key` is called when a key expires.

    No token lives longer than `max_validity_ms`.
    """

    def __init__(self, venue: Venue, on_expired_key: Callable[[SimListenKey], None]) -> None:
        self._venue = venue
        self._on_expired_key = on_expired_key
        self._numbers = itertools.count(1)
        self._tokens: dict[str, SimListenToken] = {}
        self._keys: dict[str, SimListenKey] = {}
        self._rejections_left = 0
        self.max_validity_ms = MAX_TOKEN_VALIDITY_MS

    def new_token(self, account: str, symbol: str | None, validity_ms: int) -> tuple[str, int]:
        """A listen token and its expiry (ms)."""
        expires_ms = self._venue.now_ms() + min(validity_ms, self.max_validity_ms)
        token = SimListenToken(self._text("token", account), account, symbol, expires_ms)
        self._tokens[token.text] = token
        return token.text, token.expires_ms

    def token(self, text: str) -> SimListenToken | None:
        """The token, if it exists and has not expired."""
        token = self._tokens.get(text)
        return token if token is not None and token.expires_ms > self._venue.now_ms() else None

    def reject_next(self, count: int) -> None:
        """Refuse this many of the tokens used next, although they are valid."""
        self._rejections_left = count

    def is_rejected(self) -> bool:
        """Return whether the token just used is to be refused. Counts it."""
        self._rejections_left -= 1
        return self._rejections_left >= 0

    def open_key(self, account: str, family: str) -> str:
        """The listen key of an account, extended; a new one when there is none."""
        for key in self._keys.values():
            if (key.account, key.family) == (account, family):
                self._extend(key)
                return key.text
        key = SimListenKey(self._text(family, account), account, family, 0)
        self._keys[key.text] = key
        self._extend(key)
        return key.text

    def extend_key(self, account: str, family: str, key: str) -> bool:
        """Extend a listen key; False when there is no such key."""
        known = self._keys.get(key)
        if known is None or (known.account, known.family) != (account, family):
            return False
        self._extend(known)
        return True

    def close_key(self, account: str, family: str) -> None:
        """Drop the listen key of an account."""
        for text, key in list(self._keys.items()):
            if (key.account, key.family) == (account, family):
                del self._keys[text]

    def listen_key(self, text: str) -> SimListenKey | None:
        """The listen key, if it exists."""
        return self._keys.get(text)

    def expire_tokens(self) -> None:
        """Expire every token now."""
        for token in self._tokens.values():
            token.expires_ms = min(token.expires_ms, self._venue.now_ms())

    def expire_keys(self) -> None:
        """Expire every listen key now."""
        for key in list(self._keys.values()):
            key.expires_ms = min(key.expires_ms, self._venue.now_ms())
            self._expire_if_due(key)

    def _extend(self, key: SimListenKey) -> None:
        minutes = UNIFIED_KEY_MINUTES if key.family == "v2" else self._venue.scenario.readings.risk_key_minutes
        key.expires_ms = self._venue.now_ms() + minutes * 60_000
        self._venue.schedule_at(key.expires_ms, lambda: self._expire_if_due(key))

    def _expire_if_due(self, key: SimListenKey) -> None:
        if self._keys.get(key.text) is key and key.expires_ms <= self._venue.now_ms():
            del self._keys[key.text]
            self._on_expired_key(key)

    def _text(self, kind: str, account: str) -> str:
        seed = f"{kind} {account} {next(self._numbers)} {self._venue.now_ms()}"
        return hashlib.sha256(seed.encode()).hexdigest()[:60]

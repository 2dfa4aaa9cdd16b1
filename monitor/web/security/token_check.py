"""Comparison of a given token with the configured one, with a limit of wrong tokens by address."""

import hashlib
import hmac
import ipaddress
from collections import deque

from monitor.clock import Clock
from monitor.web.security.refusal import RequestRefused

MAX_WRONG_TOKENS = 5
"""Wrong tokens that an address may send within WINDOW_S; then every token of it is refused for as long."""

WINDOW_S = 60.0

MAX_ADDRESSES = 1000
"""Addresses whose wrong tokens are remembered; while there are more, new ones are refused."""


class TokenCheck:
    """The configured token, and the wrong tokens of the last minute by address."""

    def __init__(self, token: str | None, clock: Clock) -> None:
        self._digest = None if token is None else _digest(token)
        self._clock = clock
        self._wrong: dict[str, deque[float]] = {}

    @property
    def has_token(self) -> bool:
        """True if a token is configured."""
        return self._digest is not None

    def replace_token(self, token: str | None) -> bool:
        """Use another token from now on; return whether it is another one than before."""
        digest = None if token is None else _digest(token)
        is_other, self._digest = digest != self._digest, digest
        return is_other

    def check(self, given: str, address: str) -> None:
        """Raise RequestRefused unless `given` is the token: 401 for a wrong one, 429 after too many of the address.

        The comparison takes the same time whatever is given.
        """
        origin = _network(address)
        wait_s = self._seconds_to_wait(origin)
        if wait_s > 0:
            raise RequestRefused(
                429,
                "too_many_attempts",
                "too many wrong tokens came from this address",
                mend="wait a minute",
                headers={"Retry-After": str(int(wait_s) + 1)},
            )
        if self._digest is None or not hmac.compare_digest(_digest(given), self._digest):
            self._wrong.setdefault(origin, deque(maxlen=MAX_WRONG_TOKENS)).append(self._clock.elapsed_s())
            raise RequestRefused(
                401,
                "wrong_token",
                "the token is wrong",
                mend="use the token of [http] in the configuration",
                headers={"WWW-Authenticate": 'Bearer realm="margin-monitor"'},
            )

    def _seconds_to_wait(self, origin: str) -> float:
        since_s = self._clock.elapsed_s() - WINDOW_S
        if len(self._wrong) >= MAX_ADDRESSES:
            self._wrong = {name: times for name, times in self._wrong.items() if times[-1] > since_s}
        times = self._wrong.get(origin)
        if times is None:
            return WINDOW_S if len(self._wrong) >= MAX_ADDRESSES else 0.0
        while times and times[0] <= since_s:
            times.popleft()
        if not times:
            del self._wrong[origin]
            return 0.0
        return times[0] - since_s if len(times) >= MAX_WRONG_TOKENS else 0.0


def _digest(token: str) -> bytes:
    """A digest of fixed length: neither length nor content of the token shows in the time of a comparison."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _network(address: str) -> str:
    """The part of an address that one attacker can't vary: the first half of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped is not None else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)

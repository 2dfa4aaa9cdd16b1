"""Request weight used per pool and minute, holds and bans: pure, the time is given.

Every endpoint of /sapi has its own pool, counted per address or per account; /api shares one. All accounts behind
one address share one `WeightBudget`.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Literal

from monitor.exchange.binance.wire.numbers import ImplausibleValue, parse_time
from monitor.records.address_usage import AddressUsage

CountedBy = Literal["ip", "uid"]


class Priority(Enum):
    """Precedence of a request: the share of a pool up to which it is sent. The rest is kept for those before it."""

    FIRST = Decimal(1)
    USUAL = Decimal("0.9")
    LAST = Decimal("0.7")
    SPARE = Decimal("0.5")


API_LIMIT = 6000
IP_LIMIT = 12000
UID_LIMIT = 180000

CONNECTION_WINDOW_S = 300.0
"""Exchange seconds in which an address may attempt 300 WebSocket connections, all its processes together."""

MAX_ACCOUNT_CONNECTIONS = 200
MAX_CONNECTIONS = 250
"""Attempts of one process in that time: for accounts, and with those for prices, which all accounts need."""

MIN_HOLD_S = 2
"""Seconds of the shortest hold where the exchange names none; a hold ends with the minute's count otherwise."""

MAX_HOLD_S = 300
"""Seconds of the longest hold: no limit is counted over more than five minutes."""

BAN_HOLD_S = 120
"""Seconds of the shortest ban that the exchange imposes."""

_MINUTE = timedelta(minutes=1)
_MAX_BAN = timedelta(days=3)
_BANNED_UNTIL = re.compile(r"banned until (\d{13})")


@dataclass(frozen=True, slots=True)
class WeightPool:
    """One weight pool. `account` is empty where the pool is counted per address."""

    path: str
    account: str = ""

    @property
    def limit(self) -> int:
        if self.path == "/api":
            return API_LIMIT
        return UID_LIMIT if self.account else IP_LIMIT


def weight_pool(method: str, path: str, counted: CountedBy, account: str) -> WeightPool:
    """Return the pool that a request is counted in."""
    if path.startswith("/api/"):
        return WeightPool("/api")
    return WeightPool(f"{method} {path}", account if counted == "uid" else "")


def read_used_weight(headers: Mapping[str, str]) -> tuple[int, CountedBy] | None:
    """Return the pool's use that an answer reports, and how it is counted. `headers` must be case-insensitive."""
    for name, counted in _HEADERS:
        text = headers.get(name)
        if text is not None and text.isascii() and text.isdecimal():
            return int(text), counted
    return None


def hold_duration(status: int, headers: Mapping[str, str], message: str, now: datetime) -> timedelta:
    """Return how long a 429 or 418 asks for a hold: Retry-After, or the time named in the message.

    Without either: the shortest ban, or until the next minute's count. A ban lasts three days at most, another hold
    five minutes. Moments are compared with the answer's own date, where it has one: `now` may be wrong. A moment in
    the past is ignored, since a request refused now is not admitted now. `headers` must be case-insensitive.
    """
    server_now = _date(headers.get("date")) or now
    banned = status == 418 or _BANNED_UNTIL.search(message) is not None
    for span in (_retry_after(headers.get("retry-after"), server_now), _ban_time_in(message, server_now)):
        if span is not None and span > timedelta():
            return min(span, _MAX_BAN if banned else timedelta(seconds=MAX_HOLD_S))
    if status == 418:
        return timedelta(seconds=BAN_HOLD_S)
    return max(_start_of_minute(now) + _MINUTE - now, timedelta(seconds=MIN_HOLD_S))


def _retry_after(value: str | None, server_now: datetime) -> timedelta | None:
    """Return the wait that a Retry-After header names, in seconds or as a date."""
    if value is None:
        return None
    if value.isascii() and value.isdecimal():
        return timedelta(seconds=int(value[:9]))
    until = _date(value)
    return None if until is None else until - server_now


def _ban_time_in(message: str, server_now: datetime) -> timedelta | None:
    if match := _BANNED_UNTIL.search(message):
        try:
            return parse_time(int(match[1]), "banned until") - server_now
        except ImplausibleValue:
            pass
    return None


def _date(value: str | None) -> datetime | None:
    """Return the moment of an HTTP date; None for any other text."""
    if value is None:
        return None
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


class WeightBudget:
    """Weight used by one egress address and its accounts, its connections, and the ends of their holds and bans.

    Use is counted in the exchange's minutes; holds end at seconds of the clock (`elapsed_s`), which nothing sets.
    """

    def __init__(self, banned_until_s: float | None = None, on_ban: Callable[[float], None] | None = None) -> None:
        """`banned_until_s` is the end of a ban known before; `on_ban` is called with the end of a new ban."""
        self._on_ban = on_ban
        self._used: dict[WeightPool, tuple[datetime, int]] = {}
        self._held: dict[WeightPool, float] = {}
        self._banned_until_s = banned_until_s
        self._connected_s: deque[float] = deque()

    def observe(self, pool: WeightPool, used: int, now: datetime) -> None:
        """Record the use that the exchange reports for `pool` in the present minute."""
        self._used[pool] = (_start_of_minute(now), used)

    def address_usage(self, now: datetime) -> AddressUsage:
        """Return the last reported use of the pools that are counted per address, in the present minute."""
        minute = _start_of_minute(now)
        pools = self._used.items()
        return AddressUsage(minute, {p.path: used for p, (seen, used) in pools if seen == minute and not p.account})

    def observe_address(self, usage: AddressUsage) -> None:
        """Record what was reported to another daemon on the same address, where that is more than is known here."""
        for path, used in usage.used.items():
            pool = WeightPool(path)
            if (usage.minute, used) > self._used.get(pool, (usage.minute, 0)):
                self._used[pool] = (usage.minute, used)

    def hold(self, pool: WeightPool, until_s: float) -> None:
        """Block `pool` until `until_s`."""
        self._held[pool] = max(until_s, self._held.get(pool, until_s))

    def ban(self, until_s: float) -> None:
        """Block this address until `until_s`."""
        if self._banned_until_s is not None and until_s <= self._banned_until_s:
            return
        self._banned_until_s = until_s
        if self._on_ban is not None:
            self._on_ban(until_s)

    @property
    def banned_until_s(self) -> float | None:
        """End of the last known ban, which may have passed."""
        return self._banned_until_s

    def take_connection(self, now_s: float, *, is_account: bool) -> float | None:
        """Count an attempt to connect a stream and return None, or return the seconds after which to ask again."""
        while self._connected_s and self._connected_s[0] <= now_s - CONNECTION_WINDOW_S:
            self._connected_s.popleft()
        limit = MAX_ACCOUNT_CONNECTIONS if is_account else MAX_CONNECTIONS
        if len(self._connected_s) < limit:
            self._connected_s.append(now_s)
            return None
        return self._connected_s[-limit] + CONNECTION_WINDOW_S - now_s

    def return_connection(self) -> None:
        """Take back the last attempt: the exchange has not seen it."""
        if self._connected_s:
            self._connected_s.pop()

    def wait_s(
        self, pool: WeightPool, weight: int, now: datetime, now_s: float, priority: Priority = Priority.FIRST
    ) -> float | None:
        """Return the seconds after which a request of `weight` may go into `pool`; None when at once."""
        if self._banned_until_s is not None and self._banned_until_s > now_s:
            return self._banned_until_s - now_s
        held_s = self._held.get(pool)
        if held_s is not None and held_s > now_s:
            return held_s - now_s
        # The sources differ on which pool counts some requests: the answers show which pool fills.
        for counted in (pool, WeightPool(pool.path)):
            if (used := self.used(counted, now)) and used + weight > counted.limit * priority.value:
                return (_start_of_minute(now) + _MINUTE - now).total_seconds()
        return None

    def used(self, pool: WeightPool, now: datetime) -> int:
        """Return the last reported use of `pool` in the present minute."""
        minute, used = self._used.get(pool, (now, 0))
        return used if minute == _start_of_minute(now) else 0

    def used_share(self, account: str, now: datetime) -> Decimal:
        """Return the used share of the fullest pool that `account` draws on, in the present minute."""
        minute = _start_of_minute(now)
        return max(
            (
                Decimal(used) / pool.limit
                for pool, (seen, used) in self._used.items()
                if seen == minute and pool.account in ("", account)
            ),
            default=Decimal(0),
        )


_HEADERS: tuple[tuple[str, CountedBy], ...] = (
    ("x-sapi-used-ip-weight-1m", "ip"),
    ("x-sapi-used-uid-weight-1m", "uid"),
    ("x-mbx-used-weight-1m", "ip"),
)


def _start_of_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)

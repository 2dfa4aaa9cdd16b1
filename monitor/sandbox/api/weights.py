"""Request weight, counted as the exchange does: one pool for /api, one for each /sapi endpoint; bans."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal

from monitor.sandbox.api.errors import SimApiError
from monitor.sandbox.scenario.scenario import RequestLimits

MINUTE_MS = 60_000
FIRST_BAN_S = 120
MAX_BAN_S = 3 * 24 * 3600

WeightUnit = Literal["IP", "UID"]


@dataclass(frozen=True, slots=True)
class Weight:
    """The cost of one request, and the pool that it is charged to."""

    amount: int
    unit: WeightUnit = "IP"


@dataclass(frozen=True, slots=True)
class WeightCharge:
    """A weight charged: the pool's name and its use afterwards."""

    header: str
    used: int


@dataclass(slots=True)
class _Offender:
    """Requests of one address after the refusal at its limit."""

    after_limit: int = 0
    minute: int = -1
    banned_until_ms: int = 0
    next_ban_s: int = FIRST_BAN_S


@dataclass(slots=True)
class WeightMeter:
    """Counts weight in clock-aligned virtual minutes; bans addresses that continue after a 429."""

    limits: RequestLimits
    spent: dict[WeightUnit, int] = field(default_factory=lambda: {"IP": 0, "UID": 0})
    """All weight ever charged, over all pools."""
    _minute: int = -1
    _used: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _offenders: dict[str, _Offender] = field(default_factory=lambda: defaultdict(_Offender))

    def check_ban(self, address: str, now_ms: int) -> None:
        """Refuse (418) requests from a banned address."""
        until = self._offenders[address].banned_until_ms
        if now_ms < until:
            raise ban_error(until, now_ms)

    def ban(self, address: str, until_ms: int) -> None:
        """Ban an address."""
        self._offenders[address].banned_until_ms = until_ms

    def charge(self, endpoint: str, weight: Weight, address: str, account: str, now_ms: int) -> WeightCharge:
        """Charge a request to its pool. Raises SimApiError 429 over the limit, and 418 when that goes on."""
        minute = now_ms // MINUTE_MS
        if minute != self._minute:
            self._minute = minute
            self._used.clear()
        if endpoint.startswith("/api"):
            pool, limit, header = ("/api", address), self.limits.api_ip_weight, "X-MBX-USED-WEIGHT-1M"
        elif weight.unit == "IP":
            pool, limit, header = (endpoint, address), self.limits.sapi_ip_weight, "X-SAPI-USED-IP-WEIGHT-1M"
        else:
            pool, limit, header = (endpoint, f"uid {account}"), self.limits.sapi_uid_weight, "X-SAPI-USED-UID-WEIGHT-1M"
        self._used[pool] += weight.amount
        self.spent[weight.unit] += weight.amount
        used = self._used[pool]
        if used > limit:
            self._raise_over_limit(address, minute, limit, weight.unit, header, used, now_ms)
        return WeightCharge(header, used)

    def count_call(self, endpoint: str, max_calls: int, address: str, now_ms: int) -> None:
        """Count a call to an endpoint whose calls are capped too. Raises SimApiError 429 over the cap."""
        pool = (f"{endpoint} calls", address)
        self._used[pool] += 1
        if self._used[pool] > max_calls:
            raise SimApiError(
                -1003,
                f"Too many requests; current limit is {max_calls} requests per minute.",
                status=429,
                headers={"Retry-After": str(_seconds_left(now_ms))},
            )

    def used(self, endpoint: str, owner: str) -> int:
        """The use of one pool in the present minute."""
        return self._used.get((endpoint, owner), 0)

    def _raise_over_limit(
        self, address: str, minute: int, limit: int, unit: WeightUnit, header: str, used: int, now_ms: int
    ) -> None:
        offender = self._offenders[address]
        if offender.minute != minute:
            offender.minute, offender.after_limit = minute, 0
        offender.after_limit += 1
        if offender.after_limit > self.limits.requests_after_429:
            offender.banned_until_ms = now_ms + offender.next_ban_s * 1000
            offender.next_ban_s = min(MAX_BAN_S, offender.next_ban_s * 2)
            offender.after_limit = 0
            raise ban_error(offender.banned_until_ms, now_ms)
        raise SimApiError(
            -1003,
            f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE ({unit}). "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
            status=429,
            headers={"Retry-After": str(_seconds_left(now_ms)), header: str(used)},
        )


def ban_error(until_ms: int, now_ms: int) -> SimApiError:
    """418: the address is banned until then."""
    return SimApiError(
        -1003,
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans.",
        status=418,
        headers={"Retry-After": str(max(1, -(-(until_ms - now_ms) // 1000)))},
    )


def _seconds_left(now_ms: int) -> int:
    # Rest of the clock minute, rounded up.
    return -(-(MINUTE_MS - now_ms % MINUTE_MS) // 1000)

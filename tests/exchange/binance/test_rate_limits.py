"""Weight pools and holds."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from httpx import Headers

from monitor.exchange.binance.operations import accounts
from monitor.exchange.binance.rate_limits import Pool, Priority, Usage, hold_after, pool_of, used_weight

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
CROSS = pool_of("GET", "/sapi/v1/margin/account", "ip", "main")
REPAY = pool_of("POST", "/sapi/v1/margin/borrow-repay", "uid", "main")


def test_every_sapi_endpoint_has_a_pool_of_its_own_and_api_shares_one() -> None:
    assert pool_of("GET", "/sapi/v1/margin/isolated/account", "ip", "main") != CROSS
    assert pool_of("GET", "/sapi/v1/margin/borrow-repay", "uid", "main") != REPAY
    assert pool_of("GET", "/api/v3/time", "ip", "main") == pool_of("GET", "/api/v3/account", "ip", "other")
    assert (Pool("/api").limit, CROSS.limit, REPAY.limit) == (6000, 12000, 180000)


def test_accounts_share_the_pools_of_the_address_and_not_their_own() -> None:
    assert pool_of("GET", "/sapi/v1/margin/account", "ip", "other") == CROSS
    assert pool_of("POST", "/sapi/v1/margin/borrow-repay", "uid", "other") != REPAY


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"X-SAPI-USED-IP-WEIGHT-1M": "10"}, (10, "ip")),
        ({"x-sapi-used-uid-weight-1m": "1500"}, (1500, "uid")),
        ({"X-MBX-USED-WEIGHT-1M": "20"}, (20, "ip")),
        ({"X-SAPI-USED-IP-WEIGHT-1M": "many"}, None),
        ({}, None),
    ],
)
def test_use_is_read_from_the_headers(headers: dict[str, str], told: tuple[int, str] | None) -> None:
    assert used_weight(Headers(headers)) == told


def test_share_is_that_of_the_fullest_pool_that_the_account_draws_on() -> None:
    usage = Usage()
    usage.observe(CROSS, 600, NOW)
    usage.observe(REPAY, 45000, NOW)
    assert usage.share("main", NOW) == Decimal("0.25")
    assert usage.share("other", NOW) == Decimal("0.05")


def test_the_count_begins_anew_with_the_clock_minute() -> None:
    usage = Usage()
    usage.observe(CROSS, 12000, NOW)
    assert usage.wait_s(CROSS, 10, NOW, 0) == 30
    later = NOW + timedelta(seconds=30)
    assert usage.wait_s(CROSS, 10, later, 30) is None
    assert usage.share("main", later) == 0


@pytest.mark.parametrize(
    ("used", "going"),
    [
        (4199, {Priority.FIRST, Priority.USUAL, Priority.LAST}),
        (4200, {Priority.FIRST, Priority.USUAL}),
        (5399, {Priority.FIRST, Priority.USUAL}),
        (5400, {Priority.FIRST}),
        (5999, {Priority.FIRST}),
        (6000, set()),
    ],
)
def test_the_less_urgent_gives_way_first(used: int, going: set[Priority]) -> None:
    usage, pool = Usage(), Pool("/api")
    usage.observe(pool, used, NOW)
    assert {one for one in Priority if usage.wait_s(pool, 1, NOW, 0, one) is None} == going


def test_a_pool_that_the_venue_counts_by_address_is_minded_though_we_took_it_for_the_accounts() -> None:
    usage, ours = Usage(), pool_of("GET", "/sapi/v1/margin/maxBorrowable", "uid", "main")
    usage.observe(pool_of("GET", "/sapi/v1/margin/maxBorrowable", "ip", "main"), 11_990, NOW)
    assert usage.wait_s(ours, 50, NOW, 0) == 30


def test_what_is_urgent_is_the_account_and_what_is_not_is_the_reference() -> None:
    assert {accounts.CROSS.priority, accounts.ISOLATED.priority} == {Priority.FIRST}
    assert {accounts.TRADE_COEFF.priority, accounts.TIERS.priority} == {Priority.LAST}


def test_a_hold_stops_one_pool_and_a_ban_all() -> None:
    usage = Usage()
    usage.hold(CROSS, 10)
    assert usage.wait_s(CROSS, 1, NOW, 0) == 10
    assert usage.wait_s(REPAY, 1, NOW, 0) is None
    usage.ban(120)
    assert usage.wait_s(REPAY, 1, NOW, 0) == 120
    assert usage.wait_s(REPAY, 1, NOW, 120) is None


def test_a_shorter_hold_never_shortens_a_longer_one() -> None:
    usage = Usage()
    usage.hold(CROSS, 60)
    usage.hold(CROSS, 5)
    assert usage.wait_s(CROSS, 1, NOW, 0) == 60


DATE = "Sun, 22 Nov 2026 12:00:30 GMT"
AHEAD = "Sun, 22 Nov 2026 12:10:30 GMT"
UNTIL = "Way too much request weight used; IP banned until 1795348890000."


@pytest.mark.parametrize(
    ("status", "headers", "message", "seconds"),
    [
        (429, {"Retry-After": "17"}, "", 17),
        (418, {"Retry-After": "120"}, "", 120),
        (429, {}, "", 30),
        (418, {}, "", 120),
        (429, {"Retry-After": "soon"}, "", 30),
        (418, {"Retry-After": "99999999999"}, "", 3 * 86400),
        (418, {}, UNTIL, 60),
        # What is past says nothing: who is refused now is not let in now.
        (429, {"Retry-After": "0"}, "", 30),
        (429, {"Retry-After": "86400"}, "", 300),
        (418, {}, "IP banned until 1795348770000.", 120),
        (418, {"Retry-After": "0"}, UNTIL, 60),
        (418, {"Retry-After": "Sun, 22 Nov 2026 11:59:30 GMT"}, "", 120),
        # A date is one of the forms that HTTP knows.
        (429, {"Retry-After": "Sun, 22 Nov 2026 12:01:00 GMT"}, "", 30),
        (418, {"Retry-After": "Sunday, 22-Nov-26 12:03:30 GMT"}, "", 180),
        (429, {"Retry-After": "Sun, 31 Dec 9999 23:59:59 GMT"}, "", 300),
        # Our clock is ten minutes behind, or ahead: the answer's own date counts.
        (418, {"Date": AHEAD}, "IP banned until 1795349490000.", 60),
        (418, {"Date": "Sun, 22 Nov 2026 11:50:30 GMT"}, UNTIL, 660),
        (429, {"Date": AHEAD, "Retry-After": "Sun, 22 Nov 2026 12:11:00 GMT"}, "", 30),
        (429, {"Date": "nonsense", "Retry-After": "Sun, 22 Nov 2026 12:01:00 GMT"}, "", 30),
        (429, {"Date": DATE, "Retry-After": "5"}, "", 5),
    ],
)
def test_silence_lasts_as_long_as_the_venue_says(
    status: int, headers: dict[str, str], message: str, seconds: int
) -> None:
    assert hold_after(status, Headers(headers), message, NOW) == timedelta(seconds=seconds)

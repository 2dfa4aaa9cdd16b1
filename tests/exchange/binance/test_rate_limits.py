"""Weight pools and holds."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from httpx import Headers

from monitor.exchange.binance.api import accounts, market
from monitor.exchange.binance.rate_limits import (
    MAX_ACCOUNT_CONNECTIONS,
    Priority,
    WeightBudget,
    WeightPool,
    hold_duration,
    read_used_weight,
    weight_pool,
)

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
CROSS = weight_pool("GET", "/sapi/v1/margin/account", "ip", "main")
REPAY = weight_pool("POST", "/sapi/v1/margin/borrow-repay", "uid", "main")


def test_every_sapi_endpoint_has_a_pool_of_its_own_and_api_shares_one() -> None:
    assert weight_pool("GET", "/sapi/v1/margin/isolated/account", "ip", "main") != CROSS
    assert weight_pool("GET", "/sapi/v1/margin/borrow-repay", "uid", "main") != REPAY
    assert weight_pool("GET", "/api/v3/time", "ip", "main") == weight_pool("GET", "/api/v3/account", "ip", "other")
    assert (WeightPool("/api").limit, CROSS.limit, REPAY.limit) == (6000, 12000, 180000)


def test_accounts_share_the_pools_of_the_address_and_not_their_own() -> None:
    assert weight_pool("GET", "/sapi/v1/margin/account", "ip", "other") == CROSS
    assert weight_pool("POST", "/sapi/v1/margin/borrow-repay", "uid", "other") != REPAY


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
    assert read_used_weight(Headers(headers)) == told


def test_share_is_that_of_the_fullest_pool_that_the_account_draws_on() -> None:
    usage = WeightBudget()
    usage.observe(CROSS, 600, NOW)
    usage.observe(REPAY, 45000, NOW)
    assert usage.used_share("main", NOW) == Decimal("0.25")
    assert usage.used_share("other", NOW) == Decimal("0.05")


def test_the_count_begins_anew_with_the_clock_minute() -> None:
    usage = WeightBudget()
    usage.observe(CROSS, 12000, NOW)
    assert usage.wait_s(CROSS, 10, NOW, 0) == 30
    later = NOW + timedelta(seconds=30)
    assert usage.wait_s(CROSS, 10, later, 30) is None
    assert usage.used_share("main", later) == 0


@pytest.mark.parametrize(
    ("used", "going"),
    [
        (2999, set(Priority)),
        (3000, {Priority.FIRST, Priority.USUAL, Priority.LAST}),
        (4199, {Priority.FIRST, Priority.USUAL, Priority.LAST}),
        (4200, {Priority.FIRST, Priority.USUAL}),
        (5399, {Priority.FIRST, Priority.USUAL}),
        (5400, {Priority.FIRST}),
        (5999, {Priority.FIRST}),
        (6000, set()),
    ],
)
def test_less_urgent_requests_wait_first(used: int, going: set[Priority]) -> None:
    usage, pool = WeightBudget(), WeightPool("/api")
    usage.observe(pool, used, NOW)
    assert {priority for priority in Priority if usage.wait_s(pool, 1, NOW, 0, priority) is None} == going


def test_pool_counted_by_address_is_respected_for_all_accounts() -> None:
    usage, ours = WeightBudget(), weight_pool("GET", "/sapi/v1/margin/maxBorrowable", "uid", "main")
    usage.observe(weight_pool("GET", "/sapi/v1/margin/maxBorrowable", "ip", "main"), 11_990, NOW)
    assert usage.wait_s(ours, 50, NOW, 0) == 30


def test_account_reads_are_urgent_and_reference_reads_are_not() -> None:
    first = (accounts.get_margin_account, accounts.get_isolated_margin_account)
    last = (accounts.get_margin_trade_coeff, accounts.get_isolated_margin_tier)
    assert {function.endpoint.priority for function in first} == {Priority.FIRST}
    assert {function.endpoint.priority for function in last} == {Priority.LAST}
    assert market.get_klines.endpoint.priority is Priority.SPARE


def test_a_hold_stops_one_pool_and_a_ban_all() -> None:
    usage = WeightBudget()
    usage.hold(CROSS, 10)
    assert usage.wait_s(CROSS, 1, NOW, 0) == 10
    assert usage.wait_s(REPAY, 1, NOW, 0) is None
    usage.ban(120)
    assert usage.wait_s(REPAY, 1, NOW, 0) == 120
    assert usage.wait_s(REPAY, 1, NOW, 120) is None


def test_a_shorter_hold_never_shortens_a_longer_one() -> None:
    usage = WeightBudget()
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
        # A moment in the past is ignored: a request refused now is not admitted now.
        (429, {"Retry-After": "0"}, "", 30),
        (429, {"Retry-After": "86400"}, "", 300),
        (418, {}, "IP banned until 1795348770000.", 120),
        (418, {"Retry-After": "0"}, UNTIL, 60),
        (418, {"Retry-After": "Sun, 22 Nov 2026 11:59:30 GMT"}, "", 120),
        # A date is one of the forms that HTTP allows.
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
def test_hold_lasts_as_long_as_the_exchange_says(
    status: int, headers: dict[str, str], message: str, seconds: int
) -> None:
    assert hold_duration(status, Headers(headers), message, NOW) == timedelta(seconds=seconds)


def test_connections_stay_below_the_limit_of_attempts_and_prices_go_first() -> None:
    budget = WeightBudget()
    for second in range(MAX_ACCOUNT_CONNECTIONS):
        assert budget.take_connection(float(second), is_account=True) is None
    assert budget.take_connection(250.0, is_account=True) == 50.0
    for _ in range(50):
        assert budget.take_connection(250.0, is_account=False) is None
    assert budget.take_connection(250.0, is_account=False) == 50.0
    # The attempts of the first seconds count no more after five minutes; those for prices count for accounts, too.
    assert budget.take_connection(300.0, is_account=False) is None
    assert budget.take_connection(300.0, is_account=True) == 51.0


def test_attempt_that_reached_no_server_does_not_count() -> None:
    budget = WeightBudget()
    for _ in range(MAX_ACCOUNT_CONNECTIONS):
        assert budget.take_connection(0.0, is_account=True) is None
    budget.return_connection()
    assert budget.take_connection(1.0, is_account=True) is None
    assert budget.take_connection(1.0, is_account=True) is not None


def test_use_that_another_daemon_saw_counts_where_it_is_more() -> None:
    first, second = WeightBudget(), WeightBudget()
    first.observe(CROSS, 11_000, NOW)
    first.observe(WeightPool("/api"), 100, NOW)
    first.observe(REPAY, 6000, NOW)
    second.observe(WeightPool("/api"), 300, NOW)
    second.observe_address(first.address_usage(NOW))
    assert second.wait_s(CROSS, 10, NOW, 0.0, Priority.USUAL) == 30
    assert second.used(WeightPool("/api"), NOW) == 300
    assert second.used(REPAY, NOW) == 0, "counted for the account, whatever its address"
    later = NOW + timedelta(minutes=1)
    second.observe(CROSS, 20, later)
    second.observe_address(first.address_usage(NOW))
    assert second.used(CROSS, later) == 20, "another minute"

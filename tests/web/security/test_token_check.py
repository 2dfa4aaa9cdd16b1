"""Five wrong tokens a minute an address."""

from datetime import UTC, datetime

import pytest

from monitor.web.security.refusal import RequestRefused
from monitor.web.security.token_check import MAX_ADDRESSES, MAX_WRONG_TOKENS, WINDOW_S, TokenCheck
from tests.support.clocks.manual_clock import ManualClock

START = datetime(2026, 1, 1, tzinfo=UTC)
HOME = "192.0.2.1"


def status(check: TokenCheck, token: str, address: str = HOME) -> int:
    try:
        check.check(token, address)
    except RequestRefused as refused:
        return refused.status
    return 200


def test_right_token_is_accepted_and_a_wrong_one_refused() -> None:
    check = TokenCheck("right", ManualClock(START))
    assert [status(check, given) for given in ("right", "wrong", "", "righ", "right ", "ríght")] == [
        200,
        401,
        401,
        401,
        401,
        401,
    ]


def test_sixth_wrong_token_of_a_minute_is_refused_like_the_right_one() -> None:
    clock = ManualClock(START)
    check = TokenCheck("right", clock)
    assert [status(check, f"wrong{n}") for n in range(MAX_WRONG_TOKENS + 1)] == [401] * MAX_WRONG_TOKENS + [429]
    assert status(check, "right") == 429
    assert status(check, "right", "192.0.2.2") == 200
    clock.advance(WINDOW_S + 1)
    assert status(check, "right") == 200


def test_refusal_says_when_to_come_back() -> None:
    check = TokenCheck("right", ManualClock(START))
    for _ in range(MAX_WRONG_TOKENS):
        status(check, "wrong")
    with pytest.raises(RequestRefused) as refused:
        check.check("right", HOME)
    assert 1 <= int(refused.value.headers["Retry-After"]) <= WINDOW_S + 1


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_addresses_that_one_attacker_can_vary_count_as_one(first: str, second: str, same: bool) -> None:
    check = TokenCheck("right", ManualClock(START))
    for _ in range(MAX_WRONG_TOKENS):
        status(check, "wrong", first)
    assert status(check, "right", second) == (429 if same else 200)


def test_attempts_from_many_addresses_take_no_more_memory_than_their_limit() -> None:
    clock = ManualClock(START)
    check = TokenCheck("right", clock)
    answers = [status(check, "wrong", f"10.0.{n // 250}.{n % 250}") for n in range(MAX_ADDRESSES + 1)]
    assert answers == [401] * MAX_ADDRESSES + [429]
    clock.advance(WINDOW_S + 1)
    assert status(check, "right", "10.9.9.9") == 200


def test_replaced_token_no_longer_holds() -> None:
    check = TokenCheck("old", ManualClock(START))
    assert check.replace_token("new")
    assert not check.replace_token("new")
    assert (status(check, "old"), status(check, "new")) == (401, 200)

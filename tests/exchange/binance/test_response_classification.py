"""The outcome of every answer, row by row of the documented errors."""

import httpx
import pytest

from monitor.core.model.order import Accepted, Outcome, Refused, Unknown
from monitor.exchange.binance.response_classification import (
    SendFailure,
    classify_failure,
    classify_read,
    classify_write,
)

TRANSIENT = [-1003, -1004, -1008, -1015, -1021, -1112, -2016, -3007, -3037, -4005, -51007]
MAYBE_DONE = [-1000, -1001, -1006, -1007, -3000, -3029, -3044, -4027, -5010, -5012]
NOT_DONE = [
    *(-1002, -1010, -1013, -1014, -1016, -1020, -1022, -1099),
    *(-1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108, -1111, -1114, -1115, -1116, -1117),
    *(-1121, -1125, -1127, -1128, -1130, -1131),
    *(-2008, -2010, -2011, -2013, -2014, -2015, -2026),
    *(-3001, -3002, -3003, -3004, -3005, -3006, -3008, -3009, -3010, -3011, -3012, -3013, -3014, -3015, -3016),
    *(-3017, -3018, -3019, -3020, -3021, -3022, -3023, -3024, -3025, -3026, -3027, -3028),
    *(-3036, -3038, -3041, -3042, -3043, -3045, -3999),
    *(-11001, -11007, -11008, -11015),
    *(-4001, -4024, -4026, -4047, -5002, -5003, -5004, -5005, -5006, -5007, -5011, -5013, -10017),
    *(-21001, -21002, -21003, -21004, -21005, -21006, -21007),
    *(-51006, -51014, -51061, -51068),
]
UNDOCUMENTED = [-3067, -3998, -11099, -9999, 0, 1]


def test_a_transaction_id_is_accepted() -> None:
    assert classify_write(200, None, ref="100000001") == Accepted("100000001")


@pytest.mark.parametrize("status", [400, 401])
def test_a_business_refusal_is_final(status: int) -> None:
    outcomes = {code: classify_write(status, code, message="no") for code in NOT_DONE}
    assert outcomes == {code: Refused(code, "no", transient=False) for code in NOT_DONE}


@pytest.mark.parametrize("code", TRANSIENT)
def test_transient_refusal_may_be_retried(code: int) -> None:
    assert classify_write(400, code, message="later") == Refused(code, "later", transient=True)


@pytest.mark.parametrize("status", [418, 429])
def test_rate_limit_is_a_transient_refusal_even_without_a_body(status: int) -> None:
    assert classify_write(status, None) == Refused(-1003, f"HTTP {status}", transient=True)
    assert classify_write(status, -1015, message="too many") == Refused(-1015, "too many", transient=True)


@pytest.mark.parametrize("code", MAYBE_DONE + UNDOCUMENTED)
def test_a_code_that_proves_nothing_is_unknown(code: int) -> None:
    assert isinstance(classify_write(400, code), Unknown)


@pytest.mark.parametrize("status", [403, 500, 502, 503, 504, 301, 101, 599])
def test_these_statuses_are_unknown_whatever_the_body_says(status: int) -> None:
    codes = (None, *NOT_DONE, *TRANSIENT, *MAYBE_DONE, *UNDOCUMENTED)
    assert [code for code in codes if not isinstance(classify_write(status, code), Unknown)] == []


def test_200_without_a_transaction_id_is_unknown() -> None:
    codes = (None, *NOT_DONE, *TRANSIENT)
    assert [code for code in codes if not isinstance(classify_write(200, code), Unknown)] == []


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 451])
def test_a_refusal_that_cannot_be_read_is_unknown(status: int) -> None:
    assert isinstance(classify_write(status, None), Unknown)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError("x"), Refused),
        (httpx.ConnectTimeout("x"), Refused),
        (httpx.PoolTimeout("x"), Refused),
        (httpx.ReadTimeout("x"), Unknown),
        (httpx.WriteTimeout("x"), Unknown),
        (httpx.ReadError("x"), Unknown),
        (httpx.WriteError("x"), Unknown),
        (httpx.CloseError("x"), Unknown),
        (httpx.RemoteProtocolError("x"), Unknown),
        (httpx.LocalProtocolError("x"), Unknown),
        (httpx.ProxyError("x"), Unknown),
        (httpx.DecodingError("x"), Unknown),
        (TimeoutError(), Unknown),
        (OSError(), Unknown),
    ],
)
def test_only_a_connection_never_made_proves_that_nothing_was_sent(
    error: BaseException, outcome: type[Outcome]
) -> None:
    assert isinstance(classify_write(None, None, failure=classify_failure(error)), outcome)


def test_no_answer_without_a_reason_is_unknown() -> None:
    assert isinstance(classify_write(None, None), Unknown)
    assert classify_failure(KeyboardInterrupt()) is SendFailure.LOST


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (200, None, "believe"),
        (200, -1021, "clock"),
        (400, -1021, "clock"),
        (429, None, "limit"),
        (418, -1003, "limit"),
        (400, -1003, "limit"),
        (403, None, "forbidden"),
        (403, -1003, "forbidden"),
        (400, -2015, "key"),
        (401, -2014, "key"),
        (401, None, "key"),
        (400, -1022, "key"),
        (400, -1002, "key"),
        (400, -2008, "key"),
        (500, None, "retry"),
        (503, -1008, "retry"),
        (400, -1001, "retry"),
        (400, -3044, "retry"),
        (400, -1121, "refused"),
        (400, -3003, "refused"),
        (404, None, "unreadable"),
        (451, None, "unreadable"),
    ],
)
def test_reads_are_judged_by_status_and_code(status: int, code: int | None, verdict: str) -> None:
    assert classify_read(status, code) == verdict


def test_html_page_is_never_accepted() -> None:
    assert classify_read(200, None, is_html=True) == "unreadable"

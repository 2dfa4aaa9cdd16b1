"""Meaning of an answer, or of its absence: pure. A write is Unknown unless its refusal is proven."""

from enum import Enum
from typing import Literal

import httpx

from monitor.core.model.order import Accepted, Outcome, Refused, Unknown


class SendFailure(Enum):
    """Ways in which a request ends without an answer."""

    NOT_SENT = "not sent"
    LOST = "lost"


ReadAction = Literal["believe", "retry", "clock", "limit", "forbidden", "key", "refused", "unreadable"]
"""Next step after the answer to a read."""

KEY_CODES = frozenset({-1002, -1022, -2008, -2014, -2015})
"""Refusals of the key, its address, its permissions or its signature."""

CLOCK_CODE = -1021
LIMIT_CODE = -1003

UNKNOWN_CODES = frozenset({-1000, -1001, -1006, -1007, -3000, -3029, -3044, -4027, -5010, -5012})
"""Codes after which money may have moved."""

TRANSIENT_CODES = frozenset({-1003, -1004, -1008, -1015, -1021, -1112, -2016, -3007, -3037, -4005, -51007})
"""Codes of a request that was not executed now; the same request may be accepted later."""

REFUSED_CODES = frozenset(
    {-1002, -1010, -1013, -1014, -1016, -1020, -1022, -1099}
    | set(range(-1106, -1099))
    | {-1108, -1111, -1114, -1115, -1116, -1117, -1121, -1125, -1127, -1128, -1130, -1131}
    | {-2008, -2010, -2011, -2013, -2014, -2015, -2026}
    | (set(range(-3028, -3000)) - TRANSIENT_CODES)
    | {-3036, -3038, -3041, -3042, -3043, -3045, -3999}
    | {-11001, -11007, -11008, -11015}
    | {-4001, -4024, -4026, -4047, -5002, -5003, -5004, -5005, -5006, -5007, -5011, -5013, -10017}
    | set(range(-21007, -21000))
    | {-51006, -51014, -51061, -51068}
)
"""Documented business and request errors: nothing happened."""

_RETRY_READ_CODES = frozenset({-1000, -1001, -1004, -1006, -1007, -1008, -3000, -3044})


def classify_failure(error: BaseException) -> SendFailure:
    """Return NOT_SENT if the request certainly never left. An error not known to precede the send counts as LOST."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return SendFailure.NOT_SENT
    return SendFailure.LOST


def classify_write(
    status: int | None,
    code: int | None,
    *,
    message: str = "",
    ref: str | None = None,
    failure: SendFailure | None = None,
) -> Outcome:
    """Return the outcome of one money request.

    `status` is None when no answer came (`failure` says how). `code` and `message` are the exchange's error if the
    body held one, `ref` is the transaction id if it held that.
    """
    if status is None:
        if failure is SendFailure.NOT_SENT:
            return Refused(0, "not sent: no connection", transient=True)
        return Unknown("no answer")
    if status == 200:
        if ref is not None and code is None:
            return Accepted(ref)
        return Unknown("HTTP 200 without a transaction id" if code is None else f"HTTP 200 with code {code}")
    if status in (418, 429):
        return Refused(code if code is not None else LIMIT_CODE, message or f"HTTP {status}", transient=True)
    # 403 comes from a firewall before or after the request was passed on: nobody documents which.
    if status == 403 or not 400 <= status < 500 or code is None or code in UNKNOWN_CODES:
        return Unknown(f"HTTP {status}" if code is None else f"HTTP {status}, code {code}")
    if code in TRANSIENT_CODES:
        return Refused(code, message, transient=True)
    if code in REFUSED_CODES:
        return Refused(code, message)
    return Unknown(f"HTTP {status}, undocumented code {code}")


def classify_read(status: int, code: int | None, *, is_html: bool = False) -> ReadAction:
    """Return the next step after the answer to a read. `code` is that of an error body, whatever the status."""
    match status:
        case 418 | 429:
            return "limit"
        case 403:
            return "forbidden"
        case _ if status >= 500:
            return "retry"
    match code:
        case None:
            return "unreadable" if is_html else _classify_without_code(status)
        case _ if code == CLOCK_CODE:
            return "clock"
        case _ if code == LIMIT_CODE:
            return "limit"
        case _ if code in KEY_CODES:
            return "key"
        case _ if code in _RETRY_READ_CODES:
            return "retry"
    return "refused"


def _classify_without_code(status: int) -> ReadAction:
    if status == 200:
        return "believe"
    return "key" if status == 401 else "unreadable"

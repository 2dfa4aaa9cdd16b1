"""What goes with a request that changes something: the last question before it, what it was answered, its record."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from monitor.core.model.order import PreSendCheck, RequestLog
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import ApiResponse, RequestWithheld
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.numbers import Implausible

T = TypeVar("T")

MAX_LOGGED_BYTES = 500
"""So much of an answer to a change is kept with the step that it led to."""

_LAST_STEP_BEFORE_SEND = ".send_request_headers.started"
_REFERENCE_FIELDS = ("tran_id", "order_id", "repay_id")


def withhold_hook(objection: PreSendCheck) -> Callable[[str, object], Awaitable[None]]:
    """What the HTTP library calls at each step of a request. Raises NotSent at the last one before the first byte."""

    async def at_step(name: str, info: object) -> None:
        if name.endswith(_LAST_STEP_BEFORE_SEND) and (withheld := objection()) is not None:
            raise RequestWithheld(withheld)

    return at_step


def parse_write_response(endpoint: Endpoint[T], response: ApiResponse) -> tuple[T | None, str | None]:
    """What a changing request was answered, and its reference: the number that its traces will carry, if any.

    Both None where the answer cannot be believed.
    """
    if response.status != 200 or response.error is not None:
        return None, None
    try:
        # What is documented as answered by nothing may be answered by anything but an error.
        content = decode(response.body or b"{}", endpoint.answer)
    except Implausible:
        return None, None
    refs = (getattr(content, name, None) for name in _REFERENCE_FIELDS)
    return content, str(next((ref for ref in refs if ref is not None), ""))


def request_log(
    endpoint: Endpoint[T], parameters: Parameters, response: ApiResponse | None, cause: str
) -> RequestLog | None:
    """What is recorded of a request: what was asked, without time and signature, and what came back, cut short."""
    if endpoint.secret:
        return None
    given = (f"{name}={value}" for name, value in (parameters or {}).items() if value is not None)
    asked = " ".join([endpoint.name, *given])
    if response is None:
        return RequestLog(asked, f"no answer: {cause}")
    body = response.body[:MAX_LOGGED_BYTES].decode("utf-8", errors="replace")
    return RequestLog(asked, f"{cause} {body}".rstrip().replace("\0", "\ufffd"))

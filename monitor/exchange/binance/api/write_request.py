"""Parts of a write request: the last objection before it leaves, its parsed answer, its log record."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from monitor.core.model.order import PreSendCheck, RequestLog
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import ApiResponse, RequestWithheld
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.wire.decoding import decode
from monitor.exchange.binance.wire.numbers import ImplausibleValue

T = TypeVar("T")

MAX_LOGGED_BYTES = 500
"""Bytes of the answer to a write request that are kept with the step that it led to."""

_LAST_STEP_BEFORE_SEND = ".send_request_headers.started"
_REFERENCE_FIELDS = ("tran_id", "order_id", "repay_id")


def withhold_hook(objection: PreSendCheck) -> Callable[[str, object], Awaitable[None]]:
    """Return a hook for the steps of an HTTP request. It raises RequestWithheld at the last one before any byte."""

    async def at_step(name: str, info: object) -> None:
        if name.endswith(_LAST_STEP_BEFORE_SEND) and (withheld := objection()) is not None:
            raise RequestWithheld(withheld)

    return at_step


def parse_write_response(endpoint: Endpoint[T], response: ApiResponse) -> tuple[T | None, str | None]:
    """Return the content of a write request's answer, and its reference: the number in its records, if any.

    Both are None where the answer can't be believed.
    """
    if response.status != 200 or response.error is not None:
        return None, None
    try:
        # An answer documented as empty may be anything but an error.
        content = decode(response.body or b"{}", endpoint.answer)
    except ImplausibleValue:
        return None, None
    refs = (getattr(content, name, None) for name in _REFERENCE_FIELDS)
    return content, str(next((ref for ref in refs if ref is not None), ""))


def request_log(
    endpoint: Endpoint[T], parameters: Parameters, response: ApiResponse | None, cause: str
) -> RequestLog | None:
    """Return the record of a request: its parameters without time and signature, and the answer, cut short."""
    if endpoint.secret:
        return None
    given = (f"{name}={value}" for name, value in (parameters or {}).items() if value is not None)
    asked = " ".join([endpoint.name, *given])
    if response is None:
        return RequestLog(asked, f"no answer: {cause}")
    body = response.body[:MAX_LOGGED_BYTES].decode("utf-8", errors="replace")
    return RequestLog(asked, f"{cause} {body}".rstrip().replace("\0", "\ufffd"))

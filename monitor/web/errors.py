"""Errors as HTTP answers: the status of each, and its document as `--json` prints it."""

from collections.abc import Callable, Mapping

from aiohttp import hdrs, web

from monitor.errors import CommandRefused, MonitorError, ParameterInvalid, RecordNotFound, StoreError, UsageError
from monitor.view.documents.errors import request_error_document
from monitor.view.json_values import encode_value
from monitor.web.security.refusal import RequestRefused


def status_of(error: MonitorError) -> int:
    """Return the HTTP status of an error."""
    match error:
        case RequestRefused():
            return error.status
        case UsageError():
            return 400
        case RecordNotFound():
            return 404
        case CommandRefused():
            return 409
        case StoreError():
            return 503
        case _:
            return 500


def redact_error(error: MonitorError, redact: Callable[[str], str]) -> None:
    """Remove known secrets from the error's texts."""
    error.message, error.where, error.mend = redact(error.message), redact(error.where), redact(error.mend)
    if isinstance(error, ParameterInvalid):
        error.parameter = redact(error.parameter)


def error_from_http(error: web.HTTPException) -> RequestRefused:
    """Return an error of the HTTP library in the form of ours."""
    kept = {str(name): error.headers[name] for name in (hdrs.ALLOW,) if name in error.headers}
    code, message, mend = _HTTP_ERRORS.get(error.status, ("http", error.reason.lower(), ""))
    return RequestRefused(error.status, code, message, mend=mend, headers=kept)


def json_error(error: MonitorError) -> web.Response:
    """Return the answer of the API to a request that failed."""
    headers: Mapping[str, str] = error.headers if isinstance(error, RequestRefused) else {}
    # `redact_error` has done it.
    text = encode_value(request_error_document(error))
    return web.Response(status=status_of(error), text=text, content_type="application/json", headers=headers)


_HTTP_ERRORS = {
    400: ("bad_request", "the request can't be read", ""),
    404: ("not_found", "there is nothing at this address", ""),
    405: ("method_not_allowed", "this address does not take this method", "see the header Allow"),
    413: ("too_large", "the body is too large", "send less than 16 KiB"),
    415: ("unsupported_media_type", "the body is of a type that is not read here", ""),
}

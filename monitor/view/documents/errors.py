"""An error as a JSON document."""

from monitor.errors import ExchangeError, MonitorError, ParameterInvalid
from monitor.view.documents.types.errors import ErrorDetailDocument, ErrorDocument


def error_document(error: MonitorError) -> ErrorDocument:
    """The error as `--json` prints it, with further mistakes of the same file."""
    document: ErrorDocument = {"error": _error_detail(error, error.where)}
    others: tuple[MonitorError, ...] = getattr(error, "others", ())
    if others:
        document["others"] = [_error_detail(other, other.where) for other in others]
    return document


def request_error_document(error: MonitorError) -> ErrorDocument:
    """The error as the API sends it: the place of a parameter is its name, without the dashes of an option."""
    where = error.parameter if isinstance(error, ParameterInvalid) else error.where
    return {"error": _error_detail(error, where)}


def _error_detail(error: MonitorError, where: str) -> ErrorDetailDocument:
    detail: ErrorDetailDocument = {"code": error.code, "message": error.message}
    if where:
        detail["where"] = where
    if error.mend:
        detail["mend"] = error.mend
    if isinstance(error, ExchangeError) and error.venue_code is not None:
        detail["exchange"] = {"code": error.venue_code, "msg": error.venue_message}
    return detail

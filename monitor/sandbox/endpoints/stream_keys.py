"""Listen tokens of account streams and listen keys of the risk stream."""

from monitor.sandbox.api.errors import SimApiError, invalid_parameter
from monitor.sandbox.endpoints.registry import EndpointCall, endpoint

MAX_LISTEN_TOKEN_MS = 24 * 3600 * 1000


@endpoint("POST", "/sapi/v1/userListenToken", "EITHER", 1, "UID")
def new_listen_token(call: EndpointCall) -> object:
    """A token for the account stream of cross, or of one isolated pair."""
    symbol = None
    if call.params.flag("isIsolated"):
        symbol = call.params.required("symbol")
        call.isolated(symbol)
    else:
        call.cross()
    validity = call.params.integer("validity")
    if validity is not None and not 0 < validity <= MAX_LISTEN_TOKEN_MS:
        raise invalid_parameter("validity")
    token, expires_ms = call.user_streams.new_token(call.account.name, symbol, validity or MAX_LISTEN_TOKEN_MS)
    return {"token": token, "expirationTime": expires_ms}


@endpoint("POST", "/sapi/v1/margin/listen-key", "KEYED", 1, "UID")
def open_risk_key(call: EndpointCall) -> object:
    """The key of the risk stream: the present one, extended, or a new one."""
    call.cross()
    return {"listenKey": call.user_streams.open_key(call.account.name, "v1")}


@endpoint("PUT", "/sapi/v1/margin/listen-key", "KEYED", 1, "UID")
def extend_risk_key(call: EndpointCall) -> object:
    """Extend the key of the risk stream."""
    return _extend_key(call, "v1")


@endpoint("DELETE", "/sapi/v1/margin/listen-key", "KEYED", 3000, "UID")
def close_risk_key(call: EndpointCall) -> object:
    """Drop the key of the risk stream."""
    call.user_streams.close_key(call.account.name, "v1")
    return {}


@endpoint("POST", "/sapi/v2/margin/listen-key", "KEYED", 1)
def open_unified_key(call: EndpointCall) -> object:
    """The key of the unified stream."""
    return {"listenKey": call.user_streams.open_key(call.account.name, "v2")}


@endpoint("PUT", "/sapi/v2/margin/listen-key", "KEYED", 1)
def extend_unified_key(call: EndpointCall) -> object:
    """Extend the key of the unified stream."""
    return _extend_key(call, "v2")


@endpoint("DELETE", "/sapi/v2/margin/listen-key", "KEYED", 1)
def close_unified_key(call: EndpointCall) -> object:
    """Drop the key of the unified stream."""
    call.user_streams.close_key(call.account.name, "v2")
    return {}


def _extend_key(call: EndpointCall, family: str) -> object:
    if not call.user_streams.extend_key(call.account.name, family, call.params.required("listenKey")):
        raise SimApiError(-1125, "This listenKey does not exist.")
    return {}

"""Retired paths, and the possible answers to them."""

from collections.abc import Mapping

from aiohttp import web

from monitor.sandbox.scenario.scenario import ApiInterpretations

_NOT_FOUND = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"
_GONE = '{"code":-1016,"msg":"This service is no longer available."}'

# Path -> retired methods. GET /sapi/v1/margin/transfer still works, its POST does not.
RETIRED_PATHS: Mapping[str, tuple[str, ...]] = {
    "/sapi/v1/margin/loan": ("GET", "POST"),
    "/sapi/v1/margin/repay": ("GET", "POST"),
    "/sapi/v1/margin/transfer": ("POST",),
    "/sapi/v1/margin/isolated/transfer": ("GET", "POST"),
    "/sapi/v1/margin/asset": ("GET",),
    "/sapi/v1/margin/pair": ("GET",),
    "/sapi/v1/margin/isolated/pair": ("GET",),
    "/sapi/v1/margin/dust": ("GET", "POST"),
    "/sapi/v1/margin/dribblet": ("GET",),
    "/sapi/v1/margin/leverageBracket": ("GET",),
    "/sapi/v1/userDataStream": ("POST", "PUT", "DELETE"),
    "/sapi/v1/userDataStream/isolated": ("POST", "PUT", "DELETE"),
    "/api/v3/userDataStream": ("POST", "PUT", "DELETE"),
}


def unknown_path_response(method: str, path: str, interpretations: ApiInterpretations) -> web.Response:
    """The answer for a path that is not served: for a retired one by the interpretations, else 404 with HTML."""
    if method not in RETIRED_PATHS.get(path, ()):
        return web.Response(text=_NOT_FOUND, status=404, content_type="text/html")
    status = interpretations.retired_path_status
    match interpretations.retired_path_body:
        case "html":
            return web.Response(text=_NOT_FOUND, status=status, content_type="text/html")
        case "empty":
            return web.Response(status=status)
        case "json":
            return web.Response(text=_GONE, status=status, content_type="application/json")

"""Corrupted answers: cut short, of wrong types, contradictory."""

from collections.abc import Callable

import msgspec
from aiohttp import web

HTML_BODY = "<html><head><title>403 Forbidden</title></head><body>Request blocked.</body></html>"


def corrupt(response: web.Response, form: str) -> web.Response:
    """The response with its body corrupted by `form` (see faults.MALFORMED_BODIES)."""
    raw = response.body if isinstance(response.body, bytes) else b""
    if form == "html":
        return web.Response(text=HTML_BODY, content_type="text/html")
    return web.Response(body=_CORRUPTIONS[form](raw), status=response.status, content_type="application/json")


def _truncate(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def _rewrite_values(change: Callable[[str, object], object]) -> Callable[[bytes], bytes]:
    def rewrite(raw: bytes) -> bytes:
        return msgspec.json.encode(_map_values("", msgspec.json.decode(raw), change))

    return rewrite


def _map_values(name: str, value: object, change: Callable[[str, object], object]) -> object:
    if isinstance(value, dict):
        return {key: _map_values(key, one, change) for key, one in value.items()}
    if isinstance(value, list):
        return [_map_values(name, item, change) for item in value]
    return change(name, value)


def _is_number(value: object) -> bool:
    return isinstance(value, str) and value.replace(".", "", 1).replace("-", "", 1).isdigit()


def _nan(_name: str, value: object) -> object:
    return "NaN" if _is_number(value) else value


def _wrong_types(_name: str, value: object) -> object:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return [value]
    return {"value": value} if isinstance(value, str) else value


def _contradict(name: str, value: object) -> object:
    return "37.00000000" if name == "marginLevel" else value


def _missing_rows(raw: bytes) -> bytes:
    answer = msgspec.json.decode(raw)
    if isinstance(answer, dict):
        for name in ("userAssets", "assets", "rows"):
            if name in answer:
                answer[name] = answer[name][: len(answer[name]) // 2]
    return msgspec.json.encode(answer[: len(answer) // 2] if isinstance(answer, list) else answer)


def _odd_row(raw: bytes) -> bytes:
    """Replace the numbers in the first row of the list."""
    answer = msgspec.json.decode(raw)
    rows = answer
    if isinstance(answer, dict):
        rows = next((answer[name] for name in ("userAssets", "assets", "rows", "symbols") if name in answer), None)
    if isinstance(rows, list) and rows:
        rows[0] = _map_values("", rows[0], _nan)
    return msgspec.json.encode(answer)


_CORRUPTIONS: dict[str, Callable[[bytes], bytes]] = {
    "truncated": _truncate,
    "nan": _rewrite_values(_nan),
    "wrong_types": _rewrite_values(_wrong_types),
    "contradiction": _rewrite_values(_contradict),
    "missing_rows": _missing_rows,
    "odd_row": _odd_row,
    "empty": lambda _raw: b"",
    "not_json": lambda _raw: b"Service Unavailable.",
}

"""Forms as browsers send them: read once, as UTF-8, and bounded."""

import re
from urllib.parse import parse_qs

from aiohttp import web

from monitor.web.security.refusal import RequestRefused

MAX_FIELDS = 50
FORM_TYPE = "application/x-www-form-urlencoded"

_LOCAL_PATH = re.compile(r"/(?!/)[A-Za-z0-9/_.~%?=&+:,-]*")


def is_form(request: web.BaseRequest) -> bool:
    """Return whether the body is a form."""
    return request.content_type == FORM_TYPE


async def read_form(request: web.BaseRequest) -> dict[str, list[str]]:
    """Return the fields of the form, each with its values; empty for a body of another type.

    Raises RequestRefused for a form that can't be read, and HTTPRequestEntityTooLarge.
    """
    if not is_form(request):
        return {}
    body = await request.read()
    try:
        return parse_qs(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise RequestRefused(400, "bad_request", "the form can't be read", mend="send it as UTF-8") from error


async def read_field(request: web.BaseRequest, name: str) -> str:
    """Return the first value of a field of the form; empty where there is none."""
    values = (await read_form(request)).get(name)
    return values[0] if values else ""


async def next_page(request: web.BaseRequest, default: str = "/") -> str:
    """Return the page that follows the form: its field `next` where that is a path of this server."""
    wanted = await read_field(request, "next")
    return wanted if _LOCAL_PATH.fullmatch(wanted) else default

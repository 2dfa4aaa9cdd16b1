"""Fields of a command's body: a JSON object, or a form of a page."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from monitor.core.alerting.silence_matchers import matcher_text
from monitor.core.model.alert import SilenceMatcher
from monitor.errors import UsageError, suggest_nearest
from monitor.web.security.access import FORM_TOKEN_FIELD
from monitor.web.security.forms import FORM_TYPE, is_form, read_form
from monitor.web.security.refusal import RequestRefused

_FORM_ONLY = (FORM_TOKEN_FIELD, "next")
_FLAGS = {"true": True, "on": True, "1": True, "false": False, "0": False, "": False}


class CommandFields:
    """The fields of one command. Every method raises UsageError for a value of the wrong type."""

    def __init__(self, values: Mapping[str, Any], *, is_form: bool) -> None:
        self._values = values
        self.is_form = is_form

    def text(self, name: str) -> str:
        """Return a required text."""
        value = self._values.get(name)
        if value is None:
            raise UsageError("is missing", where=name)
        if not isinstance(value, str):
            raise UsageError("is not a text", where=name)
        if not all(character.isprintable() or character.isspace() for character in value):
            raise UsageError("holds a character that can't be shown", where=name, mend="write it anew")
        return value

    def flag(self, name: str) -> bool:
        """Return a flag; an absent one is false."""
        value = self._values.get(name, False)
        if self.is_form and isinstance(value, str):
            value = _FLAGS.get(value)
        if not isinstance(value, bool):
            raise UsageError("is neither true nor false", where=name)
        return value

    def matchers(self, name: str) -> list[str]:
        """Return the matchers of a silence, each as text such as `rule=low`.

        In JSON they may be objects as well, as silences show them.
        """
        value = self._values.get(name)
        if value is None:
            raise UsageError("is missing", where=name, mend='write it like ["rule=low"]')
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list) or not value:
            raise UsageError("is not a list of matchers", where=name, mend='write it like ["rule=low"]')
        return [_matcher_text(item, f"{name}[{index}]") for index, item in enumerate(value)]


async def read_fields(request: web.Request, known: Sequence[str], repeated: Sequence[str] = ()) -> CommandFields:
    """Return the fields of the body. Raises UsageError for unknown ones, and RequestRefused for an unreadable body.

    `repeated` are fields that a form may hold several times.
    """
    if is_form(request):
        form = await read_form(request)
        values: dict[str, Any] = {
            name: given if name in repeated else given[0] for name, given in form.items() if name not in _FORM_ONLY
        }
    else:
        values = await _read_json_object(request)
    for name in values:
        if name not in known:
            mend = suggest_nearest(name, known) if known else "leave it out"
            raise UsageError("there is no such field", where=name[:40], mend=mend)
    return CommandFields(values, is_form=is_form(request))


async def _read_json_object(request: web.Request) -> dict[str, Any]:
    body = await request.read()
    if not body:
        return {}
    if request.content_type not in ("application/json", "application/octet-stream"):
        raise RequestRefused(
            415,
            "unsupported_media_type",
            "the body is of a type that is not read here",
            mend=f"send JSON or {FORM_TYPE}",
        )
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError("the body is not JSON", mend="send one JSON object") from error
    if not isinstance(value, dict):
        raise UsageError("the body is not an object", mend="send one JSON object")
    return value


def _matcher_text(item: object, where: str) -> str:
    match item:
        case str():
            return item
        case {"name": str(name), "op": ("=" | "!=" | "=~" | "!~") as op, "value": str(value), **others} if not others:
            return matcher_text(SilenceMatcher(name, op, value))
        case _:
            raise UsageError("is not a matcher", where=where, mend='write it like "rule=low"')

"""The page of the HTTP API and of the documents that `--json` prints, made of the API's own description."""

from collections.abc import Iterator, Mapping
from typing import Any

from docs.generate.markdown import GENERATED_NOTE, table
from monitor import __version__
from monitor.core.model.metric import METRICS
from monitor.web.api.openapi import openapi_document
from monitor.web.settings import WebSettings

Schema = Mapping[str, Any]

_FORMATS = {"date-time": "time", "date": "day"}
_REF = "#/components/schemas/"


def api_page() -> str:
    """Every address with its parameters and answers, and every type of its documents."""
    described = openapi_document(WebSettings("127.0.0.1:9184", "", True, __version__))
    responses: Schema = described["components"]["responses"]
    lines = [GENERATED_NOTE, "", "# The HTTP API, and the documents of `--json`", "", _INTRODUCTION, ""]
    lines += ["## Addresses", ""]
    operations = [
        (method.upper(), path, operation)
        for path, of_path in described["paths"].items()
        for method, operation in of_path.items()
    ]
    rows = (
        (f"`{method} {path}`", operation["summary"], _body(operation), _answer(operation))
        for method, path, operation in operations
    )
    lines += table(("request", "purpose", "body", "answer"), rows)
    lines += ["", "## Parameters", ""]
    lines += table(
        ("request", "parameter", "value", "meaning"),
        (
            (f"`{method} {path}`", f"`{each['name']}`", _words(each["schema"]), each["description"])
            for method, path, operation in operations
            for each in operation.get("parameters", ())
        ),
    )
    lines += ["", "## Answers to a request that fails", "", _ERRORS_INTRODUCTION, ""]
    lines += table(("status", "meaning"), ((status, each["description"]) for status, each in responses.items()))
    lines += ["", "## Messages to a webhook", "", _WEBHOOK_INTRODUCTION, ""]
    body: Schema = described["webhooks"]["message"]["post"]["requestBody"]
    lines += [f"The object is {_words(body['content']['application/json']['schema'])}."]
    lines += ["", "## Types", "", _TYPES_INTRODUCTION]
    for name, schema in described["components"]["schemas"].items():
        lines += ["", *_type_section(name, schema)]
    return "\n".join(lines) + "\n"


def _body(operation: Schema) -> str:
    if "requestBody" not in operation:
        return ""
    return _words(operation["requestBody"]["content"]["application/json"]["schema"])


def _answer(operation: Schema) -> str:
    content: Schema = operation["responses"]["200"].get("content", {})
    for media_type, of_type in content.items():
        return _words(of_type["schema"]) if media_type == "application/json" and of_type["schema"] else media_type
    return ""


def _type_section(name: str, schema: Schema) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    if "enum" in schema:
        yield f"One of {_words(schema)}."
        return
    yield " ".join(schema.get("description", "").split())
    yield ""
    required = schema.get("required", ())
    yield from table(
        ("field", "value"),
        (
            (f"`{field}`" if field in required else f"`{field}`, may be missing", _words(of_field))
            for field, of_field in schema["properties"].items()
        ),
    )


def _words(schema: Schema) -> str:
    """The value of a field in words."""
    match schema:
        case {"$ref": str(ref)}:
            name = ref.removeprefix(_REF)
            return f"[{name}](#{name.lower()})"
        case {"anyOf": list(choices)}:
            words = [_words(choice) for choice in choices]
            return " or ".join(sorted(words, key=lambda word: word == "null"))
        case {"enum": list(values)} if values == list(METRICS):
            return "name of a [metric](metrics.md)"
        case {"enum": list(values)}:
            return ", ".join(f"`{value}`" for value in values)
        case {"prefixItems": list(items)}:
            return f"[{', '.join(_words(item) for item in items)}]"
        case {"type": "array", "items": dict(items)}:
            return f"list of {_words(items)}"
        case {"format": str(name)}:
            return _FORMATS[name]
        case {"type": "string", "pattern": str()}:
            return "decimal"
        case {"type": "number"}:
            return "seconds"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"object of {_words(values)}"
        case {"type": str(name)}:
            return {"string": "text", "integer": "number", "boolean": "true or false"}.get(name, name)
        case _:
            return "any value"


_INTRODUCTION = """\
With `[http]` the daemon sends the documents that commands print with `--json`, byte for byte, and describes them in
OpenAPI 3.1 at `/api/v1/openapi.json`. GET never changes anything. Everything else needs the header
`Authorization: Bearer TOKEN`, or the session of the page with its form token; without `token` in `[http]` it is
refused. An answer holds at most 1000 alerts, intents or events, the newest ones; commands print all. A history of more
than 100,000 samples is refused, and so is interest in more than 10,000 sums."""

_ERRORS_INTRODUCTION = """\
The body is an [ErrorDocument](#errordocument), as `--json` prints it; `where` names the parameter or the field."""

_WEBHOOK_INTRODUCTION = """\
A channel with `webhook` is sent one JSON object a message, by POST ([channels](../guide/channels.md))."""

_TYPES_INTRODUCTION = """\
*decimal* is a number as text, without exponent; *time* is RFC 3339 in UTC with milliseconds; *seconds* is a number. A
field that may be missing is one that documents of older programs lack, or one that says nothing where it is absent.
Fields may be added, never renamed or removed."""

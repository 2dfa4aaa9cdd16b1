"""`GET /api/v1/openapi.json`: the API in OpenAPI 3.1, made of the types of its documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
from aiohttp import web

from monitor.view.documents.types.actions import ActionDocument, ActionListDocument, PauseDocument
from monitor.view.documents.types.alerts import (
    AlertDocument,
    AlertListDocument,
    AlertMessageDocument,
    BareAlertMessageDocument,
    DrillDocument,
    MatcherDocument,
    NoticeMessageDocument,
    SilenceDocument,
)
from monitor.view.documents.types.errors import ErrorDocument
from monitor.view.documents.types.events import EventListDocument
from monitor.view.documents.types.history import HistoryListDocument
from monitor.view.documents.types.interest import InterestDocument
from monitor.view.documents.types.rules import RuleListDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.view.documents.types.stress import StressDocument
from monitor.view.json_values import encode_document
from monitor.web.api.api_parameters import DOCUMENT_PARAMETERS, Parameter, number_parameter
from monitor.web.context import WebContext
from monitor.web.security.access import FORM_TOKEN_HEADER
from monitor.web.security.sessions import cookie_name
from monitor.web.settings import WebSettings

PATH = "/api/v1/openapi.json"

Schema = dict[str, Any]


Comment = Annotated[str, msgspec.Meta(min_length=1, max_length=500, examples=["selling by hand"])]


class AckRequest(TypedDict):
    """An acknowledgement: no reminders and no escalation."""

    comment: Comment


class SilenceRequest(TypedDict):
    """A silence that begins now. A matcher is a text such as `rule=low`, or an object as silences show it."""

    matchers: Annotated[list[str | MatcherDocument], msgspec.Meta(min_length=1, examples=[["rule=thin"]])]
    duration: Annotated[str, msgspec.Meta(min_length=1, examples=["2h"])]
    comment: Comment
    include_critical: NotRequired[bool]


class DrillRequest(TypedDict):
    """A drill of one rule."""

    rule: Annotated[str, msgspec.Meta(min_length=1, examples=["cross-margin-low"])]


@dataclass(frozen=True, slots=True)
class ApiCommand:
    """A command of people: its address, what it does, its body and its answer."""

    method: str
    path: str
    summary: str
    answer: type
    body: type | None = None
    item: str = ""
    """What the number in the path names."""


DOCUMENTS: Mapping[str, tuple[type, str]] = {
    "status": (StatusDocument, "The distance of each account from liquidation, and the age of the figures"),
    "alerts": (AlertListDocument, "The open alerts, or all"),
    "events": (EventListDocument, "Recorded stream events"),
    "actions": (ActionListDocument, "The intents that are not settled, or all"),
    "interest": (InterestDocument, "Interest paid, current rates, projected cost"),
    "history": (HistoryListDocument, "Recorded samples of a metric"),
    "stress": (StressDocument, "Each scope after a price shock"),
    "rules": (RuleListDocument, "The rules in force"),
}

COMMANDS: Sequence[ApiCommand] = (
    ApiCommand("post", "/api/v1/alerts/{id}/ack", "Acknowledge an alert", AlertDocument, AckRequest, "alert"),
    ApiCommand("post", "/api/v1/silences", "Start a silence", SilenceDocument, SilenceRequest),
    ApiCommand("delete", "/api/v1/silences/{id}", "End a silence", SilenceDocument, item="silence"),
    ApiCommand("post", "/api/v1/actions/pause", "Send no orders until resumed", PauseDocument),
    ApiCommand("post", "/api/v1/actions/resume", "Send orders again", PauseDocument),
    ApiCommand("post", "/api/v1/actions/{id}/approve", "Approve a proposed intent", ActionDocument, item="intent"),
    ApiCommand("post", "/api/v1/actions/{id}/reject", "Reject a proposed intent", ActionDocument, item="intent"),
    ApiCommand("post", "/api/v1/drill", "Let a rule's messages be sent as an exercise", DrillDocument, DrillRequest),
)

WEBHOOK_MESSAGES: Sequence[type] = (AlertMessageDocument, BareAlertMessageDocument, NoticeMessageDocument)
"""The objects that a channel with `webhook` is sent."""

_ERRORS = {
    400: "A parameter, a field or the request itself can't be read; `where` names it",
    401: "Neither the token nor an open session",
    403: "No token is configured, or the form is not one of the session's page",
    404: "There is no such number",
    409: "Not possible in the present state; the message has the reason",
    413: "The body is too large",
    415: "The body is neither JSON nor a form",
    421: "The Host header names neither the listen address nor public_url",
    429: "Too many wrong tokens came from this address",
    503: "The database fails, too much is asked for at a time, or the answer took too long",
}
_READ_ERRORS = (400, 413, 421, 503)
_WRITE_ERRORS = tuple(_ERRORS)


def add_routes(app: web.Application, context: WebContext) -> None:
    """Add the description; it is built when it is asked for first."""
    built: list[bytes] = []

    async def send(_: web.Request) -> web.Response:
        if not built:
            built.append(encode_document(openapi_document(context.settings), str).encode())
        return web.Response(body=built[0], content_type="application/json")

    app.router.add_get(PATH, send)


def openapi_document(settings: WebSettings) -> Schema:
    """The API as it is served with these settings."""
    types = [ErrorDocument, *(type_ for type_, _ in DOCUMENTS.values())]
    types += [*(command.answer for command in COMMANDS), *WEBHOOK_MESSAGES]
    bodies = [command.body for command in COMMANDS if command.body is not None]
    _, schemas = msgspec.json.schema_components([*types, *bodies], ref_template="#/components/schemas/{name}")
    for body in bodies:
        schemas[body.__name__]["additionalProperties"] = False
    paths: dict[str, Schema] = {
        f"/api/v1/{name}": {"get": _read_operation(name, type_, summary)}
        for name, (type_, summary) in DOCUMENTS.items()
    }
    for command in COMMANDS:
        paths.setdefault(command.path, {})[command.method] = _write_operation(command)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "margin-monitor",
            "version": settings.version,
            "summary": "The documents that `--json` prints, and the commands of people",
            "description": "Decimals are text without exponent, times RFC 3339 in UTC, durations seconds. "
            "Fields may be added, never renamed. GET never changes anything.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.public_url.rstrip("/") or "/"}],
        "paths": paths | _other_paths(),
        "webhooks": {"message": {"post": _webhook_operation()}},
        "components": {
            "schemas": schemas,
            "responses": {str(status): _error_response(status) for status in _ERRORS},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The token of [http]"},
                "session": {"type": "apiKey", "in": "cookie", "name": cookie_name(settings.port)},
                "form_token": {"type": "apiKey", "in": "header", "name": FORM_TOKEN_HEADER},
            },
        },
    }


def _read_operation(name: str, type_: type, summary: str) -> Schema:
    return {
        "operationId": f"read_{name}",
        "summary": summary,
        "parameters": list(DOCUMENT_PARAMETERS[name]),
        "responses": {"200": _json_response(type_)} | _errors(_READ_ERRORS),
    }


def _write_operation(command: ApiCommand) -> Schema:
    words = [word for word in command.path.removeprefix("/api/v1/").split("/") if word != "{id}"]
    parameters: list[Parameter] = [number_parameter(command.item)] if command.item else []
    operation: Schema = {
        "operationId": "_".join([command.method, *words]),
        "summary": command.summary,
        "security": [{"token": []}, {"session": [], "form_token": []}],
        "responses": {
            "200": _json_response(command.answer),
            "303": {
                "description": "To the page that shows it: the answer to a form with the same fields and `form_token`",
                "headers": {"Location": {"schema": {"type": "string"}}},
            },
        }
        | _errors(_WRITE_ERRORS),
    }
    if parameters:
        operation["parameters"] = parameters
    if command.body is not None:
        schema = {"$ref": f"#/components/schemas/{command.body.__name__}"}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _webhook_operation() -> Schema:
    choices = [{"$ref": f"#/components/schemas/{type_.__name__}"} for type_ in WEBHOOK_MESSAGES]
    return {
        "operationId": "receive_message",
        "summary": "One message to a channel with `webhook`: sent by the daemon to the address of the channel",
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"anyOf": choices}}}},
        "responses": {
            "2XX": {"description": "Accepted"},
            "default": {"description": "Not accepted: it is sent again, after `Retry-After` where that is given"},
        },
    }


def _other_paths() -> Schema:
    text = {"text/plain": {"schema": {"type": "string"}}}
    last_id = {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The id of the last event that was received: later ones follow.",
        "schema": {"type": "string"},
    }
    unready = {"description": "Not ready; one reason a line", "content": text}
    return {
        "/api/v1/live": {
            "get": {
                "operationId": "follow",
                "summary": "Server-sent events `status`, `alert` and `action`, each with its document and an id",
                "parameters": [last_id],
                "responses": {
                    "200": {
                        "description": "Events until the connection ends",
                        "content": {"text/event-stream": {"schema": {"type": "string"}}},
                    }
                }
                | _errors(_READ_ERRORS),
            }
        },
        PATH: {
            "get": {
                "operationId": "describe",
                "summary": "This description",
                "responses": {
                    "200": {"description": "OpenAPI 3.1", "content": {"application/json": {"schema": {}}}},
                }
                | _errors(_READ_ERRORS),
            }
        },
        "/healthz": {
            "get": {
                "operationId": "check_life",
                "summary": "The process turns",
                "responses": {"200": {"description": "It does", "content": text}} | _errors((400, 413, 421)),
            }
        },
        "/readyz": {
            "get": {
                "operationId": "check_readiness",
                "summary": "Data are fresh, conditions are known, the store works, each account runs",
                "responses": {"200": {"description": "Ready", "content": text}, "503": unready}
                | _errors((400, 413, 421)),
            }
        },
    }


def _json_response(type_: type) -> Schema:
    schema = {"$ref": f"#/components/schemas/{type_.__name__}"}
    return {
        "description": (type_.__doc__ or "").partition("\n")[0],
        "content": {"application/json": {"schema": schema}},
    }


def _errors(statuses: Sequence[int]) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _error_response(status: int) -> Schema:
    response: Schema = {
        "description": _ERRORS[status],
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorDocument"}}},
    }
    headers = {401: "WWW-Authenticate", 429: "Retry-After"}
    if status in headers:
        response["headers"] = {headers[status]: {"schema": {"type": "string"}}}
    return response

"""The description of the API: valid OpenAPI 3.1, with every document, parameter and type."""

from dataclasses import fields
from typing import Any

import pytest

from monitor.app.documents.requests import REQUESTS
from monitor.web.api.api_parameters import DOCUMENT_PARAMETERS
from monitor.web.api.openapi import DOCUMENTS, openapi_document
from monitor.web.application import build_application
from monitor.web.context import WebContext
from monitor.web.settings import WebSettings
from tests.support.examples.document_types import PRINTED

COMMAND_OF = {"rules": ("rules", "list")}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return openapi_document(WebSettings("127.0.0.1:9184", "https://watch.example/", True, "0.1.0"))


def test_the_description_is_valid(described: dict[str, Any]) -> None:
    # Each worker of a test session collects this module; the library takes a second.
    from openapi_spec_validator import OpenAPIV31SpecValidator

    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []
    assert described["servers"] == [{"url": "https://watch.example"}]


def test_every_route_of_the_api_is_described_and_nothing_else(described: dict[str, Any]) -> None:
    parts: list[Any] = [None] * len(fields(WebContext))
    # Routes are made before any part of the program is asked.
    app = build_application(WebContext(*parts))
    served = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}
    expected = {(method.upper(), path) for path, of_path in described["paths"].items() for method in of_path}
    assert {(method, path) for method, path in served if _is_described(method, path)} == expected


def _is_described(method: str, path: str) -> bool:
    return method != "HEAD" and (path.startswith("/api/") or path in ("/healthz", "/readyz"))


def test_every_document_has_the_parameters_that_are_read() -> None:
    described = {name: tuple(parameter["name"] for parameter in of) for name, of in DOCUMENT_PARAMETERS.items()}
    assert described == {name: REQUESTS[name][0] for name in DOCUMENTS}


def test_every_document_is_of_the_type_that_its_command_prints() -> None:
    printed = {name: PRINTED[COMMAND_OF.get(name, (name,))] for name in DOCUMENTS}
    assert {name: type_ for name, (type_, _) in DOCUMENTS.items()} == printed


def test_every_operation_has_a_name_of_its_own_and_documents_a_wrong_host(described: dict[str, Any]) -> None:
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all("421" in operation["responses"] for operation in operations)


def test_every_command_needs_the_token_or_a_session_with_its_form_token(described: dict[str, Any]) -> None:
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            needed: Any = [{"token": []}, {"session": [], "form_token": []}] if method != "get" else None
            assert operation.get("security") == needed, path

"""Fixtures that more than one part uses."""

import pytest

from tests.support.databases import (
    database_url,
    empty_database_url,
    postgres_server,
    postgres_template,
    sqlite_template,
)
from tests.support.postgres import begin_session, end_session

__all__ = ["database_url", "empty_database_url", "postgres_server", "postgres_template", "sqlite_template"]


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        begin_session()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        end_session()

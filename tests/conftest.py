"""Fixtures that more than one part uses."""

import gc
import logging
import signal
from collections.abc import Iterator

import pytest

from tests.support.databases import (
    database_url,
    empty_database_url,
    postgres_server,
    postgres_template,
    sqlite_template,
)
from tests.support.postgres import begin_session, end_session
from tests.support.timeouts import stretched_timeouts

__all__ = [
    "database_url",
    "empty_database_url",
    "postgres_server",
    "postgres_template",
    "sqlite_template",
    "stretched_timeouts",
]


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """The root logger as it was before a test that started the program's own logging in this process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Freeze the collected tests and their modules: scanning them for garbage would be a tenth of the CPU of a run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


session_folder = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    # A shell's background job ignores Ctrl-C, and every program that it starts inherits that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.stash[session_folder] = begin_session()


def pytest_unconfigure(config: pytest.Config) -> None:
    if session_folder in config.stash:
        end_session(config.stash[session_folder])

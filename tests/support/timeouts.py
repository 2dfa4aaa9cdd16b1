"""Time-outs of the program, stretched: tested behaviour is the same on a busy machine."""

from importlib import import_module

import pytest

TIMEOUT_CONSTANTS = (
    "monitor.store.db.writer.WRITE_TIMEOUT_S",
    "monitor.store.db.reader.READ_TIMEOUT_S",
    "monitor.runtime.messages.delivery_store.STORE_TIMEOUT_S",
    "monitor.runtime.messages.delivery_store.RESTORE_TIMEOUT_S",
    "monitor.runtime.messages.message_builder.CHART_READ_TIMEOUT_S",
    "monitor.runtime.messages.message_builder.CHART_DRAW_TIMEOUT_S",
)
"""Time-outs after which the database or the drawing counts as failed, and the program goes on without."""

TIMEOUT_FACTOR = 10

DEADLINE_FACTOR = 3
"""Factor for tests' deadlines, which are those of an idle machine."""

SOON_S = 60.0
"""Machine seconds within which a short operation is done on any machine."""


@pytest.fixture(autouse=True)
def stretched_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time-outs of this process, ten times as long. A module that tests a time-out defines its own."""
    for bound in TIMEOUT_CONSTANTS:
        module, _, name = bound.rpartition(".")
        found = import_module(module)
        monkeypatch.setattr(found, name, getattr(found, name) * TIMEOUT_FACTOR)

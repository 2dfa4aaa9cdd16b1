"""How long the program waits for its own machine, stretched: what is tested behaves the same on a busy one."""

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
"""After so long the database or the drawing counts as one that does not answer, and the program goes on without."""

TIMEOUT_FACTOR = 10

DEADLINE_FACTOR = 3
"""By so much longer than its deadline says a test waits: deadlines are those of a machine that does nothing else."""

SOON_S = 60.0
"""Machine seconds within which what takes a moment has happened on any machine."""


@pytest.fixture(autouse=True)
def stretched_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds of this process, ten times as long. A module that tests the bounds themselves defines its own."""
    for bound in TIMEOUT_CONSTANTS:
        module, _, name = bound.rpartition(".")
        found = import_module(module)
        monkeypatch.setattr(found, name, getattr(found, name) * TIMEOUT_FACTOR)

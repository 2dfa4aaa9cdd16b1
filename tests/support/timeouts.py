"""How long the program waits for its own machine, stretched: what is tested behaves the same on a busy one."""

from importlib import import_module

import pytest

BOUNDS = (
    "monitor.store.db.writer.PATIENCE_S",
    "monitor.store.db.reader.PATIENCE_S",
    "monitor.runtime.messages.delivery_store.ANSWER_WITHIN_S",
    "monitor.runtime.messages.delivery_store.RECALL_WITHIN_S",
    "monitor.runtime.messages.message_builder.READING_PATIENCE_S",
    "monitor.runtime.messages.message_builder.PICTURE_PATIENCE_S",
)
"""After so long the database or the drawing counts as one that does not answer, and the program goes on without."""

STRETCH = 10

BUSY = 3
"""By so much longer than its deadline says a test waits: deadlines are those of a machine that does nothing else."""

SOON_S = 60.0
"""Machine seconds within which what takes a moment has happened on any machine."""


@pytest.fixture(autouse=True)
def patient_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds of this process, ten times as long. A module that tests the bounds themselves defines its own."""
    for bound in BOUNDS:
        module, _, name = bound.rpartition(".")
        found = import_module(module)
        monkeypatch.setattr(found, name, getattr(found, name) * STRETCH)

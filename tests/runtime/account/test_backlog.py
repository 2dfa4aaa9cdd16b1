"""What waits for the database loses nothing on the way."""

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

from monitor.core.model.journal import Entry
from monitor.runtime.account.backlog import is_decided, merged
from tests.support.examples.store_rows import NOW


def test_entries_that_are_written_as_one_keep_everything_that_one_can_hold() -> None:
    texts = {"account": "main", "live": "{}", "paused_by": "foreign-hand: why"}
    full: dict[str, Any] = {one.name: (SimpleNamespace(id=1),) for one in fields(Entry)} | {"at": NOW} | texts
    entry = Entry(**full)
    assert merged([entry, Entry("main", NOW)]) == entry


def test_a_pause_that_is_refused_is_no_less_than_an_alert() -> None:
    assert is_decided(Entry("main", NOW, paused_by="foreign-hand: why"))
    assert not is_decided(Entry("main", NOW, live="{}"))

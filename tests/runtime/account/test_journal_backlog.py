"""What waits for the database loses nothing on the way."""

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

from monitor.core.model.journal import JournalEntry
from monitor.runtime.account.journal_backlog import has_decisions, merge_entries
from tests.support.examples.store_rows import NOW


def test_merged_entries_keep_everything() -> None:
    texts = {"account": "main", "live": "{}", "paused_by": "foreign-hand: why"}
    full: dict[str, Any] = {one.name: (SimpleNamespace(id=1),) for one in fields(JournalEntry)} | {"at": NOW} | texts
    entry = JournalEntry(**full)
    assert merge_entries([entry, JournalEntry("main", NOW)]) == entry


def test_refused_pause_is_retried_like_an_alert() -> None:
    assert has_decisions(JournalEntry("main", NOW, paused_by="foreign-hand: why"))
    assert not has_decisions(JournalEntry("main", NOW, live="{}"))

"""The soak in short: three hours of exchange time in a minute, every fault about once."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.event_feed import DeliveryFate, EventDelivery, SentEvent
from monitor.sandbox.faults import STREAM_FAULTS
from tests.soak.streams import Report, compare, key_of, rotation, soak


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_recorded_events_equal_sent_events_under_every_fault(tmp_path: Path) -> None:
    report = await soak(tmp_path, hours=3, minutes=1)
    assert report.is_clean, report.text()
    assert report.recorded > 500
    assert report.swallowed > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("renewal", ["extends", "refused"])
async def test_day_of_streams_costs_few_tokens_and_loses_nothing(renewal: Any, tmp_path: Path) -> None:
    report = await soak(tmp_path, hours=30, minutes=1, renewal=renewal, calmly=True)
    assert report.is_clean, report.text()
    assert report.swallowed == 0
    # Four places, each renewed or moved over every half day, and once more as connections live for less than a day.
    assert report.tokens_an_hour < 1, report.text()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_recorded_events_equal_sent_events_when_token_renewal_fails(tmp_path: Path) -> None:
    report = await soak(tmp_path, hours=3, minutes=1, seed=2, renewal="refused")
    assert report.is_clean, report.text()


def test_missing_or_extra_records_are_found(tmp_path: Path) -> None:
    kept, lost, cut = sent(1, "written"), sent(2, "written"), sent(3, "cut")
    with contextlib.closing(sqlite3.connect(tmp_path / "monitor.db")) as database, database:
        database.execute("CREATE TABLE events (key, type, stream)")
        for key in (key_of(kept), key_of(kept), "of nothing that was sent"):
            database.execute("INSERT INTO events VALUES (?, 'x', 'account')", (key,))
    report = Report()
    compare(tmp_path, [kept, lost, cut], report)
    assert (report.missing, report.doubled, report.alien, report.swallowed) == ([lost], 1, 1, 1)
    assert not report.is_clean


def sent(number: int, fate: DeliveryFate) -> SentEvent:
    return SentEvent(number, "main", None, "account", "x", f'{{"e":"x","E":{number}}}', [EventDelivery(1, fate)])


def test_rotation_holds_every_fault_that_streams_can_suffer() -> None:
    assert {fault.what for faults in rotation() for fault in faults} == set(STREAM_FAULTS)

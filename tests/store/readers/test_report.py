"""What a report finds in a day that was worked out by hand, on both databases."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from monitor.store.readers.report import read_report_rows
from monitor.store.store import Store
from monitor.store.writes import audit
from monitor.store.writes.audit import AuditHead
from monitor.view.documents.report import report_document
from monitor.view.documents.types.report import ReportDocument
from monitor.view.report.text import report_headline, report_text
from tests.support.examples.daily_report import HOUR, write_report_example
from tests.support.examples.document_types import json_form

NOW = datetime(2025, 10, 11, 8, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=1)


async def document(store: Store, since: datetime = SINCE, now: datetime = NOW) -> Any:
    rows = await store.read(read_report_rows, since, now)
    report = report_document(rows, ["main"], since, now, "0.1.0", pause_file=False)
    return json_form(report, ReportDocument)


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def stretch(since: timedelta, until: timedelta) -> dict[str, str]:
    return {"since": stamp(NOW - since), "until": stamp(NOW - until)}


async def test_report_contains_every_part_of_the_example(store: Store) -> None:
    await write_report_example(store, NOW)
    told = await document(store)
    (account,) = told["accounts"]
    cross, pair = account["scopes"]
    assert cross["lowest"] == {"margin_level": "1.21", "at": stamp(NOW - 5 * HOUR)}
    assert cross["nearest"] == {"distance_to_liquidation": "0.12", "at": stamp(NOW - 5 * HOUR)}
    (stop,) = told["actions"]["stopped_now"]
    assert (stop["account"], stop["action"], stop["why"]) == ("main", "repay-usdt", "max_per_day is used up")
    assert (cross["liabilities_usdt"], cross["liabilities_change_usdt"]) == ("60000", "-500")
    half = timedelta(minutes=30)
    assert cross["unknown"] == [stretch(10 * HOUR, 8 * HOUR), stretch(3 * HOUR, 3 * HOUR - half)]
    assert pair["unknown"] == [stretch(24 * HOUR, timedelta())]
    assert told["interest"]["total_usdt"] == "0.05"
    (alert,) = told["alerts"]
    assert (alert["id"], alert["lasted_s"], alert["undelivered"]) == (17, 1200, ["phone"])
    (moved,) = told["actions"]["moved"]
    assert (moved["kind"], moved["asset"], moved["amount"], moved["count"]) == ("repay", "USDT", "500", 1)
    assert told["actions"]["unresolved"] == [4]
    (movement,) = told["movements"]
    assert (movement["amount"], movement["origin"]) == ("250", "another hand")
    health = told["health"]
    assert health["down"] == [stretch(10 * HOUR, 8 * HOUR)]
    assert health["starts"] == 1
    assert health["disconnected"] == [{"account": "main", **stretch(5 * HOUR, timedelta(hours=4, minutes=50))}]
    assert [(one["read"], one["count"], one["cause"]) for one in health["failed_reads"]] == [("cross", 1, "HTTP 503")]
    assert [(one["channel"], one["sent"], one["failed"], one["given_up"]) for one in health["channels"]] == [
        ("mail", 1, 0, []),
        ("phone", 0, 1, ["#17"]),
    ]
    assert [silence["state"] for silence in told["quiet"]["silences"]] == ["active"]


async def test_unknown_parts_are_worded(store: Store) -> None:
    await write_report_example(store, NOW)
    words = report_text(await document(store))
    assert "main cross: no figures between 10-10 22:00 and 10-11 00:00 (2h), and once more" in words
    assert "main BTCUSDT: no figures between 10-10 08:00 and 10-11 08:00 (1d)" in words
    assert "no daemon ran between 10-10 22:00 and 10-11 00:00 (2h)" in words
    assert "repay-usdt in main cross is stopped: max_per_day is used up" in words
    assert "R-4: what became of it is not certain" in words
    assert "#17 critical was not told to phone" in words


async def test_empty_database_is_not_reported_healthy(store: Store) -> None:
    told = await document(store)
    assert report_headline(told) == "report on 1d: 2 things to look at"
    words = report_text(told)
    assert "no daemon is running: nothing is watched" in words
    assert "main: nothing is recorded of it" in words
    assert "ends at 1:" in words


async def test_audit_head_in_a_kept_report_reveals_a_truncated_trail(store: Store) -> None:
    await write_report_example(store, NOW)
    seq, _, seal = (await document(store))["audit_head"].partition(":")
    known = AuditHead(int(seq), seal)
    assert (await store.read(audit.verify_trail, known)).problems == ()
    await store.execute(_cut_off)
    assert any("its end was cut off" in flaw.message for flaw in (await store.read(audit.verify_trail, known)).problems)


def _cut_off(connection: Connection) -> None:
    """The newest row goes, by the hand of somebody who has the database."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE audit DISABLE TRIGGER USER"))
    else:
        for name in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            connection.execute(text(f"DROP TRIGGER {name}"))
    connection.execute(text("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)"))


async def test_report_over_hours_excludes_earlier_events(store: Store) -> None:
    await write_report_example(store, NOW)
    told = await document(store, NOW - 2 * HOUR)
    (account,) = told["accounts"]
    assert Decimal(account["scopes"][0]["lowest"]["margin_level"]) == Decimal("1.8333")
    assert told["alerts"] == []
    assert told["actions"]["moved"] == []
    assert told["actions"]["unresolved"] == [4]
    assert told["health"]["down"] == []

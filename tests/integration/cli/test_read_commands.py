"""The reading commands, run as a user runs them, against a database written by the store's own hand."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.metrics.unknown_conditions import UNKNOWN_GRACE
from monitor.core.model.account import CROSS, InterestCharge
from monitor.core.model.alert import Alert, AlertKey, AlertState, AlertTransition, UnknownCondition, UnknownConditions
from monitor.core.model.events import StreamEvent
from monitor.core.model.journal import JournalEntry, Sample
from monitor.store.store import Store
from monitor.store.writes.interest import record_charges
from monitor.view.documents.account import account_document
from tests.support.command import margin_monitor, write_config
from tests.support.examples import documents


@pytest.fixture
def config(tmp_path: Path, sqlite_template: Path) -> Path:
    """A config whose database exists and is empty."""
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    return write_config(tmp_path)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


READ_COMMANDS = (("status",), ("alerts",), ("alerts", "--all"), ("events",), ("interest",), ("history", "margin_level"))


@pytest.mark.parametrize("words", [("status",), ("history", "margin_level")])
def test_without_a_database_each_command_names_the_fix(tmp_path: Path, words: tuple[str, ...]) -> None:
    said = margin_monitor(write_config(tmp_path), *words, "--json")
    assert said.code == 69
    assert len(said.err.splitlines()) == 1
    assert "margin-monitor" in said.err
    assert said.json()["error"]["code"] == "store"
    assert said.json()["error"]["mend"]


@pytest.mark.parametrize("words", READ_COMMANDS)
def test_empty_database_is_no_error(config: Path, words: tuple[str, ...]) -> None:
    said = margin_monitor(config, *words)
    assert (said.code, said.err) == (0, "")
    assert said.out


def test_empty_lists_are_lists(config: Path) -> None:
    assert margin_monitor(config, "events", "--json").json() == {"items": []}
    assert margin_monitor(config, "alerts", "--jsonl").out == ""


def test_status_of_an_account_never_recorded_is_unknown(config: Path) -> None:
    document = margin_monitor(config, "status", "--json").json()
    assert [(a["account"], a["state"]) for a in document["accounts"]] == [("main", "unknown")]
    assert document["daemon"] == {"running": False, "host": None, "pid": None, "since": None, "paused": False}
    assert margin_monitor(config, "status", "--check").code == 1


async def test_status_shows_the_worked_example(config: Path, now: datetime) -> None:
    await _write(config, _status_entry(now))
    said = margin_monitor(config, "status")
    lines = said.out.splitlines()
    assert lines[0] == "NO DAEMON IS RUNNING: nothing is watched, the figures are the last recorded ones"
    assert lines[1] == "main: ok; nearest to liquidation is BTCUSDT, liquidated if BTC falls 8.0 %"
    call, liquidation = (lines[n].split() for n in (4, 5))
    # 110,000 - 1.3 x 60,000 = 32,000 of 51,000 that move: BTC at (1.3 x 60,000 - 20,000) / 1.5.
    assert call[:7] == ["cross", "1.83", "over", "1.50", "call", "1.30", "fall"]
    assert call[7:-1] == ["62.7", "%", "37,647", "BTC", "38,667"]
    # 77.19 % of the 60,000 that BTC and ETH are worth together.
    assert liquidation == ["liq.", "1.10", "fall", "77.1", "%", "46,315", "BTC", "30,667"]
    assert "30,000 USDT" in said.out
    assert "10 ETH" in said.out
    assert "main cross: if 2025-10-10 came again: 1.91, survives" in said.out
    assert "\x1b" not in said.out


async def test_status_json_is_the_stored_document_with_its_age(config: Path, now: datetime) -> None:
    await _write(config, _status_entry(now))
    (account,) = margin_monitor(config, "status", "--json").json()["accounts"]
    assert account["state"] == "ok"
    assert account["cross"]["equity_usdt"] == "50000"
    assert 30 <= account["cross"]["age_s"] < 60


async def test_check_answers_by_exit_code(config: Path, now: datetime) -> None:
    await _write(config, _status_entry(now))
    fresh = margin_monitor(config, "status", "--check")
    old = margin_monitor(config, "status", "--check", "--max-age", "10s")
    assert (fresh.code, old.code) == (0, 1)
    assert fresh.out.startswith("main: ok (3")
    assert old.out.startswith("main: older than allowed")


async def test_check_fails_while_a_critical_alert_fires(config: Path, now: datetime) -> None:
    await _write(config, _status_entry(now, {documents.ALERT.key: documents.ALERT}))
    said = margin_monitor(config, "status", "--check")
    assert said.code == 1
    assert "a critical alert fires" in said.out


async def test_figures_grow_stale_without_a_daemon(config: Path, now: datetime) -> None:
    await _write(config, _status_entry(now - timedelta(minutes=10)))
    (account,) = margin_monitor(config, "status", "--json").json()["accounts"]
    assert (account["state"], account["cross"]["state"]) == ("stale", "stale")
    assert account["cross"]["margin_level"].startswith("1.8333")


async def test_alerts_lists_open_ones_and_all_with_all(config: Path, now: datetime) -> None:
    firing = _alert(17, now, AlertState.FIRING)
    over = replace(_alert(16, now, AlertState.RESOLVED), key=AlertKey("thin", "main", "isolated", "BTCUSDT"))
    await _write(
        config,
        JournalEntry("main", now, alerts=(over, firing), transitions=(_created_alert(over), _created_alert(firing))),
    )
    open_ones = margin_monitor(config, "alerts", "--json").json()["items"]
    everything = margin_monitor(config, "alerts", "--all", "--jsonl").out.splitlines()
    assert [item["id"] for item in open_ones] == [17]
    assert [json.loads(line)["id"] for line in everything] == [17, 16]
    assert json.loads(everything[1])["subject"] == "BTCUSDT"
    text = margin_monitor(config, "alerts").out
    assert "#17" in text
    assert "margin level 1.21" in text


async def test_events_are_filtered_and_untouched(config: Path, now: datetime) -> None:
    events = [
        StreamEvent("account", CROSS, kind, f"k{n}", now, now, json.dumps({"e": kind, "n": n}))
        for n, kind in enumerate(("executionReport", "balanceUpdate", "balanceUpdate"))
    ]
    await _write(config, JournalEntry("main", now, events=tuple(events)))
    items = margin_monitor(config, "events", "--type", "balanceUpdate", "--json").json()["items"]
    assert [item["payload"] for item in items] == [{"e": "balanceUpdate", "n": 1}, {"e": "balanceUpdate", "n": 2}]
    assert len(margin_monitor(config, "events", "--limit", "1", "--jsonl").out.splitlines()) == 1
    assert len(margin_monitor(config, "events", "--since", "1h", "--jsonl").out.splitlines()) == 3
    assert "executionReport" in margin_monitor(config, "events").out


async def test_interest_adds_up_by_day(config: Path, now: datetime) -> None:
    charges = tuple(
        InterestCharge(
            CROSS, "USDT", "USDT", Decimal(1000), Decimal("0.01250000"), Decimal("0.0003"), "PERIODIC", n, at
        )
        for n, at in enumerate((now - timedelta(days=2), now - timedelta(days=1), now - timedelta(days=40)))
    )
    store = Store.open(f"sqlite:///{config.parent / 'monitor.db'}", create=False)
    await store.execute(record_charges, "main", CROSS, charges, (now - timedelta(days=10), now))
    await store.close()
    by_day = margin_monitor(config, "interest", "--by", "day", "--json").json()
    assert [(item["interest"], item["charges"]) for item in by_day["items"]] == [("0.0125", 1), ("0.0125", 1)]
    assert by_day["total_usdt"] == "0.025"
    older = margin_monitor(config, "interest", "--since", "60d", "--json").json()
    assert [(item["day"], item["interest"], item["charges"]) for item in older["items"]] == [(None, "0.0375", 3)]
    assert "0.025 USDT" in margin_monitor(config, "interest").out


async def test_history_lists_samples_and_draws_them(config: Path, now: datetime) -> None:
    series = [
        ("margin_level", "1.6"),
        ("initial_level", "1.5"),
        ("margin_call_level", "1.3"),
        ("liquidation_level", "1.1"),
    ]
    entries = [
        JournalEntry("main", at, samples=tuple(Sample("cross", "", name, at, Decimal(value)) for name, value in series))
        for at in (now - timedelta(hours=2), now - timedelta(hours=1))
    ]
    await _write(config, *entries)
    (document,) = margin_monitor(config, "history", "margin_level", "--since", "3h", "--json").json()["items"]
    assert [value for _, value in document["points"]] == ["1.6", "1.6"]
    assert (document["scope"], document["resolution"]) == ("cross", "raw")
    picture = config.parent / "level.png"
    drawn = margin_monitor(config, "history", "margin_level", "--account", "main", "--plot", str(picture))
    assert (drawn.code, drawn.out) == (0, "")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
async def test_chart_of_many_scopes_names_omitted_ones(config: Path) -> None:
    now = datetime.now(UTC)
    entries = [
        JournalEntry(
            "main", at, samples=tuple(Sample("isolated", f"A{n}USDT", "margin_level", at, Decimal(2)) for n in range(7))
        )
        for at in (now - timedelta(hours=2), now - timedelta(hours=1))
    ]
    await _write(config, *entries)
    picture = config.parent / "levels.png"
    drawn = margin_monitor(config, "history", "margin_level", "--plot", str(picture))
    assert drawn.code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "1 more are not drawn; narrow with --account, --scope or --symbol" in drawn.err


async def test_a_check_fails_while_a_critical_condition_is_unknown(config: Path) -> None:
    now = datetime.now(UTC)
    unknown = {
        AlertKey("liquidated", "main", "account"): UnknownCondition(
            documents.NOW - UNKNOWN_GRACE * 2, ("liquidations_24h",)
        ),
        AlertKey("margin-call", "main", "cross"): UnknownCondition(
            documents.NOW - UNKNOWN_GRACE * 2, ("margin_call_level",)
        ),
        # Not for long enough.
        AlertKey("key-refused", "main", "account"): UnknownCondition(documents.NOW, ("key_accepted",)),
    }
    await _write(config, _status_entry(now, unknown=unknown))
    said = margin_monitor(config, "status", "--check")
    assert said.code == 1
    assert "2 critical conditions unknown (liquidations 24h, margin call level missing)" in said.out
    (account,) = margin_monitor(config, "status", "--json").json()["accounts"]
    assert [one["rule"] for one in account["conditions_unknown"]] == ["liquidated", "margin-call"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("history", "margin_levl"), 'unknown metric "margin_levl"; did you mean "margin_level"?'),
        (("history", "margin_level", "--account", "mian"), 'there is no account "mian"; did you mean "main"?'),
        (("events", "--limit", "none"), "--limit: 'none' is not a whole number from 1 on"),
        (("events", "--since", "yesterday"), "--since: 'yesterday' is no point in time"),
        (("status", "--check", "--max-age", "90"), "--max-age: '90' has no unit; write 90s, 90m or 90h"),
        (("status", "--max-age", "90s"), "--max-age without --check decides nothing; add --check"),
        (("status", "--watch", "--json"), "--watch and --json exclude each other; --watch shows what the daemon"),
        (("notify", "test", "phone"), 'there is no channel "phone"'),
    ],
)
def test_usage_error_is_one_line_with_the_fix(config: Path, words: tuple[str, ...], line: str) -> None:
    said = margin_monitor(config, *words)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith(line)


def _status_entry(
    now: datetime, alerts: dict[AlertKey, Alert] | None = None, unknown: UnknownConditions | None = None
) -> JournalEntry:
    """The worked example as if it had been read 30 seconds before `now`."""
    document = account_document(
        replace(
            documents.STATE,
            alerts=alerts or {},
            measurement=replace(documents.STATE.measurement, unknown_conditions=unknown or {}),
        ),
        documents.SETTINGS,
        documents.NOW,
        "1",
    )
    moved = json.dumps(document)
    for back in (30, 1, 0):
        text, moment = documents.NOW - timedelta(seconds=back), now - timedelta(seconds=back)
        moved = moved.replace(f"{text:%Y-%m-%dT%H:%M:%S}", f"{moment:%Y-%m-%dT%H:%M:%S}")
    return JournalEntry("main", now, live=moved)


def _alert(number: int, now: datetime, state: AlertState) -> Alert:
    since = now - timedelta(minutes=5)
    return replace(
        documents.ALERT,
        id=number,
        state=state,
        since=since,
        fired_at=since,
        resolved_at=now if state is AlertState.RESOLVED else None,
    )


def _created_alert(alert: Alert) -> AlertTransition:
    return AlertTransition(alert.id, None, AlertState.FIRING, alert.since, alert.value)


async def _write(config: Path, *entries: JournalEntry) -> None:
    store = Store.open(f"sqlite:///{config.parent / 'monitor.db'}", create=False)
    try:
        for entry in entries:
            await store.commit(entry)
    finally:
        await store.close()

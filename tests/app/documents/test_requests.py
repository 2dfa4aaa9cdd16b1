"""The documents of requests: byte for byte those of the commands, from the daemon's store too, with checked
parameters."""

import asyncio
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, cast

import pytest

from monitor.app.database import open_reader
from monitor.app.documents.history import HistoryQuery
from monitor.app.documents.interest import InterestQuery
from monitor.app.documents.requests import REQUESTS, prepare_query
from monitor.config.loading import load_config
from monitor.config.model import Config
from monitor.config.redaction import KNOWN_SECRETS
from monitor.core.model.account import CROSS, InterestCharge
from monitor.core.model.alert import AlertState, AlertTransition, Silence, SilenceMatcher
from monitor.core.model.events import StreamEvent
from monitor.core.model.intent import Intent, IntentState, IntentStep
from monitor.core.model.journal import JournalEntry, Sample
from monitor.core.model.order import Repay
from monitor.errors import ParameterInvalid, RecordNotFound
from monitor.store.reads import run_query
from monitor.store.store import Store
from monitor.store.writes.commands import add_silence
from monitor.store.writes.interest import record_charges
from monitor.view.documents.account import account_document
from monitor.view.documents.types.values import MAX_ITEMS, GroupedBy
from monitor.view.json_values import encode_document
from tests.support.command import margin_monitor, write_config
from tests.support.examples import documents
from tests.support.examples.document_types import check_printed

COMMANDS: Sequence[tuple[str, Mapping[str, str | Sequence[str]], tuple[str, ...]]] = [
    ("status", {}, ("status",)),
    ("alerts", {}, ("alerts",)),
    ("alerts", {"all": "true"}, ("alerts", "--all")),
    ("silences", {}, ("silence", "list")),
    ("silences", {"all": "true"}, ("silence", "list", "--all")),
    ("events", {}, ("events",)),
    (
        "events",
        {"type": "balanceUpdate", "since": "1h", "limit": "1"},
        ("events", "--type", "balanceUpdate", "--since", "1h", "--limit", "1"),
    ),
    ("actions", {"all": ["1"]}, ("actions", "--all")),
    ("action", {"id": "1"}, ("actions", "show", "1")),
    ("interest", {"by": "day", "since": "7d"}, ("interest", "--by", "day", "--since", "7d")),
    ("history", {"metric": "margin_level", "since": "3h"}, ("history", "margin_level", "--since", "3h")),
    (
        "history",
        {"metric": "margin_level", "account": "main", "scope": "cross"},
        ("history", "margin_level", "--account", "main", "--scope", "cross"),
    ),
    ("stress", {"drop": "20%", "move": ["ETH=+5%", "SOL=-35%"]}, ("stress", "--drop", "20%", "ETH=+5%", "SOL=-35%")),
    ("stress", {"like": "2021-05-19"}, ("stress", "--like", "2021-05-19")),
    ("rules", {}, ("rules", "list")),
]

TIMES = re.compile(r'"(?:[0-9-]{10}T[0-9:.]{12}Z)"|(?<=_s": )[0-9.]+')
"""Moments, and durations: those of two reads differ."""


@pytest.fixture
def config_file(tmp_path: Path, sqlite_template: Path) -> Path:
    """A config with a database that has something for each document."""
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    asyncio.run(_write_records(tmp_path))
    return write_config(tmp_path)


@pytest.fixture
def config(config_file: Path) -> Config:
    return load_config(config_file, {"HOME": str(config_file.parent)})


def test_each_document_is_byte_for_byte_what_its_command_prints(config_file: Path, config: Config) -> None:
    with open_reader(config) as store:
        for name, values, words in COMMANDS:
            document = prepare_query(config, name, values).read(store)
            text = encode_document(document, KNOWN_SECRETS.redact)
            check_printed(words, json.loads(text))
            printed = margin_monitor(config_file, *words, "--json")
            assert TIMES.sub("T", printed.out) == TIMES.sub("T", text), words
            assert printed.json(), words


def test_each_document_has_a_command_and_a_type() -> None:
    assert {name for name, _, _ in COMMANDS} | {"alert"} == set(REQUESTS)


async def test_a_query_is_one_job_of_the_reader_thread_of_the_daemon(config: Config) -> None:
    store = Store.open(config.storage_url, create=False)
    try:
        found: Any = await store.read(run_query, prepare_query(config, "alert", {"id": "17"}).read)
        assert (found["id"], found["subject"]) == (17, None)
        with pytest.raises(RecordNotFound, match="no alert #18"):
            await store.read(run_query, prepare_query(config, "alert", {"id": "18"}).read)
        with pytest.raises(RecordNotFound, match="no intent 18"):
            await store.read(run_query, prepare_query(config, "action", {"id": "18"}).read)
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("name", "values", "parameter", "message"),
    [
        ("status", {"all": "true"}, "all", "there is no such parameter"),
        ("alerts", {"al": "true"}, "al", "there is no such parameter"),
        ("alerts", {"all": "yes"}, "all", "'yes' is neither true nor false"),
        ("alerts", {"all": ["1", "1"]}, "all", "it is given twice"),
        ("alerts", {"limit": str(MAX_ITEMS + 1)}, "limit", "an answer holds at most 1000 items"),
        ("events", {"limit": "0"}, "limit", "'0' is not a whole number from 1 on"),
        ("events", {"limit": "9" * 30}, "limit", f"'{'9' * 30}' is not a whole number from 1 on"),
        ("events", {"since": "yesterday"}, "since", "'yesterday' is no point in time"),
        ("events", {"since": ""}, "since", "it is empty"),
        ("alert", {}, "id", "it is missing"),
        ("interest", {"by": "week"}, "by", 'it can\'t be "week"'),
        ("history", {}, "metric", "it is missing"),
        ("history", {"metric": "levels"}, "metric", 'unknown metric "levels"'),
        ("history", {"metric": "margin_level", "scope": "pair"}, "scope", 'it can\'t be "pair"'),
        ("history", {"metric": "margin_level", "account": "mian"}, "account", 'there is no account "mian"'),
        ("stress", {"drop": "20"}, "drop", "20 would be 2000%"),
        ("stress", {"move": ["SOL"]}, "move", '"SOL" is no move'),
        ("stress", {"like": "2025-10-11"}, "like", "nothing is known of 2025-10-11"),
    ],
)
def test_an_impossible_parameter_is_named(
    config: Config, name: str, values: Mapping[str, str | Sequence[str]], parameter: str, message: str
) -> None:
    with pytest.raises(ParameterInvalid) as raised:
        prepare_query(config, name, values)
    assert (raised.value.parameter, raised.value.message[: len(message)]) == (parameter, message)


def test_a_history_that_is_too_long_is_refused_before_it_is_read(config: Config) -> None:
    with open_reader(config) as store:
        for since, found in (("3h", 2), ("2d", 2), ("30d", 2)):
            query = HistoryQuery(config, "margin_level", since=since, max_samples=1)
            with pytest.raises(ParameterInvalid, match=f"up to {found} samples, and an answer holds 1"):
                query.read(store)
            assert replace(query, max_samples=2).read(store)["items"]
        few = HistoryQuery(config, "margin_level", scope="cross", since="30m", max_samples=0)
        assert few.read(store) == {"items": []}


async def test_interest_of_more_sums_than_an_answer_holds_is_refused(config: Config) -> None:
    now = datetime.now(UTC)
    charges = tuple(
        InterestCharge(CROSS, asset, asset, Decimal(1), Decimal("0.01"), Decimal("0.001"), "PERIODIC", number, at)
        for number, (asset, at) in enumerate(product(("BTC", "USDT"), (now, now - timedelta(days=2))))
    )
    store = Store.open(config.storage_url, create=False)
    await store.execute(record_charges, "main", CROSS, charges, None)
    await store.close()
    with open_reader(config) as reads:
        for by, sums in (("day", 4), ("asset", 2)):
            query = InterestQuery(cast("GroupedBy", by), "7d", max_sums=sums)
            assert len(query.read(reads)["items"]) == sums
            with pytest.raises(ParameterInvalid, match=f"more than {sums - 1} sums, which is all that an answer holds"):
                replace(query, max_sums=sums - 1).read(reads)


async def _write_records(folder: Path) -> None:
    now = datetime.now(UTC)
    alert = replace(documents.ALERT, id=17, state=AlertState.FIRING, since=now, fired_at=now)
    over = replace(alert, id=16, key=alert.key._replace(rule="thin"), state=AlertState.RESOLVED, resolved_at=now)
    intent = Intent(
        id=1,
        plan=17,
        action="repay-usdt",
        kind="repay",
        mode="approve",
        account="main",
        order=Repay(CROSS, "USDT", Decimal(500)),
        state=IntentState.PROPOSED,
        amount_usdt=Decimal(500),
        created_at=now,
        alert=17,
    )
    live = account_document(documents.STATE, documents.SETTINGS, documents.NOW, "1")
    entries = [
        JournalEntry(
            "main",
            now,
            live=json.dumps(live),
            alerts=(over, alert),
            transitions=(
                AlertTransition(16, None, AlertState.FIRING, now, alert.value),
                AlertTransition(17, None, AlertState.FIRING, now, alert.value),
            ),
        ),
        JournalEntry(
            "main",
            now,
            events=tuple(
                StreamEvent("account", CROSS, "balanceUpdate", f"k{n}", now, now, json.dumps({"e": "x", "n": n}))
                for n in range(3)
            ),
            samples=tuple(
                Sample("cross", "", "margin_level", now - timedelta(hours=hours), Decimal("1.6")) for hours in (2, 1)
            ),
        ),
        JournalEntry(
            "main",
            now,
            intents=(intent,),
            intent_steps=(IntentStep(1, None, IntentState.PROPOSED, now, "proposed"),),
        ),
    ]
    store = Store.open(f"sqlite:///{folder / 'monitor.db'}", create=False)
    try:
        for entry in entries:
            await store.commit(entry)
        matcher = SilenceMatcher("rule", "=", "thin")
        await store.execute(add_silence, Silence(0, (matcher,), now, now + timedelta(hours=1), "me", "noise"))
        await store.execute(add_silence, Silence(0, (matcher,), now - timedelta(hours=1), now, "me", "noise"))
    finally:
        await store.close()

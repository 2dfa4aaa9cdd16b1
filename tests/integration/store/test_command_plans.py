"""Reading commands look rows up by an index wherever a table grows with time, as the databases' own plans say."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from benchmarks.year_store import YearSize, write_year
from monitor.__main__ import main
from monitor.store.db import connections as opening
from tests.support.command import write_config

SIZE = YearSize(scopes=4, samples=4_000, days=60, charges_a_day=4, alerts=120, orders=40, events=1_000)

GROWING = {
    "acks", "alert_transitions", "alerts", "audit", "channel_messages", "deliveries", "delivery_attempts", "events",
    "failures", "intent_transitions", "intents", "interest", "movements", "price_bars", "runs", "samples", "series",
    "terms",
}  # fmt: skip
"""Tables whose rows grow with time or with the number of scopes. Of the others a command reads every row."""

PARTIAL = {"ix_alerts_open", "ix_deliveries_queued", "ix_deliveries_failed"}
"""Indexes of open rows alone: reading all of one is no scan of the table."""

COMMANDS = (
    ("status",),
    ("alerts",),
    ("history", "margin_level", "--since", "30d"),
    ("history", "margin_level", "--since", "1h"),
    ("interest",),
    ("interest", "--by", "day"),
    ("report",),
)


def test_no_query_of_a_command_reads_a_whole_growing_table(
    database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_year(database_url, SIZE, datetime.now(UTC))
    config = write_config(tmp_path)
    config.write_text(config.read_text().replace(f"sqlite:///{tmp_path / 'monitor.db'}", database_url))
    scans: list[tuple[str, str, list[str]]] = []
    engine = opening.reading_engine(opening.parse_url(database_url))
    for words in COMMANDS:
        with recorded_queries() as queries:
            assert main(["--config", str(config), *words]) == 0
        assert capsys.readouterr().out
        assert any("daemon" in query for query, _ in queries)
        with closing(engine.connect()) as connection:
            found = [(" ".join(words), query, find_scans(connection, query, given)) for query, given in queries]
        scans += [each for each in found if each[2]]
    engine.dispose()
    assert "\n".join(f"{words}: {steps} in {query}" for words, query, steps in scans) == ""


@contextmanager
def recorded_queries() -> Iterator[list[tuple[str, Any]]]:
    """Collect the queries of all engines, with their parameters."""
    found: list[tuple[str, Any]] = []

    def record(
        connection: Connection, cursor: object, statement: str, parameters: Any, context: object, many: bool
    ) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            found.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", record)


def find_scans(connection: Connection, query: str, parameters: Any) -> list[str]:
    """Return the parts of the query's plan that read a growing table without looking up rows by an index."""
    if connection.dialect.name == "postgresql":
        # Small tables are read whole whatever there is: other ways are closed, so that a lookup shows if there is one.
        for way in ("seqscan", "mergejoin", "hashjoin"):
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {query}", parameters).scalar_one()
        connection.rollback()
        return list(postgresql_scans(plan["Plan"], is_limited=False))
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters).all()
    steps = [str(row[3]) for row in rows]
    # The newest row of a table is the end of its index, however large it is.
    takes_end = "LIMIT" in query and "WHERE" not in query and len(steps) == 1
    return (
        []
        if takes_end
        else [
            step
            for step in steps
            if (match := SCAN.match(step)) and match["table"] in GROWING and match["index"] not in PARTIAL
        ]
    )


SCAN = re.compile(r"SCAN (?P<table>\w+)(?: USING (?:COVERING )?INDEX (?P<index>\w+))?")


def postgresql_scans(node: dict[str, Any], *, is_limited: bool) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name")
    looks_up = any(name in node for name in ("Index Cond", "Recheck Cond")) or node.get("Index Name") in PARTIAL
    takes_end = is_limited and "Index" in kind and "Filter" not in node
    if table in GROWING and not looks_up and not takes_end:
        yield f"{kind} on {table}"
    for part in node.get("Plans", ()):
        yield from postgresql_scans(part, is_limited=kind == "Limit")

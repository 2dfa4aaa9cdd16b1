"""Unused pages of a SQLite file are given back in small steps; rows stay as they are."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, select

from monitor.store.db import connections as opening
from monitor.store.db.free_pages import release_free_pages
from monitor.store.schema import tables
from tests.support.examples.store_rows import NOW


@pytest.fixture
def connection(sqlite_template: Path, tmp_path: Path) -> Iterator[Connection]:
    path = tmp_path / "monitor.db"
    shutil.copy(sqlite_template, path)
    engine = opening.writing_engine(opening.parse_url(f"sqlite:///{path}"))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def write_samples(connection: Connection) -> None:
    with connection.begin():
        names = {"account": "main", "scope": "cross", "subject": "", "metric": "margin_level"}
        connection.execute(insert(tables.series), {"id": 1, **names})
        rows = [
            {"series": 1, "at": NOW + timedelta(seconds=n), "value": Decimal(n).scaleb(-25), "missing": None}
            for n in range(20_000)
        ]
        connection.execute(insert(tables.samples), rows)


def pragma(connection: Connection, name: str) -> int:
    with connection.begin():
        return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def release(connection: Connection, batch: int, keep: int) -> int:
    with connection.begin():
        return release_free_pages(connection, batch, keep)


def test_pages_of_deleted_rows_go_step_by_step_down_to_the_spare_ones(connection: Connection) -> None:
    write_samples(connection)
    full = pragma(connection, "page_count")
    with connection.begin():
        connection.execute(delete(tables.samples).where(tables.samples.c.at >= NOW + timedelta(seconds=1_000)))
    free = pragma(connection, "freelist_count")
    assert free > 100
    steps = []
    while released := release(connection, 40, 20):
        steps.append(released)
    assert max(steps) <= 40 and sum(steps) >= free - 20 - full // 10
    assert pragma(connection, "page_count") == full - sum(steps)
    assert pragma(connection, "freelist_count") >= 20
    with connection.begin():
        assert len(connection.execute(select(tables.samples)).all()) == 1_000
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"


def test_few_unused_pages_stay_for_the_next_rows(connection: Connection) -> None:
    write_samples(connection)
    with connection.begin():
        connection.execute(delete(tables.samples))
    pages = pragma(connection, "page_count")
    assert release(connection, 10_000, 100_000) == 0
    assert pragma(connection, "page_count") == pages


def test_file_that_was_created_without_keeps_its_size(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as old:
        old.execute("PRAGMA auto_vacuum=NONE")
        old.execute("CREATE TABLE earlier (x)")
    engine = opening.writing_engine(opening.parse_url(f"sqlite:///{path}"))
    with engine.connect() as connection:
        with connection.begin():
            tables.metadata.create_all(connection)
        write_samples(connection)
        with connection.begin():
            connection.execute(delete(tables.samples))
        pages = pragma(connection, "page_count")
        assert release(connection, 1_000, 0) == 0
        assert pragma(connection, "page_count") == pages
    engine.dispose()

"""Rows written one at a time."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.cli.commands.export.row_writer import FORMATS, Row, open_new_file, write_rows
from monitor.config.redaction import Redactor


@pytest.mark.parametrize("form", FORMATS)
def test_secret_is_redacted_in_texts_and_tables(form: str) -> None:
    target = io.StringIO()
    rows = [{"a": "the hidden-value", "b": {"c": "hidden-value"}, "d": None}]
    assert write_rows(target, form, ("a", "b", "d"), rows, Redactor(["hidden-value"]).redact) == 1
    assert "hidden-value" not in target.getvalue()
    assert target.getvalue().count("***") == 2


@pytest.mark.parametrize("form", FORMATS)
def test_first_row_is_written_before_the_last_is_read(form: str) -> None:
    target = io.StringIO()

    def rows() -> Iterator[Row]:
        yield {"a": "first"}
        assert "first" in target.getvalue()
        yield {"a": "second"}

    assert write_rows(target, form, ("a",), rows(), str) == 2


def test_file_of_a_failed_export_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with pytest.raises(RuntimeError), open_new_file(path) as file:
        file.write("half")
        raise RuntimeError("the database went away")
    assert not path.exists()

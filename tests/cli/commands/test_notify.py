"""`notify test` sends for real and says what was answered, without the address."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import margin_monitor, write_config
from tests.support.sinks import Answer, HttpSink, http_sink


@pytest.fixture
def server() -> Iterator[HttpSink]:
    with http_sink() as sink:
        yield sink


def test_every_channel_is_tried_and_reported(tmp_path: Path, server: HttpSink) -> None:
    said = margin_monitor(_config(tmp_path, server), "notify", "test", "--json")
    items = said.json()["items"]
    assert said.code == 0
    assert [(item["channel"], item["ok"]) for item in items] == [("phone", True), ("hook", True)]
    assert all(isinstance(item["ms"], int) for item in items)
    titles = {request.json()["title"] for request in server.received}
    assert titles == {"[NOTICE] info This is a test message of margin-monitor"}


def test_one_channel_by_name(tmp_path: Path, server: HttpSink) -> None:
    said = margin_monitor(_config(tmp_path, server), "notify", "test", "hook")
    assert said.code == 0
    assert len(server.received) == 1
    assert "told" in said.out


def test_refusal_exits_1_and_quotes_the_service(tmp_path: Path, server: HttpSink) -> None:
    server.default = Answer(503, body="closed for today, s3cr3t")
    said = margin_monitor(_config(tmp_path, server), "notify", "test")
    assert said.code == 1
    assert said.out.count("closed for today") == 2
    assert "s3cr3t" not in said.out + said.err


def test_without_channels_there_is_nothing_to_test(tmp_path: Path) -> None:
    said = margin_monitor(write_config(tmp_path), "notify", "test")
    assert said.code == 78
    assert "there is no channel to test" in said.err


def test_failed_service_is_said_on_every_channel_with_the_reason(tmp_path: Path, server: HttpSink) -> None:
    environ = {
        "MONITOR_UNIT": "margin-monitor.service",
        "MONITOR_SERVICE_RESULT": "exit-code",
        "MONITOR_EXIT_CODE": "exited",
        "MONITOR_EXIT_STATUS": "77",
    }
    said = margin_monitor(_config(tmp_path, server), "notify", "failed", "--json", environ=environ)
    assert said.code == 0
    assert [item["ok"] for item in said.json()["items"]] == [True, True]
    (title,) = {request.json()["title"] for request in server.received}
    assert title.startswith("[NOTICE] critical margin-monitor has ended and is not started again: nothing is watched")
    assert "(margin-monitor.service: exit-code exited 77)" in server.received[0].body.decode()


def _config(folder: Path, server: HttpSink) -> Path:
    return write_config(
        folder,
        f'''
[[channels]]
name = "phone"
url = "json://127.0.0.1:{server.port}/s3cr3t"

[[channels]]
name = "hook"
webhook = "{server.url}/s3cr3t"
''',
    )

"""The heartbeat's requests, to a real server."""

import pytest

from monitor.notify.heartbeat import Heartbeat, fail_url
from tests.support.sinks import Answer, http_sink

SECRET = "0b1c2d3e-secret"


async def test_well_is_a_get_and_ill_a_post_to_fail_with_the_reason() -> None:
    with http_sink() as sink:
        heartbeat = Heartbeat(f"{sink.url}/{SECRET}")
        assert await heartbeat.well() is None
        assert await heartbeat.ill("account main was not read for 2m 1s") is None
    assert [(one.method, one.path, one.body.decode()) for one in sink.received] == [
        ("GET", f"/{SECRET}", ""),
        ("POST", f"/{SECRET}/fail", "account main was not read for 2m 1s"),
    ]


@pytest.mark.parametrize("answer", [Answer(500), Answer(302, {"Location": "/"}), Answer(hang=True)])
async def test_what_is_not_taken_is_told_without_the_address(answer: Answer) -> None:
    with http_sink() as sink:
        sink.default = answer
        lost = await Heartbeat(f"{sink.url}/{SECRET}", timeout_s=0.3).well()
    assert lost is not None and SECRET not in lost
    refused = await Heartbeat(f"http://127.0.0.1:1/{SECRET}", timeout_s=1).well()
    assert refused is not None and SECRET not in refused


@pytest.mark.parametrize(
    ("url", "fails_at"),
    [
        ("https://hc.example/u", "https://hc.example/u/fail"),
        ("https://hc.example/u/", "https://hc.example/u/fail"),
        ("https://hc.example/u?a=b", "https://hc.example/u/fail?a=b"),
    ],
)
def test_fail_stands_after_the_path(url: str, fails_at: str) -> None:
    assert fail_url(url) == fails_at

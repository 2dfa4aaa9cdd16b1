"""An escalation that ends in a voice: a service that calls is named by the escalation alone, and a drill proves it."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.command import margin_monitor
from tests.support.daemon import daemon_process, eventually, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import Received, http_sink

KEY = "ab12cd34-ab12-4c5d-8e9f-0123456789ab"

# GoAlert speaks the summary of an alert; its server can be one's own, so its address can be loopback.
VOICE = """
[[rules]]
name = "low"
scope = "cross"
when = "margin_level < initial_level"
severity = "critical"
channels = ["phone"]
repeat = "1h"
escalate = [{{ after = "1s", channels = ["call"] }}]

[[channels]]
name = "call"
url = "goalert://127.0.0.1:{port}/{key}?dedup=low"
severities = ["critical"]
"""


def calls(received: list[Received], word: str) -> list[dict[str, str]]:
    """The alerts raised or closed whose summary begins with this word."""
    return [body for request in list(received) if (body := request.json())["summary"].startswith(f"[{word}]")]


@pytest.mark.slow
async def test_drill_and_unanswered_alert_reach_the_service_that_calls(tmp_path: Path) -> None:
    with http_sink() as phone, http_sink() as voice:
        async with sandbox(starting_now()) as box:
            more = VOICE.format(port=voice.port, key=KEY)
            config = write_config(
                tmp_path, box.ready, channels={"phone": phone.url}, first="default_rules = false", more=more
            )
            async with daemon_process(config) as child:
                await child.wait_for_line("stream=market connected=True")
                said = await asyncio.to_thread(margin_monitor, config, "drill", "low", "--json")
                drilled = list(voice.received)
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))

                async def is_called() -> bool:
                    return bool(calls(voice.received, "ESCALATED"))

                await eventually(is_called, 40)
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(60_000))

                async def is_closed() -> bool:
                    return bool(calls(voice.received, "RESOLVED"))

                await eventually(is_closed, 40)
                assert await child.stop() == 0
    assert said.code == 0, said
    # The drill goes the whole way, and its end closes what it opened.
    raised, closed = calls(drilled, "DRILL")
    assert raised["summary"].startswith("[DRILL] critical main cross: margin level")
    assert (raised["dedup"], raised.get("action"), closed["action"]) == ("low", None, "close")
    assert {(request.path, request.headers["Authorization"]) for request in voice.received} == {
        ("/api/v2/generic/incoming", f"Bearer {KEY}")
    }
    assert [call.get("action") for call in calls(voice.received, "ESCALATED")] == [None]
    assert calls(voice.received, "RESOLVED")[0]["action"] == "close"
    assert not calls(voice.received, "FIRING")

"""One alert through the whole daemon and three real services: all of them say the same, in the product's words."""

import asyncio
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from tests.support.daemon import clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink, smtp_sink, text_of

TITLE = "[FIRING] critical main cross: margin level 1.35 (#"

MARGIN_LOW = """
[[rules]]
name = "margin-low"
scope = "cross"
when = "margin_level < 1.4"
severity = "critical"

[[channels]]
name = "app"
url = "json://127.0.0.1:{http}/"

[[channels]]
name = "mail"
url = "mailto://127.0.0.1:{smtp}/?from=monitor@example.org&to=me@example.org"
"""


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.slow
async def test_http_mail_and_webhook_send_the_same_alert(tmp_path: Path) -> None:
    with http_sink() as app, http_sink() as hook, smtp_sink() as mail:
        async with sandbox(speed=30) as running:
            config = write_config(
                tmp_path,
                running.ready,
                channels={"hook": f"{hook.url}/told"},
                first="default_rules = false",
                more=MARGIN_LOW.format(http=app.port, smtp=mail.port),
            )
            clock = clock_of(running.sandbox)
            async with in_process_daemon(config, clock) as here:
                await here.wait_for_state(
                    lambda state: state.cross is not None and state.prices.newest and state.thresholds.cross is not None
                )
                begun = clock.now()

                async def sampled_twice() -> bool:
                    return clock.now() - begun > timedelta(seconds=25)

                running.sandbox.user_actions.set_price("BTCUSDT", Decimal(59_000))
                await eventually(sampled_twice)
                # 1.5 BTC, 20,000 USDT; owed 10 ETH at 3,000 and 30,000 USDT: (1.5 p + 20,000) / 60,000 = 1.35
                running.sandbox.user_actions.set_price("BTCUSDT", Decimal("40666.67"))

                async def all_heard() -> bool:
                    return bool(app.received and hook.received and len(mail.mails) == 2)

                await eventually(all_heard, 40)
    # Words first: the picture follows in a mail of its own.
    letter, pictured = mail.mails
    posted, told = app.received[0].json(), hook.received[0].json()
    assert told["title"].startswith(TITLE)
    assert posted["title"] == told["title"]
    assert str(letter["Subject"]) == told["title"]
    # Each is worded when it leaves: a price in between moves the last digits, not what is said.
    said = re.compile(
        r"main cross is at margin level 1\.3[45]\d+, below the initial level 1\.50; a fall of \d\d\.\d % of all"
    )
    assert said.search(told["text"])
    assert said.search(posted["message"])
    assert said.search(text_of(letter).replace("&nbsp;", " "))
    assert told["rule"] == "margin-low"
    assert told["reason"] == "fired"
    assert told["state"] == "firing"
    assert Decimal(told["value"]).quantize(Decimal("0.01")) == Decimal("1.35")
    assert "To be safe again:" in told["text"]
    assert not list(letter.iter_attachments())
    assert str(pictured["Subject"]) == told["title"]
    pictures = [part for part in pictured.iter_attachments() if part.get_content_type() == "image/png"]
    assert len(pictures) == 1
    content = pictures[0].get_content()
    assert isinstance(content, bytes)
    assert content.startswith(b"\x89PNG")


async def first_words(tmp_path: Path, hook: HttpSink, *faults: Fault) -> str:
    """What is told first by a daemon that starts on an account in danger."""
    async with sandbox(speed=1, faults=faults) as running:
        # 1.5 BTC, 20,000 USDT; owed 10 ETH at 3,000 and 30,000 USDT: (1.5 p + 20,000) / 60,000 = 1.35
        running.sandbox.user_actions.set_price("BTCUSDT", Decimal("40666.67"))
        rules = MARGIN_LOW.partition("[[channels]]")[0]
        first = "default_rules = false"
        config = write_config(tmp_path, running.ready, channels={"hook": hook.url}, first=first, more=rules)
        async with in_process_daemon(config, clock_of(running.sandbox)):
            await asyncio.to_thread(hook.wait_for_count, 1)
    return str(hook.received[0].json()["text"])


@pytest.mark.slow
async def test_first_alert_after_a_start_contains_thresholds_and_recovery(tmp_path: Path) -> None:
    with http_sink() as hook:
        told = await first_words(tmp_path, hook)
    # BTC and ETH at f of their price: (61,000 f + 20,000) / (30,000 f + 30,000) = 1.1 at f = 13 / 28.
    assert "main cross is at margin level 1.3500, below the initial level 1.50; a fall of 53.5 % of all" in told
    assert "To be safe again: " in told


@pytest.mark.slow
async def test_first_alert_does_not_wait_for_missing_thresholds(tmp_path: Path) -> None:
    with http_sink() as hook:
        told = await first_words(tmp_path, hook, Fault("hang", path="/sapi/v1/margin/tradeCoeff", count=0))
    assert "main cross is at margin level 1.35" in told
    assert "how far from liquidation is unknown" in told

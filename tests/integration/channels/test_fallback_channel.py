"""Whatever befalls one channel, somebody hears of something critical within a minute."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.daemon import clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import Answer, http_sink, smtp_sink

MAIL = """
[[channels]]
name = "mail"
url = "mailto://127.0.0.1:{smtp}/?from=monitor@example.org&to=me@example.org"

[[rules]]
name = "margin-low"
scope = "cross"
when = "margin_level < 1.4"
severity = "critical"
channels = ["phone"]
"""
FAULTS = {
    "hangs": Answer(hang=True),
    "answers too late": Answer(200, after_s=30),
    "refuses": Answer(403, body="who are you?"),
    "breaks": Answer(500),
    "asks for an hour's patience": Answer(429, headers={"Retry-After": "3600"}),
    "refuses the message": Answer(400),
    "sends elsewhere": Answer(301, headers={"Location": "http://127.0.0.1:1/"}),
}
WITHIN_S = 60


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("fault", [*FAULTS, "is gone"])
async def test_fallback_is_notified_within_a_minute_when_the_channel(fault: str, tmp_path: Path) -> None:
    with http_sink() as phone, smtp_sink() as mail:
        phone.default = FAULTS.get(fault, Answer())
        port = 1 if fault == "is gone" else phone.port
        async with sandbox() as running:
            config = write_config(
                tmp_path,
                running.ready,
                first="default_rules = false",
                more=PHONE.format(port=port) + MAIL.format(smtp=mail.port),
            )
            async with in_process_daemon(config, clock_of(running.sandbox)) as here:
                await here.wait_for_state(
                    lambda state: state.cross is not None and state.prices.newest and state.thresholds.cross is not None
                )
                # 1.5 BTC, 20,000 USDT; owed 10 ETH at 3,000 and 30,000 USDT: (1.5 p + 20,000) / 60,000 = 1.35
                running.sandbox.user_actions.set_price("BTCUSDT", Decimal("40666.67"))

                async def has_heard() -> bool:
                    return bool(mail.mails)

                await eventually(has_heard, WITHIN_S)
    assert str(mail.mails[0]["Subject"]).startswith("[FIRING] critical main cross: margin level 1.3")


PHONE = """
[[channels]]
name = "phone"
webhook = "http://127.0.0.1:{port}/hook"
fallback = "mail"
timeout = "10s"
"""

"""What flaps can't fill a phone, and what grows worse passes all the same: through the daemon, to a real receiver."""

from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.alert import AlertState
from tests.integration.alerting.test_alerting import message_lines
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import RunningSandbox, sandbox
from tests.support.sinks import HttpSink, http_sink

LIMIT = 3
# The calm account: 20,000 USDT and 1.5 BTC against 60,000: 1.48 at 46,000, 1.75 at 57,000, 1.23 at 36,000.
RULES = f"""
[[rules]]
name = "low"
scope = "cross"
ladder = "mine"
when = "margin_level < 1.6"
severity = "warning"

[[rules]]
name = "lower"
scope = "cross"
ladder = "mine"
when = "margin_level < 1.4"
severity = "warning"

[[channels]]
name = "phone"
webhook = "{{url}}"
max_per_hour = {LIMIT}
"""


async def set_price_until(here: InProcessDaemon, box: RunningSandbox, btc: int, *firing: str) -> None:
    """Returns once the price has made exactly these rules fire, and the channel has looked at what it has to tell."""
    box.sandbox.user_actions.set_price("BTCUSDT", Decimal(btc))

    def is_so(rules: set[str]) -> bool:
        return rules == set(firing)

    await here.wait_for_alerts(
        lambda rows: is_so({row.alert.key.rule for row in rows if row.alert.state is AlertState.FIRING})
    )
    # Three seconds of the exchange's, in which others are waited for, are 0.15 of the machine's.
    begun = here.clock.now()

    async def looked() -> bool:
        return (here.clock.now() - begun).total_seconds() > 10

    await eventually(looked)


def received_reasons(sink: HttpSink) -> list[str]:
    return [f"{one['reason']} {one['rule']}" for one in message_lines(sink.received)]


@pytest.mark.slow
async def test_flapping_alert_stays_within_the_limit_and_a_worse_rung_is_sent_at_once(tmp_path: Path) -> None:
    with http_sink() as phone:
        async with sandbox(speed=20) as box:
            more = RULES.format(url=phone.url)
            config = write_config(tmp_path, box.ready, first="default_rules = false", more=more)
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.thresholds.cross and state.streams.get("market"))
                for _ in range(5):
                    await set_price_until(here, box, 46_000, "low")
                    await set_price_until(here, box, 57_000)
                flapped = received_reasons(phone)
                assert flapped[:2] == ["fired low", "resolved low"]
                assert len(flapped) <= LIMIT
                await set_price_until(here, box, 36_000, "low", "lower")

                async def passed() -> bool:
                    return received_reasons(phone)[-1] == "fired lower"

                await eventually(passed, 5, story=lambda: str(received_reasons(phone)))
                assert len(received_reasons(phone)) == len(flapped) + 1

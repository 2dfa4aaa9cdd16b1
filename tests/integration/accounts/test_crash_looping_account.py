"""An account whose running tasks fall again and again: people hear of it from outside, and of each alert once."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from tests.integration.store.test_failing_store import alerts_received, has_received
from tests.support.daemon import clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink

REFUSING = """
CREATE TRIGGER refusing BEFORE INSERT ON alerts WHEN NEW.rule = 'near-call'
BEGIN SELECT RAISE(ABORT, 'somebody tampered with this table'); END
"""


@pytest.mark.slow
async def test_crash_looping_account_is_notified_by_the_daemon(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox() as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(lambda state: state.cross and state.thresholds.cross)
                with closing(sqlite3.connect(tmp_path / "monitor.db")) as other, other:
                    other.execute(REFUSING)
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))
                await eventually(lambda: has_received(sink, "account-failing"), 90)
                assert list(here.daemon.failing_accounts) == ["main"]
                assert "tampered" in here.daemon.failing_accounts["main"]
                # What it fell by was told, and is not told anew by each that follows.
                assert len(alerts_received(sink, "near-call")) == 1

                with closing(sqlite3.connect(tmp_path / "monitor.db")) as other, other:
                    other.execute("DROP TRIGGER refusing")
                await here.wait_for_alerts(lambda rows: any(row.alert.key.rule == "near-call" for row in rows), 60)
                assert len(alerts_received(sink, "near-call")) == 1
                assert len(alerts_received(sink, "account-failing")) == 1

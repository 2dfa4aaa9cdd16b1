"""One fresh read of an account, from a real server on loopback."""

from decimal import Decimal
from pathlib import Path

import pytest

from monitor.app.exchange import open_binance_account
from monitor.config import policies
from monitor.config.loading import load_config
from monitor.errors import ExchangeUnreachable
from monitor.runtime.account.single_read import read_account_once
from monitor.view.documents.account import account_document
from monitor.view.documents.types.account import AccountDocument
from tests.support import daemon
from tests.support.examples.document_types import json_form
from tests.support.sandbox import sandbox


async def test_fetch_shows_the_same_as_a_running_daemon(tmp_path: Path) -> None:
    async with sandbox(daemon.starting_now()) as running:
        config = load_config(daemon.write_config(tmp_path, running.ready), {})
        settings, clock = policies.build_policy(config, "main").settings, daemon.SandboxClock(running.sandbox.timeline)
        exchange = open_binance_account(config, "main", clock)
        try:
            state = await read_account_once(exchange, settings, clock)
            document = json_form(account_document(state, settings, clock.now(), "1"), AccountDocument)
        finally:
            await exchange.aclose()
    cross, (pair,) = document["cross"], document["isolated"]
    # 1.5 BTC at 60,000 and 20,000 USDT against 10 ETH at 3,000 and 30,000 USDT.
    assert cross["margin_level"].startswith("1.8333")
    assert [cross[name] for name in ("initial_level", "margin_call_level", "liquidation_level")] == [
        "1.5",
        "1.3",
        "1.1",
    ]
    assert cross["drop_to_liquidation"].startswith("0.7719")
    assert (document["state"], cross["state"], pair["state"]) == ("ok", "ok", "ok")
    assert Decimal(pair["liquidation_level"]) > 1


async def test_unanswered_fetch_is_an_error(tmp_path: Path) -> None:
    async with sandbox(daemon.starting_now()) as running:
        config = load_config(daemon.write_config(tmp_path, running.ready), {})
        clock = daemon.SandboxClock(running.sandbox.timeline)
        exchange = open_binance_account(config, "main", clock)
        await running.sandbox.stop()
        try:
            with pytest.raises(ExchangeUnreachable):
                await read_account_once(exchange, policies.build_policy(config, "main").settings, clock)
        finally:
            await exchange.aclose()

"""The past over the API: byte for byte what `stress --history` prints, measured beside the daemon's own reads."""

import asyncio
import json
from pathlib import Path

import pytest

from monitor.app.web.documents import SharedDocuments
from monitor.clock import SystemClock
from monitor.config.loading import load_config
from monitor.errors import ParameterInvalid
from monitor.store.store import Store
from tests.app.documents.test_requests import TIMES
from tests.cli.commands.test_stress_past import FALLS, fill_past, new_config
from tests.support.command import margin_monitor


@pytest.mark.slow
async def test_past_of_the_api_is_byte_for_byte_that_of_the_command(tmp_path: Path, sqlite_template: Path) -> None:
    file = await asyncio.to_thread(new_config, tmp_path, sqlite_template)
    await asyncio.to_thread(lambda: fill_past(file, BTC=FALLS, ETH={}))
    config = load_config(file, {"HOME": str(tmp_path)})
    store = Store.open(config.storage_url, create=False)
    documents = SharedDocuments(lambda: config, store, lambda: None, SystemClock())
    try:
        query = {"history": "40d", "window": "24h", "target_odds": "3%"}
        found, status = await asyncio.gather(documents.read("stress", query), documents.read("status", {}))
        words = ("stress", "--history", "40d", "--window", "24h", "--target-odds", "3%")
        printed = await asyncio.to_thread(margin_monitor, file, *words, "--json")
        assert TIMES.sub("T", printed.out) == TIMES.sub("T", found.text.decode())
        assert json.loads(found.text)["accounts"][0]["history"]["liquidated"] == 24
        assert json.loads(status.text)["accounts"]
        with pytest.raises(ParameterInvalid, match="400d is longer than the 90d of prices that are kept"):
            await documents.read("stress", {"history": "400d"})
    finally:
        await documents.close()
        await store.close()

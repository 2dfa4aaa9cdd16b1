"""Where the documents leave a fact open, the client bears either reading."""

from dataclasses import replace
from typing import Any

import pytest

from monitor.errors import KeyInvalid
from monitor.exchange.binance.client.answer import Credentials
from monitor.exchange.binance.functions.transfers import query_universal_transfer_history
from monitor.exchange.binance.signing import HmacSigner
from monitor.sandbox.scenario import Readings
from monitor.sandbox.scenarios import calm
from tests.exchange.binance.world import world


@pytest.mark.parametrize("status", [400, 401])
async def test_a_refused_key_is_known_by_its_code_whatever_the_status(status: Any) -> None:
    scenario = replace(calm(), readings=Readings(key_refused_status=status))
    strange = Credentials("a" * 64, HmacSigner("b" * 64))
    async with world(scenario, credentials=strange) as w:
        with pytest.raises(KeyInvalid):
            await w.account.read_cross()
        assert w.sandbox.requests[-1].status == status


@pytest.mark.parametrize("form", ["rows", "no rows"])
async def test_an_empty_history_has_no_rows_either_way(form: Any) -> None:
    scenario = replace(calm(), readings=Readings(empty_transfer_history=form))
    async with world(scenario) as w:
        assert (await query_universal_transfer_history(w.account.reading, type="MARGIN_MAIN")).rows == ()

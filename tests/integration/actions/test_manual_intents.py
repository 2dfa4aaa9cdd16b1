"""What a person sends beside a running daemon: it knows, it looks into it, and it never sends another meanwhile."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from monitor.app.database import open_commands
from monitor.app.exchange import open_binance_account
from monitor.app.manual_orders import ManualOrders
from monitor.clock import SystemClock
from monitor.core.model.intent import IntentState
from monitor.core.model.order import Accepted, Unknown
from monitor.core.state.account_state import AccountState
from monitor.errors import CommandRefused
from monitor.exchange.binance.api.catalogue import FUNCTIONS
from monitor.sandbox.faults import Fault
from monitor.store.writes.id_allocation import FIRST_MANUAL_INTENT_ID
from monitor.store.writes.movements import read_foreign_movements
from tests.support.command import margin_monitor
from tests.support.daemon import FAST_SCHEDULE, eventually, in_process_daemon, starting_now, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import HttpSink, http_sink

BORROW_REPAY = "/sapi/v1/margin/borrow-repay"


@pytest.mark.parametrize("what", ["cut_after", "cut_before"])
@pytest.mark.slow
async def test_running_daemon_settles_a_manual_intent_of_unknown_outcome(
    tmp_path: Path, database_url: str, what: str
) -> None:
    lost = Fault(what=what, method="POST", path=BORROW_REPAY, count=1)
    safety = '[safety]\nsettle = "5s"'
    async with sandbox(starting_now(), faults=[lost]) as box:
        config = write_config(tmp_path, box.ready, url=database_url, more=safety)
        async with in_process_daemon(config) as here:
            await here.wait_for_state(lambda state: state.cross is not None)
            first = await _send_manual(here.config, amount="100.5")
            assert isinstance(first.outcome, Unknown)
            await here.wait_for_state(lambda state: _states(state) != [])
            with pytest.raises(CommandRefused, match="under way"):
                await _send_manual(here.config, amount="7")
            wanted = IntentState.CONFIRMED if what == "cut_after" else IntentState.FAILED
            await here.wait_for_state(lambda state: _states(state) == [wanted], 40)
            second = await _send_manual(here.config, amount="7")
            assert isinstance(second.outcome, Accepted)
        posts = [
            request for request in box.sandbox.requests if (request.method, request.path) == ("POST", BORROW_REPAY)
        ]
        assert len(posts) == 2
        repaid = sum(Decimal(post.params["amount"]) for post in posts if post.applied)
        assert repaid == (Decimal("107.5") if what == "cut_after" else Decimal(7))


@pytest.mark.slow
async def test_unanswered_manual_order_is_not_proved_by_an_equal_one_where_others_act(
    tmp_path: Path, database_url: str
) -> None:
    async with sandbox(starting_now()) as box:
        often = {**FAST_SCHEDULE, "capital_flow": "1s"}
        safety = '[safety]\nsettle = "5s"\nunresolved_after = "10s"'
        config = write_config(tmp_path, box.ready, url=database_url, schedule=often, more=safety)
        async with in_process_daemon(config) as here:
            await here.wait_for_state(lambda state: state.cross is not None)
            box.sandbox.user_actions.repay("main", "USDT", Decimal("12.5"))

            async def is_recorded() -> bool:
                return await asyncio.to_thread(_has_foreign_movement, here.config)

            await eventually(is_recorded, 40)
            box.sandbox.add_fault(Fault(what="cut_before", method="POST", path=BORROW_REPAY, count=1))
            sent = await _send_manual(here.config, amount="100.5")
            assert isinstance(sent.outcome, Unknown)
            box.sandbox.user_actions.repay("main", "USDT", Decimal("100.5"))
            await here.wait_for_state(lambda state: IntentState.UNRESOLVED in _states(state), 40)
            (asked,) = here.state().intents.values()
            assert "others act in the account: it may be theirs" in str(asked.evidence)


def _has_foreign_movement(config: Any) -> bool:
    store = open_commands(config)
    try:
        return bool(store.read(read_foreign_movements, "main", SystemClock().now() - timedelta(hours=1)))
    finally:
        store.close()


@pytest.mark.slow
async def test_running_daemon_does_not_search_for_manual_calls_settled_by_their_answer(
    tmp_path: Path, database_url: str
) -> None:
    lost = Fault(what="cut_after", method="POST", path="/sapi/v1/bnbBurn", count=1)
    with http_sink() as sink:
        await _check_manual_calls(tmp_path, database_url, lost, sink)


async def _check_manual_calls(folder: Path, url: str, lost: Fault, sink: HttpSink) -> None:
    async with sandbox(starting_now(), faults=[lost]) as box:
        config = write_config(folder, box.ready, url=url, channels={"phone": sink.url})
        async with in_process_daemon(config) as here:
            await here.wait_for_state(lambda state: state.cross is not None)
            burn = {"interestBNBBurn": "false"}
            first = await _call(here.config, "set_bnb_burn", burn)
            assert isinstance(first.outcome, Unknown)
            await here.wait_for_state(lambda state: _states(state) == [IntentState.UNRESOLVED])
            with pytest.raises(CommandRefused, match="under way"):
                await _call(here.config, "set_bnb_burn", burn)
            [number] = here.state().intents
            assert number >= FIRST_MANUAL_INTENT_ID
            said = ("actions", "resolve", str(number), "--as", "confirmed", "--comment", "it is off")
            assert (await asyncio.to_thread(margin_monitor, config, *said, "--author", "me")).code == 0
            await here.wait_for_state(lambda state: _states(state) == [IntentState.CONFIRMED])

            async def told() -> bool:
                return any("counts as done (resolved by me: it is off)" in one.json()["text"] for one in sink.received)

            await eventually(told, 10, story=lambda: str([one.json() for one in sink.received]))
            await _call(here.config, "set_bnb_burn", burn)
            await here.wait_for_state(lambda state: _states(state) == [IntentState.CONFIRMED] * 2)
        assert (
            len([request for request in box.sandbox.requests if (request.method, request.path) == ("POST", lost.path)])
            == 2
        )


def _states(state: AccountState) -> list[IntentState]:
    return [intent.state for _, intent in sorted(state.intents.items())]


async def _send_manual(config: Any, *, amount: str) -> Any:
    return await _call(config, "repay_margin_loan", {"asset": "USDT", "amount": amount})


async def _call(config: Any, name: str, given: dict[str, str]) -> Any:
    clock = SystemClock()
    exchange = open_binance_account(config, "main", clock)
    store = open_commands(config)
    try:
        await exchange.sync_clock()
        function: Any = FUNCTIONS[name]
        return await ManualOrders("main", exchange, store, clock, config.safety).carry_out(function, given)
    finally:
        store.close()
        await exchange.aclose()

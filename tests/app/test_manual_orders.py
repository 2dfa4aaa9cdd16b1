"""`call` by hand: pause and keys are looked at between its record and its one request."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.app.manual_orders import MAX_SEND_DELAY, ManualOrders, ManualResult
from monitor.core.model.intent import IntentState
from monitor.core.model.order import Accepted
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.settlement.transitions import ABANDONED_AFTER
from monitor.errors import CommandRefused
from monitor.exchange.binance.api.catalogue import FUNCTIONS
from monitor.exchange.binance.api.response import ApiCredentials
from monitor.exchange.binance.signing import HmacSigner
from monitor.records.intents import IntentRow
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import ApiKeyPermissions, Scenario, hmac_key
from monitor.store.command_store import CommandStore
from monitor.store.readers.intents import read_intents
from monitor.store.writes import commands
from monitor.store.writes.manual_intents import settle_abandoned
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox
from tests.support.daemon import eventually
from tests.support.money_actions import REPAY_PATH, TRANSFER_PATH

S = IntentState
HELD_FOR_S = 600.0
"""Far longer than what is done meanwhile takes on any machine."""

RIGHTS_PATH = "/sapi/v1/account/apiRestrictions"
REPAYMENT = ("repay_margin_loan", {"asset": "USDT", "amount": "5"})
BY_NAME = ("set_bnb_burn", {"interestBNBBurn": "false"})


async def send_manual_order(
    around: ConnectedSandbox, store: CommandStore | None, what: tuple[str, dict[str, str]], pause_file: str = ""
) -> ManualResult:
    function: Any = FUNCTIONS[what[0]]
    by_hand = ManualOrders("main", around.account, store, around.clock, SafetySettings(pause_file=pause_file))
    return await by_hand.carry_out(function, what[1])


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    return f"sqlite:///{tmp_path / 'monitor.db'}"


def recorded(store: CommandStore) -> IntentRow:
    [row] = store.read(read_intents, include_final=True)
    assert isinstance(row, IntentRow)
    return row


def is_unsent(around: ConnectedSandbox, row: IntentRow) -> bool:
    """Whether the order was recorded, and expired without a request."""
    changes = (REPAY_PATH, TRANSFER_PATH, "/sapi/v1/bnbBurn")
    assert [
        request for request in around.sandbox.requests if request.method == "POST" and request.path in changes
    ] == []
    return row.intent.submitted_at is None and [step.to_state for step in row.steps][-2:] == [S.SUBMITTING, S.EXPIRED]


@contextlib.asynccontextmanager
async def between_claim_and_send(around: ConnectedSandbox, act: Callable[[], object]) -> AsyncIterator[None]:
    """Acts when the order is recorded, and its keys are being looked at: they are known once it has acted."""
    around.sandbox.add_fault(Fault("delay", method="GET", path=RIGHTS_PATH, seconds=HELD_FOR_S, count=0))

    async def are_looked_at() -> bool:
        return bool(around.requests(RIGHTS_PATH))

    async def acting() -> None:
        try:
            await eventually(are_looked_at)
            await asyncio.to_thread(act)
        finally:
            around.sandbox.clear_faults()

    task = asyncio.create_task(acting())
    yield
    await task


@pytest.mark.parametrize("what", [REPAYMENT, BY_NAME], ids=lambda what: what[0])
async def test_pause_command_before_sending_stops_the_call(database_url: str, what: tuple[str, dict[str, str]]) -> None:
    async with connected_sandbox(timeout_s=HELD_FOR_S) as around:
        with CommandStore.open(database_url) as store, CommandStore.open(database_url) as other:
            now = around.clock.now()
            async with between_claim_and_send(
                around, lambda: other.execute(commands.set_paused, True, "somebody", now)
            ):
                with pytest.raises(CommandRefused, match="actions are paused: nothing was sent"):
                    await send_manual_order(around, store, what)
            assert is_unsent(around, recorded(store))


@pytest.mark.parametrize("what", [REPAYMENT, BY_NAME], ids=lambda what: what[0])
async def test_call_abandoned_by_the_daemon_is_not_sent(database_url: str, what: tuple[str, dict[str, str]]) -> None:
    async with connected_sandbox(timeout_s=HELD_FOR_S) as around:
        with CommandStore.open(database_url) as store, CommandStore.open(database_url) as other:
            late = around.clock.now() + ABANDONED_AFTER + timedelta(minutes=1)
            async with between_claim_and_send(
                around, lambda: other.execute(settle_abandoned, late, timedelta(minutes=10))
            ):
                with pytest.raises(CommandRefused, match=r"it was given up .*: nothing was sent"):
                    await send_manual_order(around, store, what)
            row = recorded(store)
            assert [step.to_state for step in row.steps][:3] == [S.PLANNED, S.SUBMITTING, S.UNCERTAIN]
        assert around.requests(REPAY_PATH, "POST") == []
        assert around.requests("/sapi/v1/bnbBurn", "POST") == []


async def test_call_delayed_too_long_is_not_sent(sqlite_url: str) -> None:
    async with connected_sandbox(speed=1.001, timeout_s=HELD_FOR_S) as around:
        with CommandStore.open(sqlite_url) as store:
            async with between_claim_and_send(around, lambda: around.pass_time(MAX_SEND_DELAY.total_seconds() + 1)):
                with pytest.raises(CommandRefused, match="too long to send it still: nothing was sent"):
                    await send_manual_order(around, store, REPAYMENT)
            assert is_unsent(around, recorded(store))


@pytest.mark.parametrize("has_database", [True, False])
async def test_pause_file_before_sending_stops_the_call(sqlite_url: str, tmp_path: Path, has_database: bool) -> None:
    file = tmp_path / "PAUSE"
    async with connected_sandbox(timeout_s=HELD_FOR_S) as around:
        with CommandStore.open(sqlite_url) as store:
            async with between_claim_and_send(around, file.touch):
                with pytest.raises(CommandRefused, match=r"actions are paused by .*PAUSE: nothing was sent"):
                    await send_manual_order(around, store if has_database else None, REPAYMENT, str(file))
            assert around.requests(REPAY_PATH, "POST") == []
            if has_database:
                assert is_unsent(around, recorded(store))


async def test_action_key_of_another_account_sends_nothing(sqlite_url: str) -> None:
    [main] = calm_scenario().accounts
    scenario = replace(calm_scenario(), accounts=(main, replace(main, name="other")))
    strange = hmac_key("other")
    acting = ApiCredentials(strange.api_key, HmacSigner(str(strange.api_secret)))
    async with connected_sandbox(scenario, action_credentials=acting) as around:
        with CommandStore.open(sqlite_url) as store:
            with pytest.raises(CommandRefused, match="belongs to another account of the exchange"):
                await send_manual_order(around, store, REPAYMENT)
            assert is_unsent(around, recorded(store))


def with_rights(rights: ApiKeyPermissions) -> Scenario:
    [main] = calm_scenario().accounts
    key = replace(hmac_key("main"), permissions=rights)
    return replace(calm_scenario(), accounts=(replace(main, keys=(key,)),))


@pytest.mark.parametrize(
    ("what", "rights", "said"),
    [
        (REPAYMENT, ApiKeyPermissions(margin=False), "allow margin loan"),
        (
            ("transfer_spot_to_margin", {"asset": "USDT", "amount": "5"}),
            ApiKeyPermissions(transfer=False),
            "allow universal transfer",
        ),
    ],
)
async def test_key_without_permission_sends_nothing(
    sqlite_url: str, what: tuple[str, dict[str, str]], rights: ApiKeyPermissions, said: str
) -> None:
    async with connected_sandbox(with_rights(rights)) as around:
        with CommandStore.open(sqlite_url) as store:
            with pytest.raises(CommandRefused, match=said):
                await send_manual_order(around, store, what)
            assert is_unsent(around, recorded(store))
        assert around.requests(TRANSFER_PATH, "POST") == []


async def test_unreadable_permissions_are_left_to_the_exchange(sqlite_url: str) -> None:
    async with connected_sandbox(faults=[Fault("status", path=RIGHTS_PATH, status=503, count=0)]) as around:
        with CommandStore.open(sqlite_url) as store:
            assert isinstance((await send_manual_order(around, store, REPAYMENT)).outcome, Accepted)

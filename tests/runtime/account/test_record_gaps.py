"""The reads that close a gap: they begin before it, so that the orders of right before explain nothing within it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from monitor.core.model.account import CROSS
from monitor.core.model.safety_settings import SafetySettings
from monitor.runtime.account.record_gaps import RecordGapReader
from tests.support.connected_sandbox import connected_sandbox
from tests.support.examples.accounts import SETTINGS, new_account_state


async def test_repayment_of_right_before_the_gap_is_read() -> None:
    async with connected_sandbox() as world:
        world.sandbox.user_actions.repay("main", "USDT", Decimal(100))
        now = world.clock.now()
        state = replace(new_account_state(), account="main")
        reader = RecordGapReader(
            world.account, SETTINGS, world.clock, lambda event: None, lambda: state, (), SafetySettings()
        )
        history = await reader._read(now + timedelta(seconds=1), now + timedelta(seconds=2))
    repaid = dict(history.repayments)[CROSS]
    assert [row.amount for row in repaid] == [Decimal(100)]

"""Reads of reference data, by an account's own state and the sandbox's answers."""

from monitor.core.model.account import Scope
from monitor.core.model.events import CrossRead, Event
from monitor.core.model.reads import TradingRulesRead
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.errors import ExchangeError
from monitor.runtime.account.poller import ReadOnce
from monitor.runtime.account.reference_reads import ReferenceReader
from monitor.sandbox.faults import Fault
from tests.support.connected_sandbox import connected_sandbox

INFO = "/api/v3/exchangeInfo"


async def guarded(_: str, __: Scope | None, read: ReadOnce) -> bool:
    try:
        await read()
    except ExchangeError:
        return False
    return True


async def test_question_after_a_halt_is_repeated_until_it_is_answered() -> None:
    async with connected_sandbox() as w:
        await w.account.sync_clock()
        events: list[Event] = []
        now = w.clock.now()
        state = apply_account_event(AccountState("main", now), CrossRead(await w.account.read_cross()), now)
        reader = ReferenceReader(w.account, AccountSettings("main"), w.clock, events.append, lambda: state)
        await reader.read_symbol_rules(guarded)
        w.sandbox.add_fault(Fault("status", path=INFO, count=3))
        for answers in (1, 2, 2):
            await reader.check_halted(guarded, {"ETHUSDT"}, set())
            assert [type(event) for event in events] == [TradingRulesRead] * answers

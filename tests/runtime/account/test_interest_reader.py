"""Every charge of 90 days is recorded once, whatever interrupts it, and sums are those of the exchange's own rows."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.events import CrossRead, Event, InterestRead, IsolatedRead, NextRatesRead, RatesRead
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.core.state.account_update import apply_account_event
from monitor.errors import ExchangeError
from monitor.runtime.account.interest_reader import InterestReader
from monitor.runtime.account.poller import ReadOnce
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.store.readers.interest import read_charges, read_interest, read_recorded_spans
from monitor.store.store import Store
from tests.support.clocks.manual_clock import ManualClock
from tests.support.connected_sandbox import ConnectedSandbox, connected_sandbox
from tests.support.sandbox_interest import add_past_charges, charged_interest
from tests.support.timeouts import SOON_S

SETTINGS = AccountSettings("main", isolated=("BTCUSDT",))
PAIR = Scope("BTCUSDT")
HISTORY = "/sapi/v1/margin/interestHistory"


@dataclass
class InterestHarness:
    """A watch over an account, the events that it delivered, and the state that they made."""

    world: ConnectedSandbox
    clock: ManualClock
    store: Store
    state: AccountState
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._delivered = asyncio.Event()
        self.watch = InterestReader(
            self.world.account, SETTINGS, self.clock, self.store, self._deliver, lambda: self.state
        )

    async def guarded(self, _name: str, _scope: Scope | None, read: ReadOnce) -> bool:
        try:
            await read()
        except ExchangeError:
            return False
        return True

    async def read_new(self) -> InterestRead:
        await self.watch.read_new(self.guarded)
        read = self.told[-1]
        assert isinstance(read, InterestRead)
        return read

    @contextlib.asynccontextmanager
    async def run_backfill(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.watch.backfill(self.guarded))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def wait_until_filled(self) -> InterestRead:
        """What is told once nothing is missing of 90 days."""
        await self.read_new()
        async with self.run_backfill():
            await self.wait_until(lambda: self._is_filled())
        read = self.told[-1]
        assert isinstance(read, InterestRead)
        return read

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_S):
            while not holds():
                self._delivered.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._delivered.wait(), 0.02)

    def _is_filled(self) -> bool:
        read = self.told[-1]
        return isinstance(read, InterestRead) and read.since is not None and read.since < read.at - timedelta(days=89)

    def _deliver(self, event: Event) -> None:
        self._delivered.set()
        self.told.append(event)
        self.state = apply_account_event(self.state, event, self.clock.now())


@contextlib.asynccontextmanager
async def interest_harness(
    store: Store, days: float = 0, faults: Sequence[Fault] = (), *, ahead_s: float = 0, measured: bool = True
) -> AsyncIterator[InterestHarness]:
    """The calm account after so many days of hourly charges on its three debts, by a clock that may be wrong."""
    async with connected_sandbox(
        replace(calm_scenario(), start=datetime(2026, 3, 1, 12, 30, tzinfo=UTC)), faults=faults
    ) as w:
        add_past_charges(w.sandbox, w.clock.now(), int(days * 24))
        await w.account.sync_clock()
        state = AccountState(account="main", started_at=w.clock.now())
        for event in (CrossRead(await w.account.read_cross()), IsolatedRead(await w.account.read_isolated())):
            state = apply_account_event(state, event, w.clock.now())
        clock = ManualClock(w.clock.now())
        if measured:
            clock.record_measurement(clock.now(), clock.elapsed_s(), clock.elapsed_s())
        clock.advance(ahead_s)
        yield InterestHarness(w, clock, store, state)


async def recorded_charges(store: Store, since: datetime | None = None) -> dict[tuple[str, str], tuple[Decimal, int]]:
    sums = await store.read(read_interest, by="asset", since=since)
    return {(each.symbol, each.asset): (each.interest, each.charges) for each in sums}


@pytest.fixture
async def either_store(database_url: str) -> AsyncIterator[Store]:
    opened = Store.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def store(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Store]:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    opened = Store.open(f"sqlite:///{tmp_path / 'monitor.db'}")
    yield opened
    await opened.close()


@pytest.mark.slow
async def test_sums_of_90_days_equal_the_exchange_ledger(either_store: Store) -> None:
    async with interest_harness(either_store, days=92) as d:
        start = d.clock.now()
        read = await d.wait_until_filled()
        told = {debt: paid.last_30d for debt, paid in read.paid.items()}
        kept = await recorded_charges(d.store, start - timedelta(days=89))
        assert kept == charged_interest(d.world.sandbox, start - timedelta(days=89))
        assert kept["", "USDT"][1] == 89 * 24
        month = charged_interest(d.world.sandbox, read.at - timedelta(days=30))
        assert told == {(Scope(s), asset): {asset: total} for (s, asset), (total, _) in month.items()}
        day = charged_interest(d.world.sandbox, read.at - timedelta(hours=24))
        assert {debt: paid.last_24h[debt[1]] for debt, paid in read.paid.items()} == {
            (Scope(s), asset): total for (s, asset), (total, _) in day.items()
        }


async def test_current_rates_are_known_before_the_backfill(store: Store) -> None:
    async with interest_harness(store, days=4) as d:
        read = await d.read_new()
        assert read.since is not None
        assert timedelta(hours=24) < read.at - read.since < timedelta(hours=27)
        assert len(d.world.requests(HISTORY)) == 2
        # Charged half an hour ago at 0.00024, and 24 hours before at 0.00024 + 0.000003.
        assert read.paid[CROSS, "USDT"].last.daily_rate == Decimal("0.00024")
        assert read.paid[CROSS, "USDT"].day_ago_rate == Decimal("0.000243")


async def test_interrupted_backfill_resumes(store: Store) -> None:
    async with interest_harness(store, days=35) as d:
        await d.read_new()
        async with d.run_backfill():
            await d.wait_until(lambda: len(d.world.requests(HISTORY)) > 12)
        kept = await recorded_charges(store)
        assert kept != charged_interest(d.world.sandbox, d.clock.now() - timedelta(days=90))
        # As a daemon that starts anew: it knows nothing but the database.
        asked = len(d.world.requests(HISTORY))
        anew = InterestHarness(d.world, d.clock, store, d.state)
        await anew.wait_until_filled()
        assert await recorded_charges(store) == charged_interest(d.world.sandbox, d.clock.now() - timedelta(days=90))
        assert len(d.world.requests(HISTORY)) - asked < 50
        assert [len(spans) for spans in (await store.read(read_recorded_spans)).values()] == [1, 1]


async def test_gap_after_a_downtime_is_closed(store: Store) -> None:
    async with interest_harness(store, days=25) as d:
        end = d.clock.now()
        d.clock.advance(-15 * 86_400)
        await d.wait_until_filled()
        d.clock.advance((end - d.clock.now()).total_seconds())
        read = await d.read_new()
        assert read.since is not None
        assert read.since > end - timedelta(hours=27), "what lies before the downtime is not yet connected"
        again = InterestHarness(d.world, d.clock, store, d.state)
        await again.wait_until_filled()
        assert await recorded_charges(store) == charged_interest(d.world.sandbox, end - timedelta(days=90))


@pytest.mark.parametrize("measured", [True, False])
async def test_a_clock_that_was_ahead_loses_no_charge(store: Store, measured: bool) -> None:
    eight_hours = 8 * 3600
    async with interest_harness(store, days=3, ahead_s=eight_hours, measured=measured) as d:
        await d.read_new()
        assert bool(await store.read(read_recorded_spans)) is measured
        now_s = d.clock.elapsed_s()
        d.clock.record_measurement(d.clock.now() - timedelta(seconds=eight_hours), now_s, now_s)
        d.clock.advance(3600)
        d.world.sandbox.user_actions.advance(3600)
        read = await d.read_new()
        assert read.since is not None
        day = charged_interest(d.world.sandbox, read.at - timedelta(hours=24))
        assert {debt: paid.last_24h[debt[1]] for debt, paid in read.paid.items()} == {
            (Scope(s), asset): total for (s, asset), (total, _) in day.items()
        }
        spans = (await store.read(read_recorded_spans)).values()
        assert max(span[-1][1] for span in spans) <= d.clock.now() - timedelta(hours=3)


async def test_late_listed_charge_is_found_by_a_later_read(store: Store) -> None:
    async with interest_harness(store, days=3) as d:
        rows = d.world.sandbox.venue.accounts["main"].interest
        late = rows.pop()
        await d.read_new()
        before = await recorded_charges(store)
        rows.append(late)
        d.clock.advance(2 * 3600)
        read = await d.read_new()
        assert await recorded_charges(store) != before
        assert read.paid[PAIR, "USDT"].last.tx_id == late.tran_id


async def test_scope_that_is_refused_does_not_hold_up_the_others(store: Store) -> None:
    refused = Fault("status", path=HISTORY, params={"isolatedSymbol": "BTCUSDT"}, count=0, status=400, code=-11001)
    async with interest_harness(store, days=4, faults=[refused]) as d:
        read = await d.read_new()
        assert read.since is None, "a sum over scopes of which one is unknown would be too small"
        async with d.run_backfill():
            await d.wait_until(lambda: len(d.told) > 1)
        own = {
            key: value
            for key, value in charged_interest(d.world.sandbox, d.clock.now() - timedelta(days=90)).items()
            if not key[0]
        }
        assert await recorded_charges(store) == own


async def test_rates_are_read_for_holdings_and_for_the_next_hour_of_debts(store: Store) -> None:
    async with interest_harness(store) as d:
        d.world.sandbox.user_actions.set_rate("USDT", Decimal("0.00048"))
        await d.watch.read_rates(d.guarded)
        now, coming = d.told
        assert isinstance(now, RatesRead)
        assert isinstance(coming, NextRatesRead)
        assert now.hourly["USDT"] == Decimal("0.00002")
        assert set(now.hourly) == {"BTC", "ETH", "USDT"}
        assert set(now.day_ago) == {"ETH", "USDT"}
        assert now.day_ago["USDT"] == Decimal("0.00027397") / 24
        assert coming.cross == {"ETH": Decimal("0.00000285"), "USDT": Decimal("0.00002")}
        assert coming.isolated == {"USDT": Decimal("0.00002")}


async def test_recorded_charges_read_back_in_their_order(store: Store) -> None:
    async with interest_harness(store, days=1) as d:
        await d.read_new()
    rows = await store.read(lambda connection: tuple(read_charges(connection, account="main")))
    times = [row.charge.charged_at for row in rows]
    assert len(times) == 3 * 25
    assert times == sorted(times)

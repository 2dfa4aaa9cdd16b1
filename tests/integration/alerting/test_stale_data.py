"""What the daemon can't see it does not guess: it says that it is blind, and nothing else fires or clears."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.core.model.alert import AlertState
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_state import AccountState
from monitor.records.alerts import AlertRow
from monitor.sandbox.faults import MALFORMED_BODIES, Fault
from monitor.store.readers.events import read_events
from tests.support.daemon import InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.recorded_rows import read_failures
from tests.support.sandbox import sandbox

SLOW_POLL = {"cross": "5s", "isolated": "5s", "near_liquidation": "5s", "stale_after": "20s"}
STALE, VERY_STALE = 15, 30
"""Seconds of age at which the two rules fire with a poll each 5 s: max(10 s, 3 polls) and max(30 s, 6 polls)."""

FALLEN_PRICE = {"below-initial", "thin"}
"""What fires once BTC costs 45,000."""

UNSEEN = {"down": Fault("status", path="*", status=503, count=0), "hanging": Fault("hang", path="*", count=0)}
UNSEEN |= {form: Fault("malformed", path="*", form=form, count=0) for form in ("truncated", "nan", "html")}


def firing_rules(rows: Sequence[AlertRow]) -> set[str]:
    return {row.alert.key.rule for row in rows if row.alert.state is AlertState.FIRING}


async def wait_until_read(here: InProcessDaemon) -> None:
    """Returns once everything was read."""

    def is_seeing(state: AccountState) -> bool:
        streams = [stream.connected for stream in state.streams.values()]
        return bool(
            state.cross
            and state.isolated
            and state.thresholds.cross
            and state.thresholds.tiers
            and streams == [True] * 3
        )

    await here.wait_for_state(is_seeing)


@pytest.mark.parametrize(
    "how", ["down", "hanging", *(pytest.param(how, marks=pytest.mark.slow) for how in ("truncated", "nan", "html"))]
)
async def test_stale_data_alert_is_sent_in_time_and_nothing_else_changes(tmp_path: Path, how: str) -> None:
    async with sandbox(speed=20) as box:
        config = write_config(tmp_path, box.ready, schedule=SLOW_POLL)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await wait_until_read(here)
            # Below the initial bar: a warning that must neither clear nor get worse while nobody can see.
            box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
            # A start on a busy machine may itself have been a moment of blindness: that must be over. And whatever the
            # fall brings must have come, or it would seem to come from the darkness.
            await here.wait_for_alerts(
                lambda rows: firing_rules(rows) >= FALLEN_PRICE and not {"blind", "very-blind"} & firing_rules(rows)
            )
            before = firing_rules(await here.alerts())
            last = here.state().cross
            assert last is not None
            box.sandbox.add_fault(UNSEEN[how])
            for stream in ("account", "risk", "market"):
                box.sandbox.add_fault(Fault("refuse", stream=stream))
                box.sandbox.add_fault(Fault("drop", stream=stream))
            # Nobody is told of this: the price is unseen.
            box.sandbox.user_actions.set_price("BTCUSDT", Decimal(90_000))

            await here.wait_for_alerts(lambda rows: "very-blind" in firing_rules(rows), 30)
            told = {row.alert.key.rule: row.alert for row in await here.alerts()}
            cross, isolated = here.state().cross, here.state().isolated
            assert cross is not None and isolated is not None
            # Blindness counts from the read that is most overdue.
            seen_at = min(cross.as_of, isolated.as_of)
            for rule, bound in (("blind", STALE), ("very-blind", VERY_STALE)):
                fired_at = told[rule].fired_at
                assert fired_at is not None
                # Half a second of a busy machine is ten of the exchange.
                assert bound < (fired_at - seen_at).total_seconds() < bound + 10, rule
            new = firing_rules(await here.alerts()) - before
            assert new <= {"blind", "very-blind", "prices-dead", "stream-down", "falling-fast"}, new
            assert before <= firing_rules(await here.alerts()), "cleared without sight"
            below = told["below-initial"]
            assert (below.state, below.unknown_since is not None) == (AlertState.FIRING, True)

            box.sandbox.clear_faults()
            await here.wait_for_alerts(
                lambda rows: not firing_rules(rows) & {"blind", "very-blind", "below-initial"}, 30
            )


@pytest.mark.slow
async def test_last_prices_count_when_worse_than_the_last_snapshot(tmp_path: Path) -> None:
    async with sandbox(speed=20) as box:
        config = write_config(tmp_path, box.ready, schedule=SLOW_POLL)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await wait_until_read(here)
            # Reads fail before the fall: the prices alone bring it, and then fall silent, too.
            box.sandbox.add_fault(UNSEEN["down"])
            box.sandbox.user_actions.set_price("BTCUSDT", Decimal(45_000))
            await here.wait_for_alerts(lambda rows: "below-initial" in firing_rules(rows))
            before = firing_rules(await here.alerts()) - {"falling-fast"}
            for stream in ("account", "risk", "market"):
                box.sandbox.add_fault(Fault("refuse", stream=stream))
                box.sandbox.add_fault(Fault("drop", stream=stream))
            await here.wait_for_alerts(lambda rows: "very-blind" in firing_rules(rows), 30)
            assert before <= firing_rules(await here.alerts()), "cleared by a read from before the fall"


@pytest.mark.parametrize("form", MALFORMED_BODIES)
async def test_impossible_payloads_are_recorded_and_rejected(tmp_path: Path, form: str) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await wait_until_read(here)
            good = here.state().cross
            assert good is not None
            box.sandbox.add_fault(Fault("malformed", path="/sapi/v1/margin/account", form=form))

            async def is_recorded() -> bool:
                rows = await here.store.read(read_failures, limit=None)
                return any(row.read == "cross" for row in rows)

            await here.wait_for_state(lambda state: state.polling.last_failure)
            await here.wait_for_state(lambda state: state.cross and state.cross.as_of > good.as_of, 20)
            after = here.state().cross
            assert after is not None
            assert (after.balances, after.margin_level) == (good.balances, good.margin_level)
            await eventually(is_recorded)
            rows = await here.store.read(read_failures, limit=None)
            assert not here.task.done()
            if form not in ("empty", "html", "not_json", "truncated"):
                rejected = [row for row in rows if row.read == "cross" and row.rejected]
                assert rejected, rows
                # Of an odd row its name is told; of a whole answer its beginning is kept.
                told = rejected[0].rejected or ""
                assert "USDT is left out" in told if form == "odd_row" else rejected[0].payload
            assert firing_rules(await here.alerts()) == set()


async def test_contradictory_snapshot_is_rejected_even_if_it_looks_safe(tmp_path: Path) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await wait_until_read(here)
            box.sandbox.user_actions.set_price("BTCUSDT", Decimal(41_000))
            await here.wait_for_alerts(lambda rows: "near-call" in firing_rules(rows))
            # The level says 37, the totals say otherwise.
            box.sandbox.add_fault(Fault("malformed", path="/sapi/v1/margin/account", form="contradiction", count=0))
            failures = len(await here.store.read(read_failures, limit=None))

            async def three_more() -> bool:
                return len(await here.store.read(read_failures, limit=None)) >= failures + 3

            await eventually(three_more)
            level = here.state().cross
            assert level is not None
            assert level.margin_level < 2
            assert level.margin_level != INFINITE
            assert "near-call" in firing_rules(await here.alerts())


@pytest.mark.parametrize("stream", ["account", "market", "risk"])
async def test_frames_that_cannot_be_read_are_recorded_as_rejected(tmp_path: Path, stream: str) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await wait_until_read(here)
            box.sandbox.add_fault(Fault("malform", stream=stream, count=2))
            box.sandbox.user_actions.borrow("main", "USDT", Decimal(10))
            box.sandbox.user_actions.borrow("main", "USDT", Decimal(10))

            async def rejected() -> bool:
                rows = await here.store.read(read_events, type="rejected")
                return any(row.stream == stream and row.rejected and row.payload for row in rows)

            await eventually(rejected)
            await here.wait_for_state(lambda state: state.cross and state.cross.balances["USDT"].borrowed == 30_020)
            assert not here.task.done()

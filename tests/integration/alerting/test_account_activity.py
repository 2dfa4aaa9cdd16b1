"""What happens around an account reaches the real daemon: other hands, the exchange's own doing, changed terms."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from monitor.core.metrics.snapshot import MONITOR_SUBJECT, measure_subject
from monitor.core.model.account import CROSS
from monitor.sandbox.lending import loans
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import CROSS_5X, Scenario, SimCollateralTier, initial_balance
from monitor.store.readers.events import read_movements
from tests.support.command import margin_monitor
from tests.support.daemon import FAST_SCHEDULE, InProcessDaemon, clock_of, eventually, in_process_daemon, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink

D = Decimal
QUICK = {**FAST_SCHEDULE, "transfers": "1s", "capital_flow": "1s", "reference_data": "1s"}
FLOW_PATH = "/sapi/v1/margin/capital-flow"


async def moved(here: InProcessDaemon, kind: str, count: int) -> list[dict[str, Any]]:
    """What was kept of the movements of one kind, once there are so many."""
    found: list[dict[str, Any]] = []

    async def are_there() -> bool:
        rows = await here.store.read(read_movements, kind=kind)
        found[:] = [json.loads(row.payload) for row in rows]
        return len(found) >= count

    await eventually(are_there, 20, given_up=lambda: here.task.done(), story=lambda: str(found))
    return found


async def test_movements_are_attributed_and_recorded(tmp_path: Path) -> None:
    async with sandbox() as box:
        config = write_config(tmp_path, box.ready, schedule=QUICK)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await here.wait_for_state(lambda state: state.cross and CROSS in state.activity.ledger_read_until)
            venue = box.sandbox.venue
            account = venue.accounts["main"]
            box.sandbox.user_actions.transfer("main", "MAIN_MARGIN", "USDT", D(11))
            box.sandbox.user_actions.top_up("main", "USDT", D(12))
            box.sandbox.user_actions.repay("main", "USDT", D(13))
            loans.repay(venue, account, account.cross, "USDT", D(14), by="venue", kind="AUTO")
            flows = {row["amount"]: (row["type"], row["origin"]) for row in await moved(here, "capital-flow", 4)}
            transfers = {row["amount"]: row["origin"] for row in await moved(here, "transfer", 2)}
    assert (flows["13"], flows["14"]) == (("REPAY", "another hand"), ("REPAY", "exchange"))
    assert transfers == {"11": "another hand", "12": "exchange"}


async def test_unexplained_change_requests_the_ledger_at_once(tmp_path: Path) -> None:
    async with sandbox(speed=10) as box:
        config = write_config(tmp_path, box.ready, schedule={**FAST_SCHEDULE, "cross": "5s"})
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await here.wait_for_state(lambda state: state.cross and CROSS in state.activity.ledger_read_until)
            before = sum(request.path == FLOW_PATH for request in box.sandbox.requests)
            venue = box.sandbox.venue
            # No event tells of it.
            venue.ledger.pay("USDT", D(100), "world", venue.accounts["main"].cross.wallet, "gift")
            await here.wait_for_state(lambda state: state.activity.ledger_requested_at)

            async def is_asked() -> bool:
                return sum(request.path == FLOW_PATH for request in box.sandbox.requests) > before

            await eventually(is_asked, 10)


async def test_between_polls_the_level_follows_the_index_and_not_the_spot_price(tmp_path: Path) -> None:
    async with sandbox(replace(calm_scenario(), basis={"BTCUSDT": D("0.005"), "ETHUSDT": D("-0.003")})) as box:
        config = write_config(tmp_path, box.ready)
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            await here.wait_for_state(lambda state: len(state.prices.at_cross.bases) == 2)
            drift = measure_subject(here.state(), here.daemon.settings("main"), MONITOR_SUBJECT, here.clock.now())
    found = drift.read("live_drift")
    assert isinstance(found, Decimal)
    assert found < D("0.00001")


LEAST = {"USDT": D(10)}


def terms_at_risk() -> Scenario:
    """Free of locks, with SOL as collateral and ADA about to be delisted."""
    scenario = calm_scenario()
    held = {
        "SOL": initial_balance("10"),
        "ADA": initial_balance("5"),
        "USDT": initial_balance("20000", borrowed="1000"),
    }
    soon = (scenario.start + timedelta(hours=5), ("ADA",), ())
    return replace(scenario, accounts=(replace(scenario.accounts[0], cross=held),), delistings=(soon,), min_repay=LEAST)


async def test_changed_terms_are_notified_once_and_a_delisting_fires(tmp_path: Path) -> None:
    with http_sink() as sink:
        async with sandbox(terms_at_risk()) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, schedule=QUICK)
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                await here.wait_for_state(
                    lambda state: ("collateral", "SOL") in state.reference.terms and state.thresholds.cross
                )
                venue = box.sandbox.venue
                venue.accounts["main"].thresholds = CROSS_5X
                venue.listings.collateral["SOL"] = (SimCollateralTier(D(0), D("0.5")),)

                def texts() -> list[str]:
                    return [one.body.decode() for one in sink.received]

                async def is_told() -> bool:
                    told = "\n".join(texts())
                    return all(
                        word in told for word in ("the thresholds of the cross account", "ratio of SOL", "delisting")
                    )

                await eventually(is_told, 20, given_up=lambda: here.task.done(), story=lambda: str(texts()))
                state = here.state()
    for change in (
        "the thresholds of the cross account changed: initial 1.5, margin call 1.3, liquidation 1.1 → initial 1.25",
        "the collateral ratio of SOL changed: 0.95 up to 10000000, 0.9 up to 20000000, then 0 → 0.5 (",
    ):
        assert sum(change in text for text in texts()) == 1
    assert state.thresholds.cross is not None
    assert state.thresholds.cross.margin_call == D("1.16")
    assert state.reference.min_repay == LEAST


async def test_monitoring_tag_warns_once_and_is_shown_in_status_and_report(tmp_path: Path) -> None:
    tags = {"SOL": ("Monitoring", "Layer1_Layer2"), "BTC": ("pow",), "XYZ": ("Monitoring",)}
    with http_sink() as sink:
        async with sandbox(replace(terms_at_risk(), tags=tags)) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url}, schedule=QUICK)
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:

                def tagged() -> list[str]:
                    texts = [str(one.json()["text"]) for one in list(sink.received) if one.json().get("alert") is None]
                    return [text for text in texts if "Rule monitoring-tag" in text]

                async def is_told() -> bool:
                    return bool(tagged())

                await eventually(is_told, 20, given_up=lambda: here.task.done(), story=lambda: str(sink.received))
                (text,) = tagged()
                assert "SOL" in text and "weeks before it delists an asset" in text

                async def is_shown() -> bool:
                    said = await asyncio.to_thread(margin_monitor, config, "status")
                    return "tagged Monitoring, a delisting may follow within weeks: SOL" in said.out

                await eventually(is_shown, 20)
            report = await asyncio.to_thread(margin_monitor, config, "report")
    assert "tagged Monitoring" in report.out

"""One pair whose row can't be believed is named and grows old; the others are watched on."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from monitor.core.model.alert import AlertState
from monitor.core.state.account_state import AccountState
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, PairSpec, initial_balance
from tests.support.daemon import clock_of, in_process_daemon, write_config
from tests.support.sandbox import sandbox

D = Decimal
ISOLATED = "/sapi/v1/margin/isolated/account"

PAIRS = replace(
    calm_scenario(),
    accounts=(
        AccountSpec(
            isolated={
                "ETHUSDT": PairSpec(base=initial_balance("10"), quote=initial_balance("0", borrowed="15000")),
                "BTCUSDT": PairSpec(base=initial_balance("1"), quote=initial_balance("0", borrowed="40000")),
            },
        ),
    ),
    prices={"BTCUSDT": D(60_000), "ETHUSDT": D(3000)},
    paths={},
)

RULES = """
[[rules]]
name = "low"
scope = "isolated"
when = "margin_level < 1.3"
severity = "critical"

[[rules]]
name = "unseen"
scope = "monitor"
when = "data_age > 15s"
severity = "critical"
"""


def firing(state: AccountState, rule: str, subject: str) -> bool:
    return any(
        key.rule == rule and key.subject == subject and alert.state is AlertState.FIRING
        for key, alert in state.alerts.items()
    )


async def test_rejected_pair_row_makes_only_that_pair_stale(tmp_path: Path) -> None:
    async with sandbox(PAIRS, speed=4) as running:
        config = write_config(tmp_path, running.ready, first="default_rules = false", more=RULES)
        async with in_process_daemon(config, clock_of(running.sandbox)) as here:
            await here.wait_for_state(
                lambda state: state.isolated is not None and len(state.isolated.pairs) == 2 and state.thresholds.tiers
            )
            running.sandbox.add_fault(Fault("malformed", path=ISOLATED, form="odd_row", count=0))
            await here.wait_for_state(
                lambda state: state.isolated is not None and state.isolated.rejected == {"ETHUSDT"}
            )
            running.sandbox.user_actions.set_price("BTCUSDT", D(50_000))
            await here.wait_for_state(lambda state: firing(state, "low", "BTCUSDT"))
            await here.wait_for_state(lambda state: firing(state, "unseen", ""))
            failure = here.state("main").polling.last_failure
            assert failure is not None
            assert (failure.read, "ETHUSDT is left out" in failure.cause) == ("isolated", True)
            pairs = here.state("main").isolated
            assert pairs is not None
            assert pairs.pairs["ETHUSDT"].as_of is not None
            running.sandbox.clear_faults()
            await here.wait_for_state(lambda state: not firing(state, "unseen", ""))

"""One pair whose row can't be believed is named and grows old; the others are watched on."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from monitor.core.model.alert import AlertState
from monitor.core.state.account_state import AccountState
from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm
from monitor.sandbox.scenario.scenario import AccountSpec, PairSpec, holding
from tests.support.daemon import clock_of, daemon_here, write_config
from tests.support.sandbox import sandbox

D = Decimal
ISOLATED = "/sapi/v1/margin/isolated/account"

PAIRS = replace(
    calm(),
    accounts=(
        AccountSpec(
            isolated={
                "ETHUSDT": PairSpec(base=holding("10"), quote=holding("0", borrowed="15000")),
                "BTCUSDT": PairSpec(base=holding("1"), quote=holding("0", borrowed="40000")),
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


async def test_an_odd_pair_blinds_itself_alone_and_loudly(tmp_path: Path) -> None:
    async with sandbox(PAIRS, speed=4) as running:
        config = write_config(tmp_path, running.ready, first="default_rules = false", more=RULES)
        async with daemon_here(config, clock_of(running.sandbox)) as here:
            await here.until(
                lambda state: state.isolated is not None and len(state.isolated.pairs) == 2 and state.tiers
            )
            running.sandbox.add_fault(Fault("malformed", path=ISOLATED, form="odd_row", count=0))
            await here.until(lambda state: state.isolated is not None and state.isolated.rejected == {"ETHUSDT"})
            running.sandbox.hand.set_price("BTCUSDT", D(50_000))
            await here.until(lambda state: firing(state, "low", "BTCUSDT"))
            await here.until(lambda state: firing(state, "unseen", ""))
            failure = here.state("main").last_failure
            assert failure is not None
            assert (failure.read, "ETHUSDT is left out" in failure.cause) == ("isolated", True)
            pairs = here.state("main").isolated
            assert pairs is not None
            assert pairs.pairs["ETHUSDT"].as_of is not None
            running.sandbox.clear_faults()
            await here.until(lambda state: not firing(state, "unseen", ""))

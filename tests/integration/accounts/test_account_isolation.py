"""One account's trouble is its own."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm_scenario
from monitor.sandbox.scenario.scenario import AccountSpec, initial_balance
from tests.support.daemon import clock_of, in_process_daemon, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink

OTHER = AccountSpec(name="other", cross={"BTC": initial_balance("1"), "USDT": initial_balance(borrowed="30000")})


@pytest.mark.slow
async def test_a_hanging_account_delays_no_other(tmp_path: Path) -> None:
    scenario = replace(calm_scenario(), accounts=(*calm_scenario().accounts, OTHER))
    with http_sink() as sink:
        async with sandbox(scenario) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with in_process_daemon(config, clock_of(box.sandbox)) as here:
                for name in ("main", "other"):
                    await here.wait_for_state(
                        lambda state: state.cross and state.thresholds.cross and len(state.streams) == 3, account=name
                    )
                box.sandbox.add_fault(Fault("hang", path="*", account="main", count=0))
                stuck = here.state("main").cross
                assert stuck is not None
                start = here.clock.now()
                box.sandbox.user_actions.set_price("BTCUSDT", Decimal(38_000))

                # 38000 ÷ 30000 is below its margin call
                def is_told() -> bool:
                    return any("main" not in str(one.json()["title"]) for one in sink.received)

                def keeps_pace(name: str) -> bool:
                    seen = here.state(name).cross
                    return seen is not None and seen.as_of - start > timedelta(seconds=4)

                await here.wait_for_state(lambda state: keeps_pace("other"), account="other")
                seen = here.state("other").cross
                assert seen is not None
                assert here.clock.now() - seen.as_of < timedelta(seconds=2)
                assert is_told()
                now = here.state("main").cross
                assert now is not None
                assert now.as_of - stuck.as_of < timedelta(seconds=2)


async def test_failing_account_is_rebuilt_without_affecting_the_other(tmp_path: Path) -> None:
    scenario = replace(calm_scenario(), accounts=(*calm_scenario().accounts, OTHER))
    async with sandbox(scenario) as box:
        secret = tmp_path / "secret.txt"
        secret.write_text("gone soon")
        config = write_config(tmp_path, box.ready)
        main = box.ready.accounts[0]["api_secret"]
        secret.write_text(main)
        secret.chmod(0o600)
        config.write_text(config.read_text().replace(f'"{main}"', f'"file:{secret}"'))
        secret.rename(tmp_path / "elsewhere.txt")
        async with in_process_daemon(config, clock_of(box.sandbox)) as here:
            # Without its secret the first can't even be opened.
            await here.wait_for_state(lambda state: state.cross, account="other")
            assert "main" not in here.daemon.account_states()
            (tmp_path / "elsewhere.txt").rename(secret)
            await here.wait_for_state(lambda state: state.cross, account="main")

"""One account's trouble is its own."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from monitor.sandbox.faults import Fault
from monitor.sandbox.scenario.builtin import calm
from monitor.sandbox.scenario.scenario import AccountSpec, holding
from tests.support.daemon import clock_of, daemon_here, write_config
from tests.support.sandbox import sandbox
from tests.support.sinks import http_sink

OTHER = AccountSpec(name="other", cross={"BTC": holding("1"), "USDT": holding(borrowed="30000")})


@pytest.mark.slow
async def test_a_hanging_account_delays_no_other(tmp_path: Path) -> None:
    scenario = replace(calm(), accounts=(*calm().accounts, OTHER))
    with http_sink() as sink:
        async with sandbox(scenario) as box:
            config = write_config(tmp_path, box.ready, channels={"phone": sink.url})
            async with daemon_here(config, clock_of(box.sandbox)) as here:
                for name in ("main", "other"):
                    await here.until(lambda state: state.cross and state.bars and len(state.streams) == 3, account=name)
                box.sandbox.add_fault(Fault("hang", path="*", account="main", count=0))
                stuck = here.state("main").cross
                assert stuck is not None
                start = here.clock.now()
                box.sandbox.hand.set_price("BTCUSDT", Decimal(38_000))

                # 38000 ÷ 30000 is below its margin call
                def is_told() -> bool:
                    return any("main" not in str(one.json()["title"]) for one in sink.received)

                def keeps_pace(name: str) -> bool:
                    seen = here.state(name).cross
                    return seen is not None and seen.as_of - start > timedelta(seconds=4)

                await here.until(lambda state: keeps_pace("other"), account="other")
                seen = here.state("other").cross
                assert seen is not None
                assert here.clock.now() - seen.as_of < timedelta(seconds=2)
                assert is_told()
                now = here.state("main").cross
                assert now is not None
                assert now.as_of - stuck.as_of < timedelta(seconds=2)


async def test_an_account_that_fails_is_built_anew_and_the_other_never_notices(tmp_path: Path) -> None:
    scenario = replace(calm(), accounts=(*calm().accounts, OTHER))
    async with sandbox(scenario) as box:
        secret = tmp_path / "secret.txt"
        secret.write_text("gone soon")
        config = write_config(tmp_path, box.ready)
        main = box.ready.accounts[0]["api_secret"]
        secret.write_text(main)
        secret.chmod(0o600)
        config.write_text(config.read_text().replace(f'"{main}"', f'"file:{secret}"'))
        secret.rename(tmp_path / "elsewhere.txt")
        async with daemon_here(config, clock_of(box.sandbox)) as here:
            # Without its secret the first can't even be opened.
            await here.until(lambda state: state.cross, account="other")
            assert "main" not in here.daemon.states()
            (tmp_path / "elsewhere.txt").rename(secret)
            await here.until(lambda state: state.cross, account="main")

"""A real Prometheus scrapes a real daemon beside a sandbox."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from docs.generate.grafana_dashboard import dashboard
from monitor.store.readers.status import read_live_documents
from tests.docs.grafana_model import Dashboard
from tests.docs.pages import CHECKOUT
from tests.support.daemon import daemon_process, eventually, read_store, starting_now, write_config
from tests.support.prometheus_tools.server import prometheus_server
from tests.support.sandbox import sandbox

RULES = CHECKOUT / "docs" / "monitoring" / "alerts.yml"
LISTENING = re.compile(r"web\.listening host=127\.0\.0\.1 port=(\d+)")


def live_cross(folder: Path) -> dict[str, str]:
    with read_store(f"sqlite:///{folder}/monitor.db") as store:
        document = json.loads(store.read(read_live_documents)[0].document)
    found: dict[str, str] = document["cross"]
    return found


@pytest.mark.slow
async def test_prometheus_scrapes_a_daemon_and_answers_queries(tmp_path: Path) -> None:
    async with sandbox(starting_now()) as box:
        config = write_config(tmp_path, box.ready, more='[http]\nlisten = "127.0.0.1:0"')
        async with daemon_process(config) as child:
            await child.wait_for_line("web.listening")
            [port] = LISTENING.findall(child.text)
            async with prometheus_server(tmp_path, f"127.0.0.1:{port}", RULES) as prometheus:
                level = 'margin_monitor_margin_level_ratio{account="main",scope="cross"}'

                async def knows_the_level() -> bool:
                    return await prometheus.value(level) is not None

                await eventually(knows_the_level, 60)
                assert await prometheus.value('up{job="margin-monitor"}') == 1
                cross = live_cross(tmp_path)
                expected = float(cross["polled_margin_level"])
                polled = await prometheus.value('margin_monitor_polled_margin_level_ratio{scope="cross"}')
                assert polled == pytest.approx(expected, rel=0.01)
                assert await prometheus.value(f"{level} > margin_monitor_liquidation_level_ratio") is not None
                assert (await prometheus.value('sum(margin_monitor_polls_total{result="ok"})') or 0) > 1

                panels = msgspec.convert(dashboard(), Dashboard).query_panels
                found = {
                    target.expr: await prometheus.query(re.sub(r"\$(account|instance)\b", ".*", target.expr))
                    for panel in panels
                    for target in panel.targets
                }
                # The calm account has no peg to watch, no interest of a whole day, and nothing has happened yet.
                assert len([expr for expr, series in found.items() if series]) > len(found) / 2

                names = set(re.findall(r"alert: (\w+)", RULES.read_text(encoding="utf-8")))

                async def all_rules_are_evaluated() -> bool:
                    return await prometheus.alert_names() == names

                await eventually(all_rules_are_evaluated, 30)

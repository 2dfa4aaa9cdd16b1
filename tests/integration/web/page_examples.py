"""A daemon whose pages show something: an alert that fires at once, and an action that waits for approval."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.integration.web.served_daemon import WITH_TOKEN, ServedDaemon, served_daemon
from tests.support.daemon import eventually

BROWSER = {"Accept": "text/html,application/xhtml+xml"}

ALARM = f"""{WITH_TOKEN}
[[actions]]
name = "pay-some"
kind = "repay"
mode = "approve"
asset = "USDT"
amount = "50"
max_amount = "100"

[[rules]]
name = "always"
scope = "cross"
when = "margin_level > 0.5"
severity = "critical"
actions = ["pay-some"]
"""


@dataclass(frozen=True, slots=True)
class AlarmedDaemon:
    """The daemon, and the paths of its alert's and its intent's page."""

    served: ServedDaemon
    alert: str
    action: str


@contextlib.asynccontextmanager
async def alarmed_daemon(folder: Path) -> AsyncIterator[AlarmedDaemon]:
    """The daemon, once its alert fires and its intent is proposed."""
    async with served_daemon(folder, ALARM, first="default_rules = false") as served:
        found: list[str] = []

        async def shown() -> bool:
            text = (await served.get("/", BROWSER)).text
            paths = [re.search(rf'href="(/{kind}/\d+)"', text) for kind in ("alerts", "actions")]
            found[:] = [path.group(1) for path in paths if path is not None]
            return len(found) == 2

        await eventually(shown)
        yield AlarmedDaemon(served, *found)

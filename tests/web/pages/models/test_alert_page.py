from typing import Any

import pytest

from monitor.web.pages.models.alert_page import AlertPage, alert_page
from monitor.web.pages.models.health import WatchFaults
from tests.web.pages.example_documents import STABLES, account, alert, cross, status

CALM = status(account(cross=cross(margin_level="1.8")))
DANGER = status(account(cross=cross(margin_level="1.05")))


def page(document: Any, alerts: Any = (), **more: Any) -> AlertPage:
    return alert_page(alert(**more), document, alerts, WatchFaults(), (), (), STABLES)


@pytest.mark.parametrize("state", ["pending", "firing", "resolved"])
def test_mild_alert_is_not_calm_while_its_account_is_in_danger(state: str) -> None:
    found = page(DANGER, severity="warning", state=state)
    assert (found.tone, found.now) == ("bad", "In danger. main cross: at liquidation")


def test_mild_alert_is_old_while_the_figures_of_its_account_are() -> None:
    found = page(status(account(cross=cross(state="stale", margin_level="1.8"))), severity="warning")
    assert (found.tone, found.now[:28]) == ("old", "Do not rely on these figures")


@pytest.mark.parametrize(
    ("severity", "state", "tone"),
    [
        ("critical", "firing", "bad"),
        ("warning", "firing", "note"),
        ("info", "firing", "dim"),
        ("critical", "resolved", "dim"),
    ],
)
def test_alert_of_a_calm_account_keeps_its_own_tone(severity: str, state: str, tone: str) -> None:
    found = page(CALM, severity=severity, state=state)
    assert (found.tone, found.now) == (tone, "")


def test_verdict_that_is_the_alert_itself_is_not_said_twice() -> None:
    found = page(CALM, [alert()])
    assert (found.tone, found.now) == ("bad", "")
    assert page(CALM, [alert(18, summary="distance 4 %")]).now == "A critical alert fires. main cross: distance 4 %"


def test_alert_about_the_daemon_is_judged_by_everything() -> None:
    found = page(DANGER, account="", scope="monitor", severity="warning")
    assert (found.tone, found.scope) == ("bad", None)
    assert page(CALM, account="", scope="monitor", severity="warning").tone == "note"


def test_alert_of_an_account_that_is_not_watched_keeps_its_own_tone() -> None:
    found = page(status(account(account="other", cross=cross(margin_level="1.05"))), severity="warning")
    assert (found.tone, found.verdict) == ("note", None)

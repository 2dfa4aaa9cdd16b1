from typing import Any

from monitor.web.pages.models.health import WatchFaults
from monitor.web.pages.models.overview import MAX_ROWS, OverviewPage, overview_page
from tests.web.pages.example_documents import STABLES, account, action, alert, cross, pair, status


def page(document: Any, alerts: Any = (), actions: Any = (), faults: WatchFaults | None = None) -> OverviewPage:
    return overview_page(document, alerts, actions, faults or WatchFaults(), STABLES)


def test_worst_scope_is_first_whatever_the_order_of_the_document() -> None:
    near = pair("ETHUSDT", margin_level="1.29", distance_to_liquidation="0.3")
    found = page(status(account(isolated=[pair(margin_level="1.9"), near])))
    assert found.worst is not None
    assert found.worst.label == "ETHUSDT"
    assert found.verdict.words == "In danger"
    assert found.verdict.detail == "main ETHUSDT: margin call"


def test_nearest_of_equal_verdicts_is_first() -> None:
    found = page(status(account(isolated=[pair(distance_to_liquidation="0.24")])))
    assert found.worst is not None
    assert found.worst.label == "BTCUSDT"


def test_old_figures_stand_before_calm_ones() -> None:
    old = pair(state="stale", margin_level="9", distance_to_liquidation="0.9")
    found = page(status(account(cross=cross(margin_level="1.8"), isolated=[old])))
    assert found.worst is not None
    assert (found.worst.label, found.verdict.tone) == ("BTCUSDT", "old")


def test_milder_rungs_of_a_ladder_are_folded_away() -> None:
    found = page(status(), [alert(3, severity="info", inhibited_by=17), alert(17), alert(18, state="resolved")])
    assert [view.id for view in found.alerts] == [17]
    assert [view.id for view in found.milder] == [3]


def test_intents_under_way_stand_before_finished_ones_of_firing_alerts() -> None:
    intents = [action(1, state="CONFIRMED"), action(2, state="CONFIRMED", alert=99), action(3)]
    found = page(status(), [alert()], intents)
    assert [view.id for view in found.under_way] == [3]
    assert [view.id for view in found.finished] == [1]


def test_calmer_scopes_are_counted_where_there_is_no_room() -> None:
    pairs = [pair(f"A{number}USDT", margin_level="2") for number in range(300)]
    (group,) = page(status(account(isolated=pairs))).groups
    assert (len(group.scopes), group.hidden) == (MAX_ROWS, 300 - MAX_ROWS)


def test_database_that_fails_is_said_and_not_taken_for_silence() -> None:
    found = page(status(), None, None)
    assert found.alerts_known is False
    assert "the database can't be read: alerts and actions are not shown" in found.health.problems


def test_verdict_and_health_line_have_the_same_fault() -> None:
    calm = account(cross=cross(margin_level="1.8", distance_to_liquidation="0.4"))
    found = page(status(calm), faults=WatchFaults(channels={"phone": "500 from the provider"}))
    assert found.verdict.tone == "note"
    assert found.verdict.detail.startswith("Channel phone does not work: 500 from the provider.")
    assert found.health.problems == ("channel phone does not work: 500 from the provider",)

from typing import Any

from monitor.web.pages.models.overview import MAX_ROWS, OverviewPage, overview_page
from tests.web.pages.example_documents import STABLES, account, action, alert, cross, pair, status

NOTHING: dict[str, Any] = {
    "account": "main",
    "state": "unknown",
    "isolated": [],
    "streams": [],
    "clock_offset_s": None,
}


def page(document: Any, alerts: Any = (), actions: Any = (), reasons: Any = ()) -> OverviewPage:
    return overview_page(document, alerts, actions, reasons, STABLES)


def calm() -> dict[str, Any]:
    return account(cross=cross(margin_level="1.8", distance_to_liquidation="0.4"))


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


def test_calm_accounts_make_a_calm_page() -> None:
    found = page(status(calm()))
    assert (found.verdict.tone, found.verdict.words) == ("good", "Above every threshold")


def test_account_without_records_is_never_hidden_by_a_calm_one() -> None:
    found = page(status(calm(), NOTHING | {"account": "second"}))
    assert (found.verdict.tone, found.verdict.words) == ("old", "Nothing is known of second yet")
    assert found.verdict.detail == "Of what is known: main cross, above its initial level."


def test_level_that_is_not_known_is_never_green() -> None:
    unpriced = pair(margin_level=None, distance_to_liquidation=None)
    found = page(status(account(cross=cross(margin_level="1.8"), isolated=[unpriced])))
    assert (found.verdict.tone, found.verdict.detail) == ("old", "main BTCUSDT: level not known")


def test_fault_of_the_watch_is_never_green() -> None:
    found = page(status(calm()), reasons=["the database does not take records"])
    assert (found.verdict.tone, found.verdict.words) == ("note", "Above every threshold, but the watch has faults")
    assert page(status(calm()), None, None).verdict.tone == "note"


def test_accounts_that_owe_nothing_say_so() -> None:
    free = cross(state="no_debt", margin_level=None, distance_to_liquidation=None)
    assert page(status(account(cross=free))).verdict.words == "Nothing is owed"


def test_critical_alert_stands_before_old_figures() -> None:
    old = pair(state="stale", margin_level="9", distance_to_liquidation="0.9")
    assert page(status(account(isolated=[old])), [alert()]).verdict.words == "A critical alert fires"


def test_critical_alert_makes_a_calm_level_loud() -> None:
    found = page(status(calm()), [alert()])
    assert (found.verdict.tone, found.verdict.words) == ("bad", "A critical alert fires")
    assert found.verdict.title == "CRITICAL · main cross: margin level 1.39"


def test_page_without_a_daemon_is_never_green() -> None:
    found = page(status(calm(), running=False))
    assert (found.verdict.tone, found.verdict.words) == ("old", "No daemon is running")


def test_refused_key_is_said_first() -> None:
    found = page(status(calm() | {"state": "key_refused"}))
    assert (found.verdict.tone, found.verdict.words) == ("bad", "The exchange refuses the key of main")


def test_account_without_records_is_unknown_and_not_safe() -> None:
    found = page(status(NOTHING))
    assert (found.verdict.tone, found.verdict.words, found.worst) == ("old", "Nothing is known of main yet", None)


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

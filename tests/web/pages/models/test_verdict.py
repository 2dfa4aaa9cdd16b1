from typing import Any

from monitor.web.pages.models.health import WatchFaults
from monitor.web.pages.models.scope import scope_views
from monitor.web.pages.models.verdict import PageVerdict, judge_account, judge_all
from tests.web.pages.example_documents import STABLES, account, alert, cross, pair, status

NOTHING: dict[str, Any] = {
    "account": "main",
    "state": "unknown",
    "isolated": [],
    "streams": [],
    "clock_offset_s": None,
}


def calm(**more: Any) -> dict[str, Any]:
    return account(cross=cross(margin_level="1.8", distance_to_liquidation="0.4"), **more)


def judge(document: Any, alerts: Any = (), *reasons: str, **channels: str) -> PageVerdict:
    """The verdict on everything."""
    scopes = [view for one in document["accounts"] for view in scope_views(one, STABLES)]
    return judge_all(document, scopes, alerts, WatchFaults(reasons, channels))


def judge_first(document: Any, alerts: Any = (), *reasons: str, **channels: str) -> PageVerdict:
    """The verdict on the first account alone."""
    first = document["accounts"][0]
    return judge_account(document, first, tuple(scope_views(first, STABLES)), alerts, WatchFaults(reasons, channels))


def test_calm_accounts_make_a_calm_page() -> None:
    found = judge(status(calm()))
    assert (found.tone, found.words) == ("good", "Above every threshold")
    assert judge_first(status(calm())) == found


def test_account_without_records_is_never_hidden_by_a_calm_one() -> None:
    found = judge(status(calm(), NOTHING | {"account": "second"}))
    assert (found.tone, found.words) == ("old", "Nothing was read of second yet")
    assert found.detail == "Of what is known: main cross, above its initial level."


def test_account_without_records_is_unknown_and_not_safe() -> None:
    assert judge(status(NOTHING)).tone == "old"
    found = judge_first(status(NOTHING, calm(account="second")))
    assert (found.tone, found.words) == ("old", "Nothing was read of main yet")


def test_level_that_is_not_known_is_never_green() -> None:
    unpriced = pair(margin_level=None, distance_to_liquidation=None)
    found = judge(status(account(cross=cross(margin_level="1.8"), isolated=[unpriced])))
    assert (found.tone, found.detail) == ("old", "main BTCUSDT: level not known")


def test_distance_that_is_not_known_is_not_called_the_nearest() -> None:
    found = judge(status(account(cross=cross(margin_level="1.8", distance_to_liquidation=None, balances=[]))))
    assert found.detail == "How far main cross is from liquidation is not known."


def test_fault_of_the_watch_is_never_green() -> None:
    found = judge(status(calm()), (), "the database can't be written")
    assert (found.tone, found.words) == ("note", "Above every threshold, but the watch has faults")
    assert found.detail == "The database can't be written. Nearest to liquidation is main cross."
    assert judge(status(calm()), None).tone == "note"
    assert judge(status(calm()), (), phone="500").tone == "note"


def test_account_is_never_green_while_alerts_are_not_known() -> None:
    found = judge_first(status(calm()), None)
    assert (found.tone, found.words) == ("note", "Above every threshold, but the watch has faults")
    assert found.detail.startswith("The database can't be read")


def test_account_is_not_green_while_it_fails_or_a_channel_does() -> None:
    document = status(calm(), calm(account="second"))
    assert judge_first(document, (), "account main is down (StoreError)").tone == "note"
    assert judge_first(document, (), phone="500").tone == "note"
    queued = {"channel": "mail", "reason": "fired", "state": "queued", "attempts": 3, "at": None, "answer": "refused"}
    assert judge_first(document, [alert(account="second", deliveries=[queued])]).tone == "note"


def test_account_is_not_blamed_for_another_one() -> None:
    document = status(calm(), calm(account="second") | {"state": "key_refused"})
    others = ("account second is down (StoreError)", "account second: data are missing")
    assert judge_first(document, [alert(account="second")], *others).tone == "good"


def test_accounts_that_owe_nothing_say_so() -> None:
    free = cross(state="no_debt", margin_level=None, distance_to_liquidation=None)
    assert judge(status(account(cross=free))).words == "Nothing is owed"


def test_critical_alert_stands_before_old_figures() -> None:
    old = pair(state="stale", margin_level="9", distance_to_liquidation="0.9")
    assert judge(status(account(cross=None, isolated=[old])), [alert()]).words == "A critical alert fires"


def test_old_figures_stand_before_a_critical_alert_about_the_watch() -> None:
    old = account(cross=cross(state="stale", margin_level="1.8"))
    found = judge(status(old), [alert(scope="monitor", rule="mute", summary="1 channel failing")])
    assert (found.tone, found.words, found.is_claim) == ("bad", "Do not rely on these figures", False)
    assert found.detail.endswith("A critical alert fires: main monitor: 1 channel failing")


def test_critical_alert_makes_a_calm_level_loud() -> None:
    for found in (judge(status(calm()), [alert()]), judge_first(status(calm()), [alert()])):
        assert (found.tone, found.words) == ("bad", "A critical alert fires")
        assert found.title == "CRITICAL · main cross: margin level 1.39"


def test_page_without_a_daemon_is_never_green() -> None:
    for found in (judge(status(calm(), running=False)), judge_first(status(calm(), running=False))):
        assert (found.tone, found.words) == ("old", "No daemon is running")


def test_danger_that_was_last_recorded_is_shown_without_a_daemon() -> None:
    found = judge(status(account(cross=cross(margin_level="1.2")), running=False))
    assert (found.tone, found.words) == ("bad", "No daemon is running")
    assert found.detail.endswith("In danger: main cross: margin call")


def test_refused_key_is_said_on_both_pages() -> None:
    document = status(calm(state="key_refused"))
    for found in (judge(document), judge_first(document)):
        assert (found.tone, found.words) == ("bad", "The exchange refuses the key of main")


def test_refused_key_never_hides_danger_elsewhere() -> None:
    danger = account(account="second", cross=cross(margin_level="1.2"))
    found = judge(status(calm(state="key_refused"), danger))
    assert (found.words, found.title) == ("In danger", "1.20 margin call · second cross")
    assert found.detail.startswith("second cross: margin call. The exchange refuses the key of main")


def test_refused_key_and_critical_alert_are_both_said() -> None:
    found = judge_first(status(calm(state="key_refused")), [alert()])
    assert (found.tone, found.words) == ("bad", "A critical alert fires")
    assert found.detail.startswith("main cross: margin level 1.39. The exchange refuses the key of main")

from monitor.web.pages.models.alert import alert_view, firing_views
from monitor.web.pages.models.words import parse_time
from tests.web.pages.example_documents import GENERATED_AT, account, alert

NOW = parse_time(GENERATED_AT)


def test_condition_is_shown_with_its_figures() -> None:
    view = alert_view(alert(), NOW, account())  # type: ignore[arg-type]
    assert [(figure.name, figure.value) for figure in view.figures] == [
        ("margin level", "1.39"),
        ("initial level", "1.50"),
        ("margin call level", "1.30"),
    ]


def test_age_counts_from_the_firing() -> None:
    view = alert_view(alert(), NOW)
    assert view.age is not None
    assert view.age.words == "3 min"


def test_resolved_alert_says_how_long_it_lasted() -> None:
    view = alert_view(alert(state="resolved", resolved_at="2025-10-10T21:12:35.000Z"), NOW)
    assert (view.age, view.tone) == (None, "dim")
    assert view.lasted is not None
    assert view.lasted.words == "2 min 5 s"


def test_silence_of_an_alert_matches_its_rule_and_subject_only() -> None:
    labels = {
        "rule": "near call",
        "account": "main",
        "scope": "isolated",
        "symbol": "BTCUSDT",
        "severity": "critical",
        "team": "me",
    }
    view = alert_view(alert(labels=labels), NOW)
    assert view.matchers == ('rule="near call"', "account=main", "scope=isolated", "symbol=BTCUSDT")


def test_worst_and_newest_alert_is_first() -> None:
    found = firing_views([alert(1, severity="info"), alert(2), alert(3, state="pending"), alert(4)], NOW)
    assert [view.id for view in found] == [4, 2, 1]


def test_alert_about_a_level_is_before_a_newer_one_about_the_watch() -> None:
    found = firing_views([alert(1), alert(2, scope="monitor", rule="mute"), alert(3, severity="warning")], NOW)
    assert [view.id for view in found] == [1, 2, 3]


def test_message_that_did_not_arrive_is_not_called_queued() -> None:
    sent = {"channel": "phone", "reason": "fired", "state": "queued", "attempts": 2, "at": None, "answer": "refused"}
    (tried,) = alert_view(alert(deliveries=[sent]), NOW).deliveries
    (waiting,) = alert_view(alert(deliveries=[sent | {"attempts": 0}]), NOW).deliveries
    assert (tried.state, waiting.state) == ("not delivered yet", "queued")


def test_acknowledgement_without_a_name_still_counts() -> None:
    view = alert_view(alert(acked={"by": None, "at": GENERATED_AT, "comment": None}), NOW)
    assert view.is_acked

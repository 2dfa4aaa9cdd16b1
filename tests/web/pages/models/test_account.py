from typing import Any

from monitor.web.pages.models.account import AccountPage, AccountRecords, ChartChoice, account_page, sorted_scopes
from monitor.web.pages.models.health import WatchFaults
from tests.web.pages.example_documents import GENERATED_AT, STABLES, account, action, alert, cross, pair, status

RULE: Any = {
    "name": "near-call",
    "scope": "cross",
    "when": "margin_level < 1.4",
    "clear": "margin_level > 1.5",
    "for_s": 30,
    "severity": "critical",
    "channels": [],
    "actions": ["top-up"],
    "subjects": 1,
}


def page(records: AccountRecords, **more: Any) -> AccountPage:
    document: Any = account(**more)
    scopes, choice = sorted_scopes(document, STABLES), ChartChoice("cross", "1h")
    return account_page(status(document), document, scopes, records, choice, WatchFaults(channels={"mail": "500"}))


def test_rule_says_where_it_fires_and_how_long() -> None:
    found = page(AccountRecords(alerts=[alert()], rules=[RULE, RULE | {"name": "other"}]))
    (rule,) = found.rules
    (verdict,) = rule.verdicts
    assert (verdict.about, verdict.words, verdict.href) == ("cross", "fires", "/alerts/17")
    assert verdict.age is not None
    assert verdict.age.words == "3 min"
    assert [quiet.name for quiet in found.quiet_rules] == ["other"]


def test_rule_that_cannot_be_judged_says_so() -> None:
    unknown = {
        "rule": "near-call",
        "scope": "cross",
        "subject": None,
        "lacking": ["margin_level"],
        "since": GENERATED_AT,
    }
    found = page(AccountRecords(alerts=[], rules=[RULE]), conditions_unknown=[unknown])
    assert found.rules[0].verdicts[0].words == "can't be judged, it lacks margin_level"
    assert found.rules[0].tone == "old"


def test_action_that_waits_for_a_person_is_first() -> None:
    found = page(AccountRecords(actions=[action(7, state="SIMULATED"), action(6), action(5, state="CONFIRMED")]))
    assert [view.id for view in found.actions] == [6, 7, 5]


def test_alerts_of_other_accounts_are_left_out() -> None:
    found = page(AccountRecords(alerts=[alert(1, account="other"), alert(2)]))
    assert [view.id for view in found.firing] == [2]


def test_debts_stand_with_their_rates_and_their_cost() -> None:
    interest: Any = {"since": "2025-09-10T00:00:00.000Z", "items": []}
    found = page(AccountRecords(interest=interest))
    (table,) = found.balances
    debt = next(row for row in table.rows if row.asset == "USDT")
    assert (debt.owed, debt.rate) == ("100 USDT", "8.7 %")
    assert table.total == "140.00 USDT held, 100.00 USDT owed, 40.00 USDT of your own"
    assert found.interest is not None
    # 100 USDT at 0.00001 an hour.
    assert (found.interest.a_day, found.interest.a_year) == ("0.02 USDT", "8.76 USDT")


def test_worst_scope_names_the_page() -> None:
    found = page(AccountRecords(), cross=cross(margin_level="1.8"), isolated=[pair(margin_level="1.2")])
    assert (found.verdict.tone, found.verdict.detail) == ("bad", "main BTCUSDT: margin call")
    assert found.records_known is False


def test_account_without_records_has_a_page() -> None:
    document: Any = {"account": "main", "state": "unknown", "isolated": [], "streams": [], "clock_offset_s": None}
    found = account_page(status(document), document, (), AccountRecords(), ChartChoice("", "1h"), WatchFaults())
    assert (found.verdict.words, found.chart, found.balances) == ("Nothing was read of main yet", None, ())


def test_pair_that_was_never_opened_is_no_danger() -> None:
    nothing: dict[str, Any] = {
        "base": None,
        "quote": None,
        "index_price": None,
        "liquidation_price": None,
        "danger": None,
    }
    unopened = pair(state="not_created", margin_level=None, distance_to_liquidation=None, age_s=None, **nothing)
    found = page(AccountRecords(), isolated=[unopened])
    assert [(view.label, view.verdict, view.tone) for view in found.scopes][-1] == ("BTCUSDT", "not opened", "dim")


def test_fall_of_prices_says_who_survives() -> None:
    item: Any = {
        "account": "main",
        "scope": "cross",
        "symbol": None,
        "state": "ok",
        "level_before": "1.40",
        "level_after": "1.05",
        "liquidated": True,
        "liquidated_at": "0.714",
        "to_survive_usdt": "12.345",
        "first_to_liquidate": {"asset": "SOL", "move": "-0.25", "price_usdt": "150"},
    }
    document: Any = {"generated_at": GENERATED_AT, "shock": {"drop": "0.35"}, "accounts": [item]}
    found = page(AccountRecords(stress=document))
    assert found.stress is not None
    (row,) = found.stress.rows
    assert (found.stress.drop, row.before, row.after, row.tone) == (35, "1.40", "1.05", "bad")
    assert row.words == "liquidated 71.4 % of the way; 12.35 USDT more beforehand would carry it"
    assert row.limit == "SOL alone: −25.0 %, at 150.00"


def test_refused_key_and_firing_alert_are_never_green() -> None:
    found = page(AccountRecords(alerts=[alert()]), state="key_refused", cross=cross(margin_level="1.8"))
    assert (found.verdict.tone, found.verdict.words) == ("bad", "A critical alert fires")
    assert "refuses the key" in found.verdict.detail


def test_faults_of_the_watch_stand_on_the_page() -> None:
    found = page(AccountRecords(alerts=[]), cross=cross(margin_level="1.8"))
    assert found.verdict.tone == "note"
    assert found.health.problems == ("channel mail does not work: 500",)

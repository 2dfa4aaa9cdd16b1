"""Rules of each subject, and the ones that a price can change."""

from monitor.config.rules.rule_files import parse_rules
from monitor.core.model.alert import AlertKey
from monitor.core.rules.index import RuleIndex

RULES = parse_rules(
    [
        {"name": "low", "scope": ["cross", "isolated"], "when": "margin_level < 1.5"},
        {"name": "btc", "scope": "isolated", "symbols": ["BTC*"], "when": "status >= MARGIN_CALL"},
        {"name": "eats", "scope": "cross", "when": "time_to_liquidation_by_interest < 30d"},
        {"name": "back", "scope": "cross", "when": "polled_margin_level < 2", "clear": "margin_level > 2"},
        {"name": "other", "scope": "cross", "accounts": ["spare"], "when": "margin_level < 1.5"},
        {"name": "blind", "scope": "monitor", "when": "data_age > 10s"},
    ],
    "t",
)


def names(docket: RuleIndex, scope: str, subject: str = "", *, after_price: bool = False) -> list[str]:
    found = docket.rules_for("isolated" if scope == "isolated" else "cross", subject, after_price=after_price)
    return [case.rule.name for case in found]


def test_rules_are_found_by_subject_in_file_order() -> None:
    docket = RuleIndex(RULES, "main")
    assert names(docket, "cross") == ["low", "eats", "back"]
    assert names(docket, "isolated", "BTCUSDT") == ["low", "btc"]
    assert names(docket, "isolated", "ETHUSDT") == ["low"]
    assert docket.rules_for("cross", "")[0].key == AlertKey("low", "main", "cross")


def test_price_update_finds_only_price_sensitive_rules() -> None:
    docket = RuleIndex(RULES, "main")
    assert names(docket, "cross", after_price=True) == ["low", "back"]
    assert names(docket, "isolated", "BTCUSDT", after_price=True) == ["low"]
    assert docket.rules_for("monitor", "", after_price=True) == ()


def test_price_may_change_the_alerts_of_a_whole_ladder() -> None:
    rungs = (
        {"name": "mild", "scope": "cross", "when": "margin_level < 2", "ladder": "mine"},
        {"name": "worse", "scope": "cross", "when": "polled_margin_level < 1.5", "ladder": "mine"},
        {"name": "odds", "scope": "cross", "when": "liquidation_odds_1d > 0", "ladder": "odds"},
        {"name": "alone", "scope": "cross", "when": "liquidation_odds_1d > 5%"},
    )
    assert RuleIndex(parse_rules(rungs, "t"), "main").names_after_price == {"mild", "worse"}


def test_alert_is_evaluated_while_its_rule_covers_its_subject() -> None:
    docket = RuleIndex(RULES, "main")
    assert docket.covers(AlertKey("btc", "main", "isolated", "BTCUSDT"))
    assert not docket.covers(AlertKey("btc", "main", "isolated", "ETHUSDT"))
    assert not docket.covers(AlertKey("gone", "main", "cross"))

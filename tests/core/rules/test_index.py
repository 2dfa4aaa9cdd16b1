"""Which rules look at what, and which of them a price can change."""

from monitor.core.model.alert import AlertKey
from monitor.core.rules.index import Docket
from monitor.core.rules.rule import parse_rules

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


def names(docket: Docket, scope: str, subject: str = "", *, after_price: bool = False) -> list[str]:
    found = docket.cases("isolated" if scope == "isolated" else "cross", subject, after_price=after_price)
    return [case.rule.name for case in found]


def test_rules_are_found_by_what_they_look_at_in_their_order() -> None:
    docket = Docket(RULES, "main")
    assert names(docket, "cross") == ["low", "eats", "back"]
    assert names(docket, "isolated", "BTCUSDT") == ["low", "btc"]
    assert names(docket, "isolated", "ETHUSDT") == ["low"]
    assert docket.cases("cross", "")[0].key == AlertKey("low", "main", "cross")


def test_price_asks_only_what_it_can_change_be_it_the_end_of_an_alert() -> None:
    docket = Docket(RULES, "main")
    assert names(docket, "cross", after_price=True) == ["low", "back"]
    assert names(docket, "isolated", "BTCUSDT", after_price=True) == ["low"]
    assert docket.cases("monitor", "", after_price=True) == ()


def test_alert_is_looked_at_while_its_rule_is_there_and_looks_at_its_subject() -> None:
    docket = Docket(RULES, "main")
    assert docket.looks_at(AlertKey("btc", "main", "isolated", "BTCUSDT"))
    assert not docket.looks_at(AlertKey("btc", "main", "isolated", "ETHUSDT"))
    assert not docket.looks_at(AlertKey("gone", "main", "cross"))

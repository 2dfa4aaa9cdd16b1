"""Which stops are counted, and which one message tells."""

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.blocks import Stop, counting, limits_on

PAIR = Scope("BTCUSDT")
STOPS = {
    (CROSS, "top-up"): Stop("max_per_day is used up", counts=True),
    (PAIR, "top-up"): Stop("actions are paused", counts=True),
    (CROSS, "repay"): Stop("cooling down until 21:16:30 UTC"),
}


def test_only_the_limits_of_live_actions_are_counted() -> None:
    assert counting(STOPS) == {(CROSS, "top-up"): "max_per_day is used up", (PAIR, "top-up"): "actions are paused"}


def test_a_message_tells_what_stops_the_actions_of_its_own_scope() -> None:
    assert limits_on(STOPS, PAIR) == {"top-up": "actions are paused"}
    assert list(limits_on(STOPS, CROSS)) == ["top-up", "repay"]


def test_a_message_of_the_account_tells_them_all_with_their_scopes() -> None:
    assert limits_on(STOPS, None) == {
        "top-up (cross)": "max_per_day is used up",
        "top-up (BTCUSDT)": "actions are paused",
        "repay (cross)": "cooling down until 21:16:30 UTC",
    }

"""Action blocks: which are counted, and the text that names them all."""

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.action_blocks import ActionBlock, block_reasons, blocked_live_actions

PAIR = Scope("BTCUSDT")
STOPS = {
    (CROSS, "top-up"): ActionBlock("max_per_day is used up", blocks_live_action=True),
    (PAIR, "top-up"): ActionBlock("actions are paused", blocks_live_action=True),
    (CROSS, "repay"): ActionBlock("cooling down until 21:16:30 UTC"),
}


def test_only_blocks_of_live_actions_are_counted() -> None:
    assert blocked_live_actions(STOPS) == {
        (CROSS, "top-up"): "max_per_day is used up",
        (PAIR, "top-up"): "actions are paused",
    }


def test_message_names_the_blocks_of_its_scope() -> None:
    assert block_reasons(STOPS, PAIR) == {"top-up": "actions are paused"}
    assert list(block_reasons(STOPS, CROSS)) == ["top-up", "repay"]


def test_account_message_names_all_blocks_with_their_scopes() -> None:
    assert block_reasons(STOPS, None) == {
        "top-up (cross)": "max_per_day is used up",
        "top-up (BTCUSDT)": "actions are paused",
        "repay (cross)": "cooling down until 21:16:30 UTC",
    }

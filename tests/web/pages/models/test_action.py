import pytest

from monitor.core.model.intent import FINAL_STATES, IntentState
from monitor.web.pages.models.action import STATE_WORDS, action_view, block_views
from monitor.web.pages.models.words import parse_time
from tests.web.pages.example_documents import GENERATED_AT, account, action

NOW = parse_time(GENERATED_AT)


def test_proposed_intent_restates_its_amount_exactly() -> None:
    view = action_view(action(), NOW)
    assert view.headline == "Bring in 29,698.61 USDT"
    assert (view.verb, view.amount) == ("Bring in", "29,698.61307921 USDT")
    assert view.levels == "1.27 → 1.57"
    assert view.waits_for_approval
    assert (view.expires, view.expires_in) == ("21:23:00 UTC", "9 min 30 s")
    assert action_view(action(expires_at=GENERATED_AT), NOW).expires_in == ""


@pytest.mark.parametrize("state", list(IntentState))
def test_every_state_has_words(state: IntentState) -> None:
    assert state in STATE_WORDS
    assert action_view(action(state=state.value), NOW).is_under_way is (state not in FINAL_STATES)


def test_unknown_outcome_is_not_called_a_failure() -> None:
    view = action_view(action(state="UNCERTAIN"), NOW)
    assert view.tone == "note"
    assert "not known" in view.state_words


def test_stopped_rule_names_the_way_to_let_it_go_on() -> None:
    stop = {
        "account": "main",
        "rule": "near-call",
        "intent": 3,
        "since": None,
        "why": "the level fell",
        "grounds": "fell",
    }
    (block,) = block_views(account(rules_stopped=[stop]))  # type: ignore[arg-type]
    assert (block.tone, block.mend) == ("bad", "resume actions to let them go on")

from typing import Any

import pytest

from monitor.web.pages.models.stress import StressRow, stress_view
from tests.web.pages.example_documents import account, cross


def row(**more: Any) -> StressRow:
    item = {
        "account": "main",
        "scope": "cross",
        "symbol": None,
        "state": "ok",
        "level_before": "1.8",
        "level_after": "1.4",
        "liquidated": False,
        "liquidated_at": None,
        "to_survive_usdt": None,
        "first_to_liquidate": None,
    } | more
    document: Any = {"shock": {"drop": "0.2"}, "accounts": [item]}
    owner: Any = account(cross=cross(margin_call_level="1.3"))
    (found,) = stress_view(document, owner).rows
    return found


@pytest.mark.parametrize(
    ("after", "words", "tone"),
    [
        ({"level_after": "1.31"}, "survives", "good"),
        ({"level_after": "1.3"}, "survives, with a margin call", "note"),
        (
            {"level_after": "1.12", "to_survive_usdt": "40"},
            "survives, barely; 40 USDT more beforehand would carry it",
            "note",
        ),
        ({"level_after": "1.0", "liquidated": True}, "liquidated", "bad"),
        ({"level_after": "1.31", "state": "stale"}, "survives", "old"),
        ({"level_after": "1.3", "state": "stale"}, "survives, with a margin call", "note"),
    ],
)
def test_outcome_is_calm_only_above_the_margin_call_of_fresh_figures(
    after: dict[str, Any], words: str, tone: str
) -> None:
    found = row(**after)
    assert (found.words, found.tone) == (words, tone)


def test_script_is_given_the_margin_call_and_the_age() -> None:
    assert (row().call, row().is_old, row(state="stale").is_old) == ("1.3", False, True)

"""The ways back to safety, by the worked formulas: assets 110,000, owed 60,000, initial level 2, so back at 2.1."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.actions.recovery import recovery_options
from monitor.core.actions.scope_position import LEVEL_STEP, build_scope_position
from monitor.core.metrics.cross import measure_cross
from monitor.core.model.account import CROSS, Thresholds, WalletBalances
from monitor.view.documents.account import account_document
from monitor.view.documents.recovery import SAFE_LEVEL_FACTOR, find_recovery, recovery_document
from monitor.view.messages.recovery_text import recovery_lines
from monitor.view.terminal.status_screen import recovery_cells
from tests.support.examples.documents import NOW, SETTINGS, STATE

BELOW = replace(
    STATE,
    thresholds=replace(STATE.thresholds, cross=Thresholds(Decimal(2), Decimal("1.9"), Decimal("1.1"))),
    wallets={"spot": WalletBalances(NOW, {"USDT": Decimal(8000)})},
)


def test_document_has_every_route_the_cheapest_first() -> None:
    document = recovery_document(find_recovery(BELOW, CROSS, measure_cross(BELOW, SETTINGS, NOW)))
    assert document is not None
    assert document["target"] == "2.1"
    worth = {option["route"]: Decimal(option["value_usdt"]) for option in document["options"]}
    # 60,000 - 110,000 / 2.1; (2.1 x 60,000 - 110,000) / 1.1; 2.1 x 60,000 - 110,000.
    assert round(worth["transfer_and_repay"], 2) == Decimal("7619.05")
    assert round(worth["repay"], 2) == Decimal("14545.45")
    assert round(worth["transfer_in"], 2) == Decimal(16000)
    # 16,000 / (2.1 x 0.989 - 1): selling loses 1.1 %.
    assert round(worth["reduce"], 2) == Decimal("14857.46")
    assert list(worth) == ["transfer_and_repay", "repay", "reduce", "transfer_in"]
    assert [option.get("repays") for option in document["options"]] == [None, None, "USDT", None]


def test_unavailable_route_is_not_feasible() -> None:
    document = recovery_document(find_recovery(BELOW, CROSS, measure_cross(BELOW, SETTINGS, NOW)))
    assert document is not None
    feasible = {option["route"]: option["feasible"] for option in document["options"]}
    assert feasible == {"transfer_and_repay": True, "repay": True, "reduce": True, "transfer_in": False}


def test_sentences_name_amount_and_target() -> None:
    lines = recovery_lines(BELOW, CROSS, measure_cross(BELOW, SETTINGS, NOW))
    assert lines[0].startswith("bring in 7,620 USDT")
    assert lines[0].endswith("USDT and repay (back at 2.10)")
    assert lines[1].startswith("repay 14,550 USDT")


def test_safe_scope_needs_nothing() -> None:
    assert find_recovery(STATE, CROSS, measure_cross(STATE, SETTINGS, NOW)) is None
    assert recovery_lines(STATE, CROSS, measure_cross(STATE, SETTINGS, NOW)) == []
    assert account_document(STATE, SETTINGS, NOW, "1")["cross"]["restore"] is None


@pytest.mark.parametrize("steps", range(-30, 31, 3))
def test_scope_at_the_target_is_safe_exactly_where_its_position_is(steps: int) -> None:
    level = measure_cross(STATE, SETTINGS, NOW).read("margin_level")
    assert isinstance(level, Decimal)
    initial = (level + steps * LEVEL_STEP / 10) / SAFE_LEVEL_FACTOR
    state = replace(STATE, thresholds=replace(STATE.thresholds, cross=Thresholds(initial, Decimal(1), Decimal(1))))
    figures = measure_cross(state, SETTINGS, NOW)
    position = build_scope_position(state, CROSS, figures)
    assert position is not None
    needed = bool(recovery_options(position, initial * SAFE_LEVEL_FACTOR))
    assert (find_recovery(state, CROSS, figures) is not None) is needed


def test_status_names_the_cheapest_available_route() -> None:
    (line, *_) = recovery_cells([account_document(BELOW, SETTINGS, NOW, "1")], NOW)
    assert line.text.startswith("main cross: to be back at 2.10: bring in 7,620 USDT and repay, or repay 14,550 USDT")

"""Action settings: valid and invalid [[actions]] tables."""

from datetime import timedelta

import pytest

from monitor.core.actions.spec import KEYS_BY_KIND, ActionSpec
from monitor.core.actions.target import ExpressionError, evaluate_target, parse_sizing_target
from monitor.core.model.metric import MissingValue
from monitor.core.model.safety_settings import SafetySettings
from tests.support.examples.actions import D


def test_a_dry_run_needs_no_limits() -> None:
    assert ActionSpec(name="try", kind="repay").mode == "dry-run"


def test_default_target_is_five_per_cent_above_the_initial_level() -> None:
    target = ActionSpec(name="try", kind="repay").sizing_target
    assert target is not None
    assert evaluate_target(target, {"initial_level": D("1.5")}.__getitem__) == D("1.575")


def test_an_amount_needs_no_target() -> None:
    assert ActionSpec(name="try", kind="repay", amount=D(5)).sizing_target is None


@pytest.mark.parametrize("text", ["initial_level >= 2", "margin_level < 2", "margin_level", "assets_usdt >= 5"])
def test_only_a_target_margin_level_can_size_an_action(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse_sizing_target(text)


def test_target_over_an_unknown_threshold_is_unknown() -> None:
    target = parse_sizing_target("margin_level >= initial_level * 1.1")
    assert evaluate_target(target, lambda _: MissingValue.UNAVAILABLE) is MissingValue.UNAVAILABLE


def test_every_kind_has_its_keys() -> None:
    assert "keep_in_source" in KEYS_BY_KIND["transfer_in"] - KEYS_BY_KIND["repay"]
    assert "sell" in KEYS_BY_KIND["reduce"] - KEYS_BY_KIND["transfer_in"]
    assert "target" not in KEYS_BY_KIND["cancel_orders"]


def test_settle_leaves_the_history_time_to_show() -> None:
    with pytest.raises(ValueError, match="5s or more"):
        SafetySettings(settle=timedelta(seconds=4))

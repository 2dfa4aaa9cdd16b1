"""What an [[actions]] table may say."""

from datetime import timedelta

import pytest

from monitor.core.actions.spec import KEYS, ActionSpec
from monitor.core.actions.target import ExpressionError, level_wanted, read_target
from monitor.core.model.metric import Missing
from monitor.core.model.safety import Safety
from tests.support.examples.actions import D, repay_spec


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"max_amount": None}, "max_amount"),
        ({"max_per_day": None}, "max_per_day"),
        ({"amount": D(5)}, "exclude each other"),
        ({"max_amount": D(0)}, "above 0"),
        ({"keep_in_source": D(-1)}, "negative"),
        ({"max_actions_per_day": 0}, "1 or more"),
        ({"source": ()}, "source"),
        ({"max_data_age": timedelta()}, "above 0"),
        ({"max_slippage": D(1)}, "max_slippage"),
    ],
)
def test_contradictions_are_refused_in_words(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        repay_spec(**changes)


def test_a_dry_run_needs_no_limits() -> None:
    assert ActionSpec(name="try", kind="repay").mode == "dry-run"


def test_without_target_or_amount_the_bar_plus_five_per_cent_is_aimed_at() -> None:
    target = ActionSpec(name="try", kind="repay").sized_to
    assert target is not None
    assert level_wanted(target, {"initial_level": D("1.5")}.__getitem__) == D("1.575")


def test_an_amount_needs_no_target() -> None:
    assert ActionSpec(name="try", kind="repay", amount=D(5)).sized_to is None


@pytest.mark.parametrize("text", ["initial_level >= 2", "margin_level < 2", "margin_level", "assets_usdt >= 5"])
def test_only_a_margin_level_to_reach_can_size_an_action(text: str) -> None:
    with pytest.raises(ExpressionError):
        read_target(text)


def test_a_target_over_an_unknown_bar_is_unknown() -> None:
    target = read_target("margin_level >= initial_level * 1.1")
    assert level_wanted(target, lambda _: Missing.UNAVAILABLE) is Missing.UNAVAILABLE


def test_every_kind_has_its_keys() -> None:
    assert "keep_in_source" in KEYS["transfer_in"] - KEYS["repay"]
    assert "sell" in KEYS["reduce"] - KEYS["transfer_in"]
    assert "target" not in KEYS["cancel_orders"]


def test_settle_leaves_the_history_time_to_show() -> None:
    with pytest.raises(ValueError, match="5s or more"):
        Safety(settle=timedelta(seconds=4))

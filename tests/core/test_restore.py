"""The ways back to a level, by the worked example."""

from monitor.core.account import INFINITE
from monitor.core.restore import RestoreOption, restore_options
from tests.core.actions.samples import D, balance, standing


def test_the_worked_example_offers_three_routes_cheapest_first() -> None:
    offered = restore_options(standing(spot={"USDT": "6000"}), D(2))
    assert offered == (
        RestoreOption("transfer_and_repay", "USDT", D(5000), D(5000), True),
        RestoreOption("repay", "USDT", D(10_000), D(10_000), True),
        RestoreOption("transfer_in", "USDT", D(10_000), D(10_000), False),
    )


def test_funding_counts_as_at_hand() -> None:
    offered = restore_options(standing(spot={"USDT": "6000"}, funding={"USDT": "4000"}), D(2))
    assert all(option.feasible for option in offered)


def test_a_route_that_is_not_at_hand_is_still_told() -> None:
    held = standing(balance("BTC", "1.5"), balance("USDT", borrowed="50000"))
    assert [option.feasible for option in restore_options(held, D(2))] == [False, False, False]


def test_nothing_is_offered_where_nothing_is_wrong() -> None:
    assert restore_options(standing(), D("1.8")) == ()
    assert restore_options(standing(balance("BTC", "1")), D(2)) == ()
    assert standing(balance("BTC", "1")).level == INFINITE


def test_a_target_of_one_can_not_be_repaid_to() -> None:
    held = standing(balance("USDT", "20000", borrowed="30000"))
    assert {option.route for option in restore_options(held, D(1))} == {"transfer_and_repay", "transfer_in"}

"""Recovery options: the routes back to a level, by the worked example."""

from monitor.core.actions.recovery import SELLING_COST, RecoveryOption, recovery_options
from monitor.core.numbers.amounts import INFINITE
from tests.support.examples.actions import D, balance, scope_position


def test_the_worked_example_offers_its_routes_cheapest_first() -> None:
    assert recovery_options(scope_position(spot={"USDT": "6000"}), D(2))[:3] == (
        RecoveryOption("transfer_and_repay", "USDT", D(5000), D(5000), True),
        RecoveryOption("repay", "USDT", D(10_000), D(10_000), True),
        RecoveryOption("transfer_in", "USDT", D(10_000), D(10_000), False),
    )


def test_selling_pays_its_cost() -> None:
    # (2 x 60,000 - 110,000) / (2 x 0.989 - 1) = 10,224.95 of BTC at 60,000.
    sold = recovery_options(scope_position(), D(2))[-1]
    assert (sold.route, sold.asset, sold.repays, sold.feasible) == ("reduce", "BTC", "USDT", True)
    assert sold.amount == D("0.17041582")
    after = (110_000 - sold.value_usdt) / (60_000 - sold.value_usdt * (1 - SELLING_COST))
    assert 0 <= after - 2 < D("1E-6")


def test_short_is_bought_back_with_the_free_balance() -> None:
    held = scope_position(balance("USDT", "50000"), balance("ETH", borrowed="13"))
    (sold,) = [option for option in recovery_options(held, D("1.5")) if option.route == "reduce"]
    assert (sold.asset, sold.repays, sold.feasible) == ("USDT", "ETH", True)


def test_selling_more_than_is_owed_of_one_asset_is_not_feasible() -> None:
    held = scope_position(balance("BTC", "1"), balance("USDT", borrowed="1000"), balance("ETH", borrowed="15"))
    (sold,) = [option for option in recovery_options(held, D("1.5")) if option.route == "reduce"]
    assert (sold.repays, sold.feasible) == ("USDT", False)


def test_asset_both_held_and_owed_is_sold_up_to_its_net() -> None:
    held = scope_position(balance("BTC", "1", borrowed="0.9"), balance("USDT", borrowed="2000"))
    (sold,) = [option for option in recovery_options(held, D("1.2")) if option.route == "reduce"]
    assert sold.amount > D("0.1")
    assert not sold.feasible
    held = scope_position(balance("ETH", "8", borrowed="10"), balance("USDT", "20000"))
    (bought,) = [option for option in recovery_options(held, D("1.8")) if option.route == "reduce"]
    assert bought.value_usdt > 2 * 3000
    assert not bought.feasible
    level = scope_position(balance("ETH", "10", borrowed="9"), balance("BTC", "0.1", borrowed="0.1"))
    assert "reduce" not in {option.route for option in recovery_options(level, D(2))}


def test_selling_is_not_offered_when_useless_or_impossible() -> None:
    below = scope_position(balance("BTC", "0.5"), balance("USDT", borrowed="30100"))
    crossed = scope_position(balance("BTC", "0.6"), balance("ETH", borrowed="11"))
    for held in (below, crossed):
        assert "reduce" not in {option.route for option in recovery_options(held, D("1.5"))}


def test_funding_wallet_counts_as_available() -> None:
    offered = recovery_options(scope_position(spot={"USDT": "6000"}, funding={"USDT": "4000"}), D(2))
    assert all(option.feasible for option in offered)


def test_unavailable_route_is_still_listed() -> None:
    held = scope_position(balance("BTC", "1.5"), balance("USDT", borrowed="50000"))
    routes = {option.route: option.feasible for option in recovery_options(held, D(2))}
    assert routes == {"repay": False, "transfer_and_repay": False, "transfer_in": False, "reduce": True}


def test_no_route_is_offered_above_the_target() -> None:
    assert recovery_options(scope_position(), D("1.8")) == ()
    assert recovery_options(scope_position(balance("BTC", "1")), D(2)) == ()
    assert scope_position(balance("BTC", "1")).level == INFINITE


def test_a_target_of_one_can_not_be_repaid_to() -> None:
    held = scope_position(balance("USDT", "20000", borrowed="30000"))
    assert {option.route for option in recovery_options(held, D(1))} == {"transfer_and_repay", "transfer_in"}

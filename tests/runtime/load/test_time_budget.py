"""The interval of repeated work by its cost."""

from monitor.runtime.load.time_budget import TimeBudget


def test_few_accounts_work_at_the_shortest_interval_and_many_take_their_share_of_the_time() -> None:
    budget = TimeBudget(0.25, 1.0, 5.0)
    assert budget.interval_s == 1
    for number in range(100):
        budget.note_cost(f"account{number}", 0.002)
    assert budget.interval_s == 1
    for number in range(300):
        budget.note_cost(f"account{number}", 0.002)
    assert round(budget.interval_s, 6) == 2.4
    for number in range(200):
        budget.drop(f"account{number}")
    assert budget.interval_s == 1
    budget.drop("unknown")


def test_interval_has_an_upper_bound_and_a_standstill_is_no_cost() -> None:
    budget = TimeBudget(0.25, 1.0, 5.0)
    budget.note_cost("main", 30.0)
    assert budget.interval_s == 1
    for number in range(1000):
        budget.note_cost(f"account{number}", 30.0)
    assert budget.interval_s == 5

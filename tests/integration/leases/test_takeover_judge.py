"""What a run of takeovers counts as a problem."""

from tests.integration.leases.takeover_run import Term, judge

FIRST, SECOND = 11, 12
PIDS = (FIRST, SECOND)


def terms() -> dict[int, Term]:
    return {1: Term(FIRST, 0, 10_000), 2: Term(SECOND, 11_000, 60_000)}


def test_orders_within_the_terms_of_their_senders_are_no_problem() -> None:
    assert judge(terms(), {1: 2, 2: 1}, [(5_000, 0), (17_000, 0), (19_000, 1)], PIDS) == []


def test_an_order_without_a_claim_of_its_daemon_is_a_problem() -> None:
    (found,) = judge(terms(), {1: 1}, [(5_000, 0), (19_000, 1)], PIDS)
    assert found == "daemon 1 sent 1 orders on 0 claims"
    assert judge(terms(), {None: 1}, [], PIDS) == ["claims under the epoch None, which nobody had"]


def test_an_order_after_the_end_of_its_term_is_a_problem() -> None:
    (found,) = judge(terms(), {1: 1}, [(18_500, 0)], PIDS)
    assert found == "daemon 0 sent after its lease of the epoch 1 was over"


def test_an_order_after_one_of_the_successor_is_a_problem() -> None:
    (found,) = judge(terms(), {1: 1, 2: 1}, [(13_000, 1), (14_000, 0)], PIDS)
    assert found == "daemon 0 sent after its successor had begun to"


def test_a_daemon_that_took_it_again_may_send() -> None:
    again = {**terms(), 3: Term(FIRST, 70_000, 90_000)}
    assert judge(again, {1: 1, 2: 1, 3: 1}, [(5_000, 0), (20_000, 1), (80_000, 0)], PIDS) == []

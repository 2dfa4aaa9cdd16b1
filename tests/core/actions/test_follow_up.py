"""What follows an order on the market: the debt tells whether the exchange repaid with what it brought."""

from dataclasses import replace

from monitor.core.actions.follow_up import holds_back, second_half
from monitor.core.actions.plan import propose
from monitor.core.actions.plan_context import Ground
from monitor.core.actions.proposal import UNLIMITED, Nothing, Proposal
from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.metric_values import Figures
from monitor.core.model.order import Reduce, Repay
from monitor.core.model.symbols import Market, Markets
from tests.support.examples.actions import NOW, D, balance, intent, reduce_spec, seconds, standing

SPEC = reduce_spec(target=None, amount=D(6000))
SALE = Reduce(CROSS, "USDT", D(6000), "BTCUSDT", "SELL", D("0.1"), D(59_400), "BTC")
SOLD = intent(
    1, IntentState.CONFIRMED, SALE, kind="reduce", action="sell", purpose="repay", owed_before=D(60_000),
    submitted_at=NOW, settled_at=NOW + seconds(1),
)  # fmt: skip
RULES = Markets({"BTCUSDT": Market("BTCUSDT", "BTC", "USDT", D("0.01"), D("0.00001"))}, frozenset({"BTC", "USDT"}))


def ground(owed: str, free: str = "5994", sold: Intent = SOLD) -> Ground:
    held = standing(balance("BTC", "1.4"), balance("USDT", free, borrowed=owed))
    figures = Figures("cross", "", "ok", NOW, "poll", {}, {})
    return Ground(1, CROSS, replace(held, markets=RULES), figures.read, (sold,))


def second(owed: str, after: float = 10, free: str = "5994") -> Proposal | Nothing:
    return second_half(ground(owed, free), SPEC, SOLD, NOW + seconds(after))


def test_a_debt_that_stayed_is_repaid_with_what_came_in() -> None:
    found = second("60000")
    assert isinstance(found, Proposal)
    assert found.order == Repay(CROSS, "USDT", D(5994))


def test_a_debt_that_fell_needs_nothing_more() -> None:
    assert second("54006") == Nothing("what it brought is repaid already")


def test_a_debt_that_fell_by_a_part_is_repaid_by_the_rest() -> None:
    found = second("57000")
    assert isinstance(found, Proposal)
    assert found.order == Repay(CROSS, "USDT", D(2994))


def test_never_more_is_repaid_than_came_in_although_more_was_borrowed() -> None:
    found = second("70000", free="50000")
    assert isinstance(found, Proposal)
    assert found.order == Repay(CROSS, "USDT", D(5994))


def test_the_exchange_is_given_a_moment_and_nothing_is_sold_meanwhile() -> None:
    waits = second("60000", after=2)
    assert holds_back(waits)
    found, _ = propose(ground("60000"), SPEC, [SPEC], [SOLD], UNLIMITED, NOW + seconds(2))
    assert found == waits
    found, half_of = propose(ground("60000"), SPEC, [SPEC], [SOLD], UNLIMITED, NOW + seconds(10))
    assert isinstance(found, Proposal)
    assert (found.kind, half_of) == ("repay", SOLD)


def test_after_a_debt_that_fell_more_may_be_sold() -> None:
    found, half_of = propose(ground("54006", "0"), SPEC, [SPEC], [SOLD], UNLIMITED, NOW + seconds(10))
    assert isinstance(found, Proposal)
    assert (found.kind, half_of) == ("reduce", None)

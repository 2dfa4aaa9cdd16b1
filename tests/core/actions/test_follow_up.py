"""Follow-up of an order on the market: the debt shows whether the exchange repaid with the proceeds."""

from dataclasses import replace

from monitor.core.actions.follow_up import propose_follow_up, waits_for_exchange
from monitor.core.actions.plan import propose_action
from monitor.core.actions.plan_context import PlanContext
from monitor.core.actions.proposal import UNLIMITED, NoProposal, Proposal
from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.metric_values import MetricValues
from monitor.core.model.order import Reduce, Repay
from monitor.core.model.symbols import SymbolRulebook, TradingRules
from tests.support.examples.actions import NOW, D, balance, intent, reduce_spec, scope_position, seconds

SPEC = reduce_spec(target=None, amount=D(6000))
SALE = Reduce(CROSS, "USDT", D(6000), "BTCUSDT", "SELL", D("0.1"), D(59_400), "BTC")
CONFIRMED_SALE = intent(
    1, IntentState.CONFIRMED, SALE, kind="reduce", action="sell", purpose="repay", owed_before=D(60_000),
    submitted_at=NOW, settled_at=NOW + seconds(1),
)  # fmt: skip
SYMBOL_RULES = SymbolRulebook(
    {"BTCUSDT": TradingRules("BTCUSDT", "BTC", "USDT", D("0.01"), D("0.00001"))}, frozenset({"BTC", "USDT"})
)


def plan_context(owed: str, free: str = "5994", sold: Intent = CONFIRMED_SALE) -> PlanContext:
    held = scope_position(balance("BTC", "1.4"), balance("USDT", free, borrowed=owed))
    figures = MetricValues("cross", "", "ok", NOW, "poll", {}, {})
    return PlanContext(1, CROSS, replace(held, symbol_rules=SYMBOL_RULES), figures.read, (sold,))


def follow_up_after(owed: str, after: float = 10, free: str = "5994") -> Proposal | NoProposal:
    return propose_follow_up(plan_context(owed, free), SPEC, CONFIRMED_SALE, NOW + seconds(after))


def test_unchanged_debt_is_repaid_with_the_proceeds() -> None:
    found = follow_up_after("60000")
    assert isinstance(found, Proposal)
    assert found.order == Repay(CROSS, "USDT", D(5994))


def test_debt_repaid_by_the_exchange_needs_no_follow_up() -> None:
    assert follow_up_after("54006") == NoProposal("what it brought is repaid already")


def test_partly_repaid_debt_is_repaid_with_the_remainder() -> None:
    found = follow_up_after("57000")
    assert isinstance(found, Proposal)
    assert found.order == Repay(CROSS, "USDT", D(2994))


def test_follow_up_never_repays_more_than_the_proceeds() -> None:
    found = follow_up_after("70000", free="50000")
    assert isinstance(found, Proposal)
    assert found.order == Repay(CROSS, "USDT", D(5994))


def test_follow_up_waits_a_moment_and_nothing_else_is_sold_meanwhile() -> None:
    waits = follow_up_after("60000", after=2)
    assert waits_for_exchange(waits)
    found, _ = propose_action(plan_context("60000"), SPEC, [SPEC], [CONFIRMED_SALE], UNLIMITED, NOW + seconds(2))
    assert found == waits
    found, half_of = propose_action(plan_context("60000"), SPEC, [SPEC], [CONFIRMED_SALE], UNLIMITED, NOW + seconds(10))
    assert isinstance(found, Proposal)
    assert (found.kind, half_of) == ("repay", CONFIRMED_SALE)


def test_more_may_be_sold_after_the_debt_fell() -> None:
    found, half_of = propose_action(
        plan_context("54006", "0"), SPEC, [SPEC], [CONFIRMED_SALE], UNLIMITED, NOW + seconds(10)
    )
    assert isinstance(found, Proposal)
    assert (found.kind, half_of) == ("reduce", None)

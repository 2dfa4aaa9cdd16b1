"""Limits of actions: each limit stops the orders that it should stop, and no others."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.actions.limit_usage import LIMIT_PERIOD, LimitUsage, compute_limit_usage, remaining_allowance
from monitor.core.actions.limits import Allowed, Denied, check_limits
from monitor.core.actions.proposal import Proposal
from monitor.core.actions.scope_position import ScopePosition
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import CROSS, Scope
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import ActionKind, CancelOrders, ManualCall, Order, Reduce, Repay, Transfer
from tests.support.examples.actions import (
    KEY,
    NOW,
    D,
    cancel_spec,
    intent,
    reduce_spec,
    repay_spec,
    scope_position,
    seconds,
    transfer_spec,
)

S = IntentState
REPAY = Repay(CROSS, "USDT", D(500))
TRANSFER_IN = Transfer("spot", CROSS, "USDT", D(500))


def proposal(order: Order = REPAY) -> Proposal:
    kinds: dict[type, ActionKind] = {Repay: "repay", Reduce: "reduce", CancelOrders: "cancel_orders"}
    kind = kinds.get(type(order), "transfer_in")
    return Proposal("x", kind, order, order.amount, D("1.83"), D("1.9"), "")


def review_order(
    order: Order = REPAY,
    spec: ActionSpec | None = None,
    *intents: Intent,
    held: ScopePosition | None = None,
    **more: object,
) -> Allowed | Denied:
    limits = spec or (repay_spec() if isinstance(order, Repay) else transfer_spec())
    spent = compute_limit_usage(limits, "main", intents, NOW)
    return check_limits(proposal(order), held or scope_position(spot={"USDT": "5000"}), limits, spent, NOW, **more)  # type: ignore[arg-type]  # keywords by name


def reason(verdict: Allowed | Denied) -> str:
    assert isinstance(verdict, Denied), verdict
    return verdict.reason


def sent_intent(
    number: int, amount: str, state: IntentState = S.CONFIRMED, ago: float = 3600, **changes: object
) -> Intent:
    at = NOW - seconds(ago)
    return intent(number, state, Repay(CROSS, "USDT", D(amount)), submitted_at=at, settled_at=at, **changes)


def test_order_within_limits_is_approved_in_full() -> None:
    assert review_order() == Allowed(D(500))
    assert review_order(TRANSFER_IN) == Allowed(D(500))


SALE = Reduce(CROSS, "USDT", D(600), "BTCUSDT", "SELL", D("0.01"), D(59_400), "BTC")


def test_market_order_is_approved_in_full_or_denied() -> None:
    assert review_order(SALE, reduce_spec()) == Allowed(D(600))
    assert "max_amount" in reason(review_order(SALE, reduce_spec(max_amount=D(599))))
    used = replace(sent_intent(1, "2500"), order=replace(SALE, amount=D(2500)), kind="reduce", action="sell")
    assert "max_amount" in reason(review_order(SALE, reduce_spec(max_per_day=D(3000)), used))


def test_follow_up_repayment_of_a_sale_is_not_counted_again() -> None:
    sale = replace(sent_intent(1, "600"), order=SALE, kind="reduce", action="sell", amount_usdt=D(600))
    rest = replace(sent_intent(2, "600"), action="sell")
    assert compute_limit_usage(reduce_spec(), "main", [sale, rest], NOW).amount == 600


def test_market_order_needs_the_trading_permission_and_an_enabled_account() -> None:
    able = scope_position()
    unable = replace(able, key=replace(KEY, trading=False))
    for order, spec in ((SALE, reduce_spec()), (CancelOrders(CROSS, "BTCUSDT", "BTC"), cancel_spec())):
        assert "enableSpotAndMarginTrading" in reason(review_order(order, spec, held=unable))
    assert "may not trade" in reason(review_order(SALE, reduce_spec(), held=replace(able, trade_enabled=False)))


def test_cancellation_counts_as_an_action_without_amount() -> None:
    cancel = CancelOrders(CROSS, "BTCUSDT", "BTC")
    assert review_order(cancel, cancel_spec()) == Allowed(D(0))
    done = replace(sent_intent(1, "1"), order=cancel, kind="cancel_orders", action="cancel", amount_usdt=D(0))
    assert "max_actions_per_day" in reason(review_order(cancel, cancel_spec(max_actions_per_day=1), done))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"journal_failing": True}, "journal"),
        ({"is_paused": True}, "paused"),
        ({"key_accepted": False}, "refuses the key"),
        ({"key": None}, "not known yet"),
        ({"key": replace(KEY, withdrawals=True)}, "withdraw"),
        ({"key": replace(KEY, portfolio_margin=True)}, "portfolio margin"),
        ({"key": replace(KEY, margin=False)}, "enableMargin"),
        ({"repay_enabled": False}, "not enabled"),
        ({"duplicate_account": "again"}, "again is the same account of the exchange"),
        ({"unidentified_account": "other"}, "whose account other is, is not known yet"),
    ],
)
def test_live_repayment_is_denied_when(change: dict[str, object], words: str) -> None:
    held = replace(scope_position(), **change)  # type: ignore[arg-type]  # the fields of the dataclass, by name
    verdict = review_order(held=held)
    assert words in reason(verdict)
    assert isinstance(verdict, Denied)
    assert verdict.is_blocked


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": replace(KEY, universal_transfer=False)}, "permitsUniversalTransfer"),
        ({"transfer_in_enabled": False}, "takes no transfers"),
    ],
)
def test_live_transfer_is_denied_when(change: dict[str, object], words: str) -> None:
    held = replace(scope_position(spot={"USDT": "5000"}), **change)  # type: ignore[arg-type]  # the fields of the dataclass, by name
    assert words in reason(review_order(TRANSFER_IN, held=held))


def test_action_key_needs_the_permissions_and_the_read_key_does_not() -> None:
    reading = replace(KEY, margin=False, universal_transfer=False, uid=7)
    mine = replace(KEY, uid=7)
    held = replace(scope_position(spot={"USDT": "5000"}), key=reading, uses_action_key=True, action_key=mine)
    assert review_order(held=held) == Allowed(D(500))
    assert review_order(TRANSFER_IN, held=held) == Allowed(D(500))
    assert "withdraw" in reason(review_order(held=replace(held, key=replace(reading, withdrawals=True))))
    assert "withdraw" in reason(review_order(held=replace(held, action_key=replace(mine, withdrawals=True))))
    assert "enableMargin" in reason(review_order(held=replace(held, action_key=replace(mine, margin=False))))
    assert "not known" in reason(review_order(held=replace(held, action_key=None)))
    assert "refuses" in reason(review_order(held=replace(held, action_key_accepted=False)))
    assert "whose account" in reason(review_order(held=replace(held, action_key=replace(mine, uid=None))))
    assert "another account" in reason(review_order(held=replace(held, action_key=replace(mine, uid=8))))


def test_dry_run_ignores_permissions_and_pause() -> None:
    held = replace(scope_position(), is_paused=True, key=None)
    assert review_order(REPAY, repay_spec(mode="dry-run"), held=held) == Allowed(D(500))


def test_pause_allows_proposals_and_no_sending() -> None:
    held = replace(scope_position(), is_paused=True)
    asked = repay_spec(mode="approve")
    assert review_order(REPAY, asked, held=held) == Allowed(D(500))
    assert "paused" in reason(review_order(REPAY, asked, held=held, is_sending=True))


def test_stale_data_postpone_the_order() -> None:
    verdict = review_order(held=replace(scope_position(), as_of=NOW - seconds(21)))
    assert "max_data_age" in reason(verdict)
    assert isinstance(verdict, Denied)
    assert not verdict.is_blocked
    assert review_order(held=replace(scope_position(), as_of=NOW - seconds(20))) == Allowed(D(500))


@pytest.mark.parametrize(
    ("age", "called", "counts"), [(29, 60, False), (30, 60, True), (120, 9, False), (120, 10, True)]
)
def test_data_that_stay_too_old_block_the_order(age: int, called: int, counts: bool) -> None:
    # 20 s are allowed, and a read that the alert called for takes 10 s at most.
    held = replace(scope_position(), as_of=NOW - seconds(age))
    verdict = check_limits(proposal(REPAY), held, repay_spec(), LimitUsage(), NOW, firing_since=NOW - seconds(called))
    assert isinstance(verdict, Denied)
    assert verdict.is_blocked is counts


def test_max_amount_cuts_the_amount() -> None:
    assert review_order(REPAY, repay_spec(max_amount=D("120.000000019"))) == Allowed(D("120.00000001"))


def test_max_amount_without_an_asset_counts_in_usdt() -> None:
    order = Repay(CROSS, "ETH", D(1))
    wish = replace(proposal(order), amount_usdt=D(3000))
    limits = repay_spec(max_amount=D(300))
    held = scope_position()
    row = held.by_asset["ETH"]
    held = replace(held, by_asset={**held.by_asset, "ETH": replace(row, balance=replace(row.balance, free=D(5)))})
    assert check_limits(wish, held, limits, LimitUsage(), NOW) == Allowed(D("0.1"))
    assert check_limits(wish, held, replace(limits, asset="ETH", max_amount=D("0.25")), LimitUsage(), NOW) == Allowed(
        D("0.25")
    )


def test_max_amount_usdt_cuts_the_amount() -> None:
    assert review_order(REPAY, repay_spec(asset="USDT", max_amount_usdt=D(80))) == Allowed(D(80))


@pytest.mark.parametrize("state", sorted({S.CONFIRMED, S.SUBMITTING, S.ACKNOWLEDGED, S.UNCERTAIN, S.UNRESOLVED}))
def test_max_per_day_counts_sent_intents_that_moved_or_may_have_moved_money(state: IntentState) -> None:
    spent = compute_limit_usage(repay_spec(max_per_day=D(1000)), "main", [sent_intent(1, "700", state)], NOW)
    assert remaining_allowance(repay_spec(max_per_day=D(1000)), spent).usdt == 300


@pytest.mark.parametrize("state", sorted({S.REFUSED, S.FAILED, S.EXPIRED, S.SIMULATED, S.REJECTED}))
def test_max_per_day_ignores_intents_that_moved_no_money(state: IntentState) -> None:
    assert compute_limit_usage(repay_spec(), "main", [sent_intent(1, "700", state)], NOW).amount == 0


def test_max_per_day_counts_planned_intents() -> None:
    assert compute_limit_usage(repay_spec(), "main", [intent(1, S.PLANNED)], NOW).amount == 500


def test_max_per_day_counts_a_late_execution() -> None:
    late = sent_intent(1, "700", S.FAILED, executed_late=True)
    assert compute_limit_usage(repay_spec(), "main", [late], NOW).amount == 700


def test_max_per_day_forgets_after_a_day_but_counts_open_intents() -> None:
    day = LIMIT_PERIOD.total_seconds()
    assert compute_limit_usage(repay_spec(), "main", [sent_intent(1, "700", ago=day)], NOW).amount == 0
    assert compute_limit_usage(repay_spec(), "main", [sent_intent(1, "700", ago=day - 1)], NOW).amount == 700
    assert (
        compute_limit_usage(repay_spec(), "main", [sent_intent(1, "700", S.UNRESOLVED, ago=day + 60)], NOW).amount
        == 700
    )


def test_exhausted_max_per_day_is_the_reason() -> None:
    spec = repay_spec(max_per_day=D(700))
    assert "max_per_day" in reason(review_order(REPAY, spec, sent_intent(1, "700")))


def test_follow_up_of_a_transfer_is_not_counted_again() -> None:
    brought = replace(
        sent_intent(1, "700"), kind="transfer_in", action="top-up", order=replace(TRANSFER_IN, amount=D(700))
    )
    repaid = replace(sent_intent(2, "700"), action="top-up")
    onward = replace(brought, id=3, order=Transfer("cross", CROSS, "USDT", D(700)))
    spent = compute_limit_usage(transfer_spec(), "main", [brought, repaid, onward], NOW)
    assert (spent.amount, spent.count) == (D(700), 1)


def test_usage_is_counted_per_account() -> None:
    assert compute_limit_usage(repay_spec(), "main", [sent_intent(1, "700", account="other")], NOW) == LimitUsage()


def test_usage_belongs_to_the_exchange_account_whatever_its_name() -> None:
    before = [
        sent_intent(1, "700", account="other", uid=7, action="old-name"),
        sent_intent(2, "30", account="other", uid=8),
    ]
    assert compute_limit_usage(repay_spec(), "main", before, NOW, 7).amount == 700
    assert compute_limit_usage(repay_spec(), "main", before, NOW).amount == 0
    # An intent decided before the account's uid was known belongs to the account of its name.
    assert compute_limit_usage(repay_spec(), "main", [sent_intent(3, "5")], NOW, 7).amount == 5
    assert compute_limit_usage(repay_spec(), "main", [sent_intent(4, "5", uid=8)], NOW, 7).amount == 0


def test_actions_of_one_kind_and_asset_share_the_daily_limit() -> None:
    done = [
        sent_intent(1, "700", action="another"),
        replace(sent_intent(2, "1"), order=Repay(CROSS, "ETH", D(2)), amount_usdt=D(6000)),
    ]
    of_all = compute_limit_usage(repay_spec(), "main", done, NOW)
    assert (of_all.amount, of_all.count) == (D(6700), 2)
    in_usdt = compute_limit_usage(repay_spec(asset="USDT"), "main", done, NOW)
    assert (in_usdt.amount, in_usdt.count) == (D(700), 1)
    assert compute_limit_usage(transfer_spec(), "main", done, NOW).count == 0
    # The pause between two orders is the action's own.
    assert set(in_usdt.last_moved_at) == {("repay", CROSS, "ETH")}


def test_follow_up_repayment_does_not_count_for_repay_actions() -> None:
    brought = replace(
        sent_intent(1, "700"), kind="transfer_in", action="top-up", order=replace(TRANSFER_IN, amount=D(700))
    )
    assert (
        compute_limit_usage(
            repay_spec(), "main", [brought, replace(sent_intent(2, "700"), action="top-up")], NOW
        ).amount
        == 0
    )


def test_dry_run_usage_is_counted_separately() -> None:
    simulated = [sent_intent(1, "700", S.SIMULATED)]
    assert compute_limit_usage(repay_spec(mode="dry-run"), "main", simulated, NOW).amount == 700
    assert compute_limit_usage(repay_spec(), "main", simulated, NOW).amount == 0


def test_max_actions_per_day_stops_the_next() -> None:
    spec = repay_spec(max_actions_per_day=2)
    assert "max_actions_per_day" in reason(review_order(REPAY, spec, sent_intent(1, "1"), sent_intent(2, "1")))


@pytest.mark.parametrize("state", sorted({S.CONFIRMED, S.FAILED}))
def test_cooldown_starts_with_any_intent_that_may_have_moved_money(state: IntentState) -> None:
    verdict = review_order(REPAY, None, sent_intent(1, "1", state, ago=59))
    # Sent 59 s before 21:15:30.
    assert reason(verdict).startswith("cooling down until 21:15:31 UTC; ")
    assert isinstance(verdict, Denied)
    assert not verdict.is_blocked
    assert review_order(REPAY, None, sent_intent(1, "1", state, ago=60)) == Allowed(D(500))


def test_worse_rung_ends_the_cooldown() -> None:
    done = sent_intent(1, "1", ago=30)
    assert review_order(REPAY, None, done, worse_since=NOW - seconds(10)) == Allowed(D(500))
    assert reason(review_order(REPAY, None, done, worse_since=NOW - seconds(40))).startswith("cooling down")


def test_cooldown_is_per_asset() -> None:
    other = sent_intent(1, "1", ago=5)
    other = replace(other, order=Repay(CROSS, "ETH", D(1)))
    assert review_order(REPAY, None, other) == Allowed(D(500))


@pytest.mark.parametrize("state", sorted({S.UNCERTAIN, S.UNRESOLVED}))
def test_unknown_outcome_blocks_the_same_kind_and_asset(state: IntentState) -> None:
    open_one = sent_intent(1, "1", state, ago=600, action="another")
    verdict = review_order(REPAY, None, open_one)
    assert "not known" in reason(verdict)
    assert isinstance(verdict, Denied)
    assert verdict.is_blocked
    assert review_order(TRANSFER_IN, None, open_one) == Allowed(D(500))


def test_intent_in_progress_blocks_another_of_its_kind() -> None:
    assert "under way" in reason(review_order(REPAY, None, intent(1, S.PLANNED, action="another")))


def test_keep_in_source_is_a_floor() -> None:
    held = scope_position(spot={"USDT": "600"})
    assert review_order(TRANSFER_IN, transfer_spec(keep_in_source=D(250)), held=held) == Allowed(D(350))
    assert "spot" in reason(review_order(TRANSFER_IN, transfer_spec(keep_in_source=D(600)), held=held))


def test_pending_transfers_reduce_the_available_source() -> None:
    elsewhere = intent(1, S.UNCERTAIN, Transfer("spot", CROSS, "BTC", D(1)), submitted_at=NOW)
    same = replace(elsewhere, order=Transfer("spot", Scope("BTCUSDT"), "USDT", D(400)))
    held = scope_position(spot={"USDT": "600"})
    assert review_order(TRANSFER_IN, None, same, held=held) == Allowed(D(200))


def test_follow_up_is_bounded_by_its_transfer_and_by_no_cap() -> None:
    first = intent(1, S.CONFIRMED, TRANSFER_IN, submitted_at=NOW, settled_at=NOW)
    spec = transfer_spec(max_per_day=D(500), max_actions_per_day=1)
    order = replace(REPAY, amount=D(900))
    assert review_order(order, spec, first, follows=first) == Allowed(D(500))


def test_repayment_never_exceeds_the_free_balance_and_the_debt() -> None:
    order = replace(REPAY, amount=Decimal(99_000))
    assert review_order(order, repay_spec()) == Allowed(D(20_000))


def test_manual_calls_never_count_for_actions() -> None:
    spec = repay_spec(max_per_day=D(1000))
    by_hand = sent_intent(1, "900", action=spec.name, mode="manual")
    assert compute_limit_usage(spec, "main", [sent_intent(1, "900", action=spec.name)], NOW).amount == 900
    assert compute_limit_usage(spec, "main", [by_hand], NOW).amount == 0
    call = replace(by_hand, order=ManualCall(spec.name, CROSS, "USDT", D(900)), kind="borrow", state=S.UNRESOLVED)
    assert review_order(REPAY, spec, call) == Allowed(D(500))


def test_amount_cut_below_the_min_repayment_is_denied() -> None:
    held = scope_position(spot={"USDT": "5000"}, least={"USDT": "300"})
    assert review_order(held=held) == Allowed(D(500))
    assert "below 300 USDT, and only 299 may go" in reason(
        review_order(REPAY, repay_spec(max_amount=D(299)), held=held)
    )
    brought = replace(proposal(TRANSFER_IN), purpose="repay")
    limits = transfer_spec(max_amount=D(299))
    assert "below 300 USDT" in reason(check_limits(brought, held, limits, LimitUsage(), NOW))
    assert check_limits(replace(brought, purpose="collateral"), held, limits, LimitUsage(), NOW) == Allowed(D(299))

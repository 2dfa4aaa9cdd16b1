"""Each limit stops what it should stop, and nothing else."""

from dataclasses import replace
from decimal import Decimal

import pytest

from monitor.core.actions.limits import DAY, Approved, Refused, Spent, allowance, review, spent_by
from monitor.core.actions.position import Standing
from monitor.core.actions.proposal import Proposal
from monitor.core.actions.spec import ActionSpec
from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import ActionKind, ByName, CancelOrders, Order, Reduce, Repay, Transfer
from tests.support.examples.actions import (
    KEY,
    NOW,
    D,
    cancel_spec,
    intent,
    reduce_spec,
    repay_spec,
    seconds,
    standing,
    transfer_spec,
)

S = IntentState
REPAY = Repay(CROSS, "USDT", D(500))
BRING = Transfer("spot", CROSS, "USDT", D(500))


def proposal(order: Order = REPAY) -> Proposal:
    kinds: dict[type, ActionKind] = {Repay: "repay", Reduce: "reduce", CancelOrders: "cancel_orders"}
    kind = kinds.get(type(order), "transfer_in")
    return Proposal("x", kind, order, order.amount, D("1.83"), D("1.9"), "")


def reviewed(
    order: Order = REPAY,
    spec: ActionSpec | None = None,
    *intents: Intent,
    held: Standing | None = None,
    **more: object,
) -> Approved | Refused:
    limits = spec or (repay_spec() if isinstance(order, Repay) else transfer_spec())
    spent = spent_by(limits, "main", intents, NOW)
    return review(proposal(order), held or standing(spot={"USDT": "5000"}), limits, spent, NOW, **more)  # type: ignore[arg-type]  # keywords by name


def reason(verdict: Approved | Refused) -> str:
    assert isinstance(verdict, Refused), verdict
    return verdict.reason


def moved(number: int, amount: str, state: IntentState = S.CONFIRMED, ago: float = 3600, **changes: object) -> Intent:
    at = NOW - seconds(ago)
    return intent(number, state, Repay(CROSS, "USDT", D(amount)), submitted_at=at, settled_at=at, **changes)


def test_what_no_limit_stops_goes_whole() -> None:
    assert reviewed() == Approved(D(500))
    assert reviewed(BRING) == Approved(D(500))


SALE = Reduce(CROSS, "USDT", D(600), "BTCUSDT", "SELL", D("0.01"), D(59_400), "BTC")


def test_an_order_on_the_market_goes_whole_or_not_at_all() -> None:
    assert reviewed(SALE, reduce_spec()) == Approved(D(600))
    assert "max_amount" in reason(reviewed(SALE, reduce_spec(max_amount=D(599))))
    used = replace(moved(1, "2500"), order=replace(SALE, amount=D(2500)), kind="reduce", action="sell")
    assert "max_amount" in reason(reviewed(SALE, reduce_spec(max_per_day=D(3000)), used))


def test_the_repayment_that_finishes_a_sale_is_not_counted_again() -> None:
    sale = replace(moved(1, "600"), order=SALE, kind="reduce", action="sell", amount_usdt=D(600))
    rest = replace(moved(2, "600"), action="sell")
    assert spent_by(reduce_spec(), "main", [sale, rest], NOW).amount == 600


def test_trading_needs_its_right_and_an_account_that_may() -> None:
    able = standing()
    unable = replace(able, key=replace(KEY, trading=False))
    for order, spec in ((SALE, reduce_spec()), (CancelOrders(CROSS, "BTCUSDT", "BTC"), cancel_spec())):
        assert "enableSpotAndMarginTrading" in reason(reviewed(order, spec, held=unable))
    assert "may not trade" in reason(reviewed(SALE, reduce_spec(), held=replace(able, trade_enabled=False)))


def test_cancelling_moves_no_money_and_is_counted() -> None:
    cancel = CancelOrders(CROSS, "BTCUSDT", "BTC")
    assert reviewed(cancel, cancel_spec()) == Approved(D(0))
    done = replace(moved(1, "1"), order=cancel, kind="cancel_orders", action="cancel", amount_usdt=D(0))
    assert "max_actions_per_day" in reason(reviewed(cancel, cancel_spec(max_actions_per_day=1), done))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"journal_failing": True}, "journal"),
        ({"paused": True}, "paused"),
        ({"key_accepted": False}, "refuses the key"),
        ({"key": None}, "not known yet"),
        ({"key": replace(KEY, withdrawals=True)}, "withdraw"),
        ({"key": replace(KEY, portfolio_margin=True)}, "portfolio margin"),
        ({"key": replace(KEY, margin=False)}, "enableMargin"),
        ({"repay_enabled": False}, "not enabled"),
        ({"twin": "again"}, "again is the same account of the exchange"),
        ({"unidentified": "other"}, "whose account other is, is not known yet"),
    ],
)
def test_a_live_repayment_is_stopped_by(change: dict[str, object], words: str) -> None:
    held = replace(standing(), **change)  # type: ignore[arg-type]  # the fields of the dataclass, by name
    verdict = reviewed(held=held)
    assert words in reason(verdict)
    assert isinstance(verdict, Refused)
    assert verdict.blocked


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": replace(KEY, universal_transfer=False)}, "permitsUniversalTransfer"),
        ({"transfer_in_enabled": False}, "takes no transfers"),
    ],
)
def test_a_live_transfer_is_stopped_by(change: dict[str, object], words: str) -> None:
    held = replace(standing(spot={"USDT": "5000"}), **change)  # type: ignore[arg-type]  # the fields of the dataclass, by name
    assert words in reason(reviewed(BRING, held=held))


def test_a_second_key_that_acts_leaves_the_first_one_to_read() -> None:
    reading = replace(KEY, margin=False, universal_transfer=False, uid=7)
    mine = replace(KEY, uid=7)
    held = replace(standing(spot={"USDT": "5000"}), key=reading, acts_with_own_key=True, action_key=mine)
    assert reviewed(held=held) == Approved(D(500))
    assert reviewed(BRING, held=held) == Approved(D(500))
    assert "withdraw" in reason(reviewed(held=replace(held, key=replace(reading, withdrawals=True))))
    assert "withdraw" in reason(reviewed(held=replace(held, action_key=replace(mine, withdrawals=True))))
    assert "enableMargin" in reason(reviewed(held=replace(held, action_key=replace(mine, margin=False))))
    assert "not known" in reason(reviewed(held=replace(held, action_key=None)))
    assert "refuses" in reason(reviewed(held=replace(held, action_key_accepted=False)))
    assert "whose account" in reason(reviewed(held=replace(held, action_key=replace(mine, uid=None))))
    assert "another account" in reason(reviewed(held=replace(held, action_key=replace(mine, uid=8))))


def test_a_dry_run_needs_no_permission_and_minds_no_pause() -> None:
    held = replace(standing(), paused=True, key=None)
    assert reviewed(REPAY, repay_spec(mode="dry-run"), held=held) == Approved(D(500))


def test_a_pause_lets_proposals_be_made_and_none_be_sent() -> None:
    held = replace(standing(), paused=True)
    asked = repay_spec(mode="approve")
    assert reviewed(REPAY, asked, held=held) == Approved(D(500))
    assert "paused" in reason(reviewed(REPAY, asked, held=held, sending=True))


def test_old_figures_only_make_it_wait() -> None:
    verdict = reviewed(held=replace(standing(), as_of=NOW - seconds(21)))
    assert "max_data_age" in reason(verdict)
    assert isinstance(verdict, Refused)
    assert not verdict.blocked
    assert reviewed(held=replace(standing(), as_of=NOW - seconds(20))) == Approved(D(500))


@pytest.mark.parametrize(
    ("age", "called", "counts"), [(29, 60, False), (30, 60, True), (120, 9, False), (120, 10, True)]
)
def test_figures_that_stay_too_old_are_a_limit(age: int, called: int, counts: bool) -> None:
    # 20 s are allowed, and a read that the alert called for takes 10 s at most.
    held = replace(standing(), as_of=NOW - seconds(age))
    verdict = review(proposal(REPAY), held, repay_spec(), Spent(), NOW, called_at=NOW - seconds(called))
    assert isinstance(verdict, Refused)
    assert verdict.blocked is counts


def test_max_amount_cuts() -> None:
    assert reviewed(REPAY, repay_spec(max_amount=D("120.000000019"))) == Approved(D("120.00000001"))


def test_max_amount_without_an_asset_counts_in_usdt() -> None:
    order = Repay(CROSS, "ETH", D(1))
    wish = replace(proposal(order), amount_usdt=D(3000))
    limits = repay_spec(max_amount=D(300))
    held = standing()
    row = held.rows["ETH"]
    held = replace(held, rows={**held.rows, "ETH": replace(row, balance=replace(row.balance, free=D(5)))})
    assert review(wish, held, limits, Spent(), NOW) == Approved(D("0.1"))
    assert review(wish, held, replace(limits, asset="ETH", max_amount=D("0.25")), Spent(), NOW) == Approved(D("0.25"))


def test_max_amount_usdt_cuts_too() -> None:
    assert reviewed(REPAY, repay_spec(asset="USDT", max_amount_usdt=D(80))) == Approved(D(80))


@pytest.mark.parametrize("state", sorted({S.CONFIRMED, S.SUBMITTING, S.ACKNOWLEDGED, S.UNCERTAIN, S.UNRESOLVED}))
def test_max_per_day_counts_what_moved_or_may_have(state: IntentState) -> None:
    spent = spent_by(repay_spec(max_per_day=D(1000)), "main", [moved(1, "700", state)], NOW)
    assert allowance(repay_spec(max_per_day=D(1000)), spent).usdt == 300


@pytest.mark.parametrize("state", sorted({S.REFUSED, S.FAILED, S.EXPIRED, S.SIMULATED, S.REJECTED}))
def test_max_per_day_does_not_count_what_did_not_move(state: IntentState) -> None:
    assert spent_by(repay_spec(), "main", [moved(1, "700", state)], NOW).amount == 0


def test_max_per_day_counts_what_is_about_to_move() -> None:
    assert spent_by(repay_spec(), "main", [intent(1, S.PLANNED)], NOW).amount == 500


def test_max_per_day_counts_a_late_execution() -> None:
    late = moved(1, "700", S.FAILED, executed_late=True)
    assert spent_by(repay_spec(), "main", [late], NOW).amount == 700


def test_max_per_day_forgets_after_a_day_but_not_what_is_open() -> None:
    day = DAY.total_seconds()
    assert spent_by(repay_spec(), "main", [moved(1, "700", ago=day)], NOW).amount == 0
    assert spent_by(repay_spec(), "main", [moved(1, "700", ago=day - 1)], NOW).amount == 700
    assert spent_by(repay_spec(), "main", [moved(1, "700", S.UNRESOLVED, ago=day + 60)], NOW).amount == 700


def test_a_used_up_day_says_so() -> None:
    spec = repay_spec(max_per_day=D(700))
    assert "max_per_day" in reason(reviewed(REPAY, spec, moved(1, "700")))


def test_the_second_half_of_a_transfer_is_not_counted_again() -> None:
    brought = replace(moved(1, "700"), kind="transfer_in", action="top-up", order=replace(BRING, amount=D(700)))
    repaid = replace(moved(2, "700"), action="top-up")
    onward = replace(brought, id=3, order=Transfer("cross", CROSS, "USDT", D(700)))
    spent = spent_by(transfer_spec(), "main", [brought, repaid, onward], NOW)
    assert (spent.amount, spent.count) == (D(700), 1)


def test_another_account_spends_its_own() -> None:
    assert spent_by(repay_spec(), "main", [moved(1, "700", account="other")], NOW) == Spent()


def test_the_day_is_that_of_the_account_at_the_exchange_whatever_it_is_called() -> None:
    before = [moved(1, "700", account="other", uid=7, action="old-name"), moved(2, "30", account="other", uid=8)]
    assert spent_by(repay_spec(), "main", before, NOW, 7).amount == 700
    assert spent_by(repay_spec(), "main", before, NOW).amount == 0
    # What was decided before anybody knew whose account it is belongs to its name.
    assert spent_by(repay_spec(), "main", [moved(3, "5")], NOW, 7).amount == 5
    assert spent_by(repay_spec(), "main", [moved(4, "5", uid=8)], NOW, 7).amount == 0


def test_actions_of_one_kind_share_the_day_as_far_as_they_are_about_the_same_asset() -> None:
    done = [
        moved(1, "700", action="another"),
        replace(moved(2, "1"), order=Repay(CROSS, "ETH", D(2)), amount_usdt=D(6000)),
    ]
    of_all = spent_by(repay_spec(), "main", done, NOW)
    assert (of_all.amount, of_all.count) == (D(6700), 2)
    in_usdt = spent_by(repay_spec(asset="USDT"), "main", done, NOW)
    assert (in_usdt.amount, in_usdt.count) == (D(700), 1)
    assert spent_by(transfer_spec(), "main", done, NOW).count == 0
    # The pause between two orders is the action's own.
    assert set(in_usdt.moved_at) == {("repay", CROSS, "ETH")}


def test_the_second_half_of_another_action_is_not_a_repayment_of_its_own() -> None:
    brought = replace(moved(1, "700"), kind="transfer_in", action="top-up", order=replace(BRING, amount=D(700)))
    assert spent_by(repay_spec(), "main", [brought, replace(moved(2, "700"), action="top-up")], NOW).amount == 0


def test_a_dry_run_spends_in_its_own_world() -> None:
    simulated = [moved(1, "700", S.SIMULATED)]
    assert spent_by(repay_spec(mode="dry-run"), "main", simulated, NOW).amount == 700
    assert spent_by(repay_spec(), "main", simulated, NOW).amount == 0


def test_max_actions_per_day_stops_the_next() -> None:
    spec = repay_spec(max_actions_per_day=2)
    assert "max_actions_per_day" in reason(reviewed(REPAY, spec, moved(1, "1"), moved(2, "1")))


@pytest.mark.parametrize("state", sorted({S.CONFIRMED, S.FAILED}))
def test_the_cooldown_starts_when_money_moved_or_may_have(state: IntentState) -> None:
    verdict = reviewed(REPAY, None, moved(1, "1", state, ago=59))
    # Sent 59 s before 21:15:30.
    assert reason(verdict).startswith("cooling down until 21:15:31 UTC; ")
    assert isinstance(verdict, Refused)
    assert not verdict.blocked
    assert reviewed(REPAY, None, moved(1, "1", state, ago=60)) == Approved(D(500))


def test_the_cooldown_is_waived_by_a_worse_rung_reached_since() -> None:
    done = moved(1, "1", ago=30)
    assert reviewed(REPAY, None, done, worse_since=NOW - seconds(10)) == Approved(D(500))
    assert reason(reviewed(REPAY, None, done, worse_since=NOW - seconds(40))).startswith("cooling down")


def test_the_cooldown_is_of_one_asset() -> None:
    other = moved(1, "1", ago=5)
    other = replace(other, order=Repay(CROSS, "ETH", D(1)))
    assert reviewed(REPAY, None, other) == Approved(D(500))


@pytest.mark.parametrize("state", sorted({S.UNCERTAIN, S.UNRESOLVED}))
def test_an_unknown_outcome_holds_up_the_same_kind_and_asset(state: IntentState) -> None:
    open_one = moved(1, "1", state, ago=600, action="another")
    verdict = reviewed(REPAY, None, open_one)
    assert "not known" in reason(verdict)
    assert isinstance(verdict, Refused)
    assert verdict.blocked
    assert reviewed(BRING, None, open_one) == Approved(D(500))


def test_one_under_way_holds_up_its_twin() -> None:
    assert "under way" in reason(reviewed(REPAY, None, intent(1, S.PLANNED, action="another")))


def test_keep_in_source_is_a_floor() -> None:
    held = standing(spot={"USDT": "600"})
    assert reviewed(BRING, transfer_spec(keep_in_source=D(250)), held=held) == Approved(D(350))
    assert "spot" in reason(reviewed(BRING, transfer_spec(keep_in_source=D(600)), held=held))


def test_what_another_transfer_may_still_take_is_not_there() -> None:
    elsewhere = intent(1, S.UNCERTAIN, Transfer("spot", CROSS, "BTC", D(1)), submitted_at=NOW)
    same = replace(elsewhere, order=Transfer("spot", replace(CROSS, symbol="BTCUSDT"), "USDT", D(400)))
    held = standing(spot={"USDT": "600"})
    assert reviewed(BRING, None, same, held=held) == Approved(D(200))


def test_the_second_half_minds_its_first_and_no_cap() -> None:
    first = intent(1, S.CONFIRMED, BRING, submitted_at=NOW, settled_at=NOW)
    spec = transfer_spec(max_per_day=D(500), max_actions_per_day=1)
    order = replace(REPAY, amount=D(900))
    assert reviewed(order, spec, first, half_of=first) == Approved(D(500))


def test_a_repayment_never_exceeds_what_is_free_and_owed() -> None:
    order = replace(REPAY, amount=Decimal(99_000))
    assert reviewed(order, repay_spec()) == Approved(D(20_000))


def test_what_people_ordered_by_hand_is_no_actions_whatever_it_is_called() -> None:
    spec = repay_spec(max_per_day=D(1000))
    by_hand = moved(1, "900", action=spec.name, mode="manual")
    assert spent_by(spec, "main", [moved(1, "900", action=spec.name)], NOW).amount == 900
    assert spent_by(spec, "main", [by_hand], NOW).amount == 0
    call = replace(by_hand, order=ByName(spec.name, CROSS, "USDT", D(900)), kind="borrow", state=S.UNRESOLVED)
    assert reviewed(REPAY, spec, call) == Approved(D(500))


def test_what_the_limits_cut_below_the_least_repayment_does_not_go() -> None:
    held = standing(spot={"USDT": "5000"}, least={"USDT": "300"})
    assert reviewed(held=held) == Approved(D(500))
    assert "below 300 USDT, and only 299 may go" in reason(reviewed(REPAY, repay_spec(max_amount=D(299)), held=held))
    brought = replace(proposal(BRING), purpose="repay")
    limits = transfer_spec(max_amount=D(299))
    assert "below 300 USDT" in reason(review(brought, held, limits, Spent(), NOW))
    assert review(replace(brought, purpose="collateral"), held, limits, Spent(), NOW) == Approved(D(299))

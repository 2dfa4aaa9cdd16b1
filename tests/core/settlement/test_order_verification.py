"""Verification of orders on the market and of cancellations, by client id, open orders and balances."""

from dataclasses import replace
from typing import Literal

import pytest

from monitor.core.model.account import CROSS
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import CancelOrders, ExchangeRecord, Reduce
from monitor.core.settlement.observation import Confirmed, Failed, Observation, Undecided, Unresolved, Verdict
from monitor.core.settlement.transitions import apply_verdict
from monitor.core.settlement.verification import find_late_execution, needs_ledger, verify
from tests.support.examples.actions import NOW, SAFETY, D, intent, seconds

S = IntentState
SALE = Reduce(CROSS, "USDT", D(6000), "BTCUSDT", "SELL", D("0.1"), D(59_400), "BTC", "mm-1-1")
SENT = intent(
    1, S.UNCERTAIN, SALE, kind="reduce", submitted_at=NOW, owed_before=D(60_000), source_before=D("1.5"),
)  # fmt: skip
CANCEL = intent(
    2, S.UNCERTAIN, CancelOrders(CROSS, "BTCUSDT", "BTC"), kind="cancel_orders", amount_usdt=D(0), submitted_at=NOW,
    source_before=D("0.5"),
)  # fmt: skip


def record(
    status: Literal["PENDING", "CONFIRMED", "FAILED"], brought: str = "6000", spent: str = "0.1", after: float = 0
) -> ExchangeRecord:
    return ExchangeRecord("28", "USDT", D(brought), status, NOW + seconds(after), spent=D(spent))


def observation(after: float, *records: ExchangeRecord, owed: str = "60000", source: str = "1.5") -> Observation:
    return Observation(NOW + seconds(after), records, D(owed), D(0), D(source))


def verify_observations(*looks: Observation, of: Intent = SENT, after: float | None = None) -> Verdict:
    return verify(of, looks, SAFETY, looks[-1].at if after is None else NOW + seconds(after))


def test_filled_order_and_reduced_balance_confirm_with_proceeds() -> None:
    found = verify_observations(observation(1, record("CONFIRMED"), owed="54006", source="1.4"))
    assert isinstance(found, Confirmed)
    assert (found.ref, found.at, found.amount) == ("28", NOW + seconds(1), D(6000))
    assert "order 28" in found.evidence
    assert "0.1 of 0.1 filled" in found.evidence
    assert "1.5 → 1.4" in found.evidence


def test_partial_fill_counts_as_that_part() -> None:
    found = verify_observations(observation(1, record("CONFIRMED", "1500", "0.025"), owed="58501.5", source="1.475"))
    assert isinstance(found, Confirmed)
    moved = apply_verdict(SENT, found, NOW)
    assert moved is not None
    assert (moved.intent.amount, moved.intent.amount_usdt) == (D(1500), D(1500))


def test_filled_order_with_unchanged_balance_is_undecided() -> None:
    assert isinstance(verify_observations(observation(1, record("CONFIRMED"))), Undecided)
    assert isinstance(verify_observations(observation(601, record("CONFIRMED"))), Unresolved)


def test_open_order_is_undecided() -> None:
    assert isinstance(verify_observations(observation(1, record("PENDING", "0", "0"))), Undecided)


def test_order_that_ended_unfilled_means_failed() -> None:
    found = verify_observations(observation(1, record("FAILED", "0", "0")))
    assert isinstance(found, Failed)
    assert "order 28" in found.evidence


def test_unknown_client_id_means_failed_after_the_settle_time() -> None:
    looks = [observation(after) for after in (1, 15, 30, 45, 62)]
    assert isinstance(verify_observations(*looks[:4]), Undecided)
    assert isinstance(verify_observations(*looks), Failed)


def test_unknown_client_id_with_a_reduced_balance_never_means_failed() -> None:
    looks = [observation(after, source="1.4") for after in (1, 15, 30, 45, 62)]
    assert isinstance(verify_observations(*looks), Undecided)
    assert isinstance(verify_observations(*looks, after=601), Unresolved)


def test_acknowledged_order_never_fails_for_its_absence() -> None:
    acknowledged = replace(SENT, state=S.ACKNOWLEDGED, ref="28")
    assert isinstance(verify_observations(*[observation(t) for t in (1, 15, 30, 45, 62)], of=acknowledged), Undecided)


def test_order_found_filled_after_failed_is_a_late_execution() -> None:
    late = find_late_execution(
        replace(SENT, state=S.FAILED), Observation(NOW, (record("CONFIRMED", after=90),)), SAFETY
    )
    assert isinstance(late, ExchangeRecord)
    assert late.ref == "28"


@pytest.mark.parametrize("of", [SENT, CANCEL])
def test_ledger_is_never_requested_for_market_orders(of: Intent) -> None:
    assert not needs_ledger(of, [observation(1)], SAFETY)


def test_no_open_order_and_less_locked_confirm_a_cancellation() -> None:
    found = verify_observations(observation(1, source="0"), of=CANCEL)
    assert isinstance(found, Confirmed)
    assert (found.at, found.amount) == (NOW + seconds(1), None)
    assert "BTCUSDT" in found.evidence
    assert "0.5 → 0" in found.evidence


def test_orders_placed_later_do_not_count_against_a_cancellation() -> None:
    assert isinstance(
        verify_observations(observation(9, record("PENDING", after=5), source="0.2"), of=CANCEL), Confirmed
    )


def test_cancellation_fails_when_orders_stay_open_after_the_settle_time() -> None:
    looks = [observation(after, record("PENDING", after=-60), source="0.5") for after in (1, 15, 30, 45, 62)]
    assert isinstance(verify_observations(*looks[:4], of=CANCEL), Undecided)
    assert isinstance(verify_observations(*looks, of=CANCEL), Failed)


def test_no_open_order_and_nothing_unlocked_is_undecided() -> None:
    assert isinstance(verify_observations(observation(1, source="0.5"), of=CANCEL), Undecided)

"""What else moved a balance: told from the order itself by time, as well as two clocks allow."""

from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.core.account import CROSS
from monitor.core.evidence import others
from monitor.core.intents import Intent, IntentState, Repay
from monitor.core.ledger import LedgerRow
from tests.core.actions.samples import NOW

OURS = Intent(
    3, 1, "repay-idle", "repay", "live", "main", Repay(CROSS, "USDT", Decimal(390)), IntentState.UNCERTAIN,
    Decimal(390), NOW, submitted_at=NOW,
)  # fmt: skip


@pytest.mark.parametrize(("after_ms", "counts"), [(-500, False), (200, False), (300, True), (570, True), (5_000, True)])
def test_a_row_dated_well_after_the_send_is_anothers_doing(after_ms: int, counts: bool) -> None:
    row = LedgerRow(CROSS, 7, 78, NOW + timedelta(milliseconds=after_ms), "USDT", "REPAY", Decimal(958))
    assert others(OURS, [row], None, NOW) == ((row,) if counts else ())


def test_a_row_of_another_asset_is_none_of_its_business() -> None:
    row = LedgerRow(CROSS, 7, 78, NOW + timedelta(seconds=2), "BTC", "REPAY", Decimal(958))
    assert others(OURS, [row], None, NOW) == ()

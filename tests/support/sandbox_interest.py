"""Interest in the ledger of a sandbox: months of charges at once, and their sums."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.sandbox.ledger.accounts import InterestRecord
from monitor.sandbox.server import Sandbox

DEBTS = ((None, "USDT", Decimal("30000")), (None, "ETH", Decimal(10)), ("BTCUSDT", "USDT", Decimal(20000)))
"""The debts of the calm account."""


def add_past_charges(box: Sandbox, now: datetime, hours: int) -> None:
    """Add charges of past hours to the exchange's history, with rates and amounts that change."""
    account, now = box.venue.accounts["main"], now.replace(minute=0, second=0, microsecond=0)
    for hour in range(hours, -1, -1):
        for symbol, asset, principal in DEBTS:
            rate = Decimal("0.00024") + Decimal(hour % 7) / 1_000_000
            account.interest.append(
                InterestRecord(
                    tran_id=box.venue.next_interest_id(),
                    at_ms=int((now - timedelta(hours=hour)).timestamp()) * 1000,
                    symbol=symbol,
                    asset=asset,
                    raw_asset=asset,
                    principal=principal,
                    interest=(principal * rate / 24).quantize(Decimal("0.00000001")),
                    daily_rate=rate,
                    kind="PERIODIC",
                )
            )


def charged_interest(box: Sandbox, since: datetime) -> dict[tuple[str, str], tuple[Decimal, int]]:
    """By pair and asset, the interest that the exchange itself charged since, and the number of charges."""
    found: dict[tuple[str, str], tuple[Decimal, int]] = defaultdict(lambda: (Decimal(0), 0))
    for row in box.venue.accounts["main"].interest:
        if row.at_ms >= int(since.timestamp()) * 1000:
            total, count = found[row.symbol or "", row.asset]
            found[row.symbol or "", row.asset] = total + row.interest, count + 1
    return dict(found)

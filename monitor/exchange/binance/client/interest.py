"""Interest: the charges that were made."""

from datetime import datetime, timedelta

from monitor.core.account import InterestCharge, Scope
from monitor.exchange.binance.client.endpoint import Endpoint
from monitor.exchange.binance.client.transport import Transport
from monitor.exchange.binance.client.walking import PAGE_SIZE, Page, pages, windows
from monitor.exchange.binance.translate import histories
from monitor.exchange.binance.wire.history import InterestPage
from monitor.exchange.binance.wire.numbers import Implausible, milliseconds

HISTORY = Endpoint("GET", "/sapi/v1/margin/interestHistory", InterestPage)

_SPAN = timedelta(days=30)
_DEPTH = timedelta(days=90)


async def read_charges(
    transport: Transport, scope: Scope, since: datetime, until: datetime, *, now: datetime
) -> tuple[InterestCharge, ...]:
    """All charges of `scope` in the window, oldest first, each once. The venue keeps 90 days before `now`."""
    found: dict[tuple[int, datetime, str, str], InterestCharge] = {}
    earliest = max(since, now - _DEPTH)
    if earliest > until:
        return ()
    for start, end in windows(earliest, until, _SPAN):

        async def read(number: int, start: datetime = start, end: datetime = end) -> Page[InterestCharge]:
            parameters = {
                "isolatedSymbol": scope.symbol or None,
                "startTime": milliseconds(start),
                "endTime": milliseconds(end),
                "current": number,
                "size": PAGE_SIZE,
            }
            return await transport.fetch(HISTORY, parameters, lambda page, _: _charges(page, scope))

        async for charge in pages(read):
            found[charge.tx_id, charge.charged_at, charge.asset, charge.kind] = charge
    return tuple(sorted(found.values(), key=lambda charge: (charge.charged_at, charge.tx_id, charge.asset)))


def _charges(page: InterestPage, scope: Scope) -> Page[InterestCharge]:
    for row in page.rows:
        if row.isolated_symbol and row.isolated_symbol != scope.symbol:
            raise Implausible(f"a charge of {row.isolated_symbol} among those of {scope}")
    return Page([histories.interest_charge(row, scope) for row in page.rows], len(page.rows), page.total)

"""Interest reads: charges made, rates in force, of the next hour and of the past."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.clock import Clock
from monitor.core.margin.interest import hourly_from_daily
from monitor.core.model.account import InterestCharge, Scope
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.history import split_window
from monitor.exchange.binance.api.pages import PAGE_SIZE, Page, iterate_pages
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.signing import Parameters
from monitor.exchange.binance.translate import histories
from monitor.exchange.binance.wire.histories_text import TextInterestPage
from monitor.exchange.binance.wire.numbers import ImplausibleValue, parse_amount, parse_time, to_milliseconds
from monitor.exchange.binance.wire.rates_text import TextCrossRateRow, TextNextRateRow, TextPastRateRow
from monitor.exchange.binance.wire.row_decoding import WHOLE_ANSWER, RejectedRow

INTEREST_HISTORY = Endpoint("GET", "/sapi/v1/margin/interestHistory", TextInterestPage, priority=Priority.LAST)
CROSS_RATES = Endpoint(
    "GET",
    "/sapi/v1/margin/crossMarginData",
    list[TextCrossRateRow],
    weight=5,
    priority=Priority.LAST,
    rows=WHOLE_ANSWER,
)
NEXT_RATES = Endpoint(
    "GET",
    "/sapi/v1/margin/next-hourly-interest-rate",
    list[TextNextRateRow],
    weight=100,
    priority=Priority.LAST,
    rows=WHOLE_ANSWER,
)
PAST_RATES = Endpoint("GET", "/sapi/v1/margin/interestRateHistory", list[TextPastRateRow], priority=Priority.LAST)

MAX_ASSETS = 20
"""Maximum assets in one request for the next rates."""

_MAX_WINDOW = timedelta(days=30)
_RETENTION = timedelta(days=90)
_RATE_LOOKBACK = timedelta(hours=6)


class BinanceInterestSource:
    """Implementation of `exchange.port.InterestSource`."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock

    async def read_charges(self, scope: Scope, since: datetime, until: datetime) -> tuple[InterestCharge, ...]:
        """Return all charges of `scope` in the window, oldest first, each once. The exchange keeps 90 days."""
        found: dict[tuple[int, datetime, str, str], InterestCharge] = {}
        earliest = max(since, self._clock.now() - _RETENTION)
        if earliest > until:
            return ()
        for start, end in split_window(earliest, until, _MAX_WINDOW):

            async def read(number: int, start: datetime = start, end: datetime = end) -> Page[InterestCharge]:
                parameters = {
                    "isolatedSymbol": scope.symbol or None,
                    "startTime": to_milliseconds(start),
                    "endTime": to_milliseconds(end),
                    "current": number,
                    "size": PAGE_SIZE,
                }
                return await self._transport.fetch(
                    INTEREST_HISTORY, parameters, lambda page, _: _parse_charges(page, scope)
                )

            async for charge in iterate_pages(read):
                found[charge.tx_id, charge.charged_at, charge.asset, charge.kind] = charge
        return tuple(sorted(found.values(), key=lambda charge: (charge.charged_at, charge.tx_id, charge.asset)))

    async def read_rates(self) -> Mapping[str, Decimal]:
        """Return the cross rates in force for this user, as fractions an hour, by asset."""
        return await self._transport.fetch(
            CROSS_RATES, None, lambda rows, answer: _parse_hourly_rates(rows, answer.rejected_rows)
        )

    async def read_next_rates(self, assets: Sequence[str], *, isolated: bool) -> Mapping[str, Decimal]:
        """Return the next hour's rates, as fractions an hour; assets that the exchange omits are missing."""
        found: dict[str, Decimal] = {}
        for start in range(0, len(assets), MAX_ASSETS):
            parameters: Parameters = {
                "assets": ",".join(assets[start : start + MAX_ASSETS]),
                "isIsolated": "TRUE" if isolated else "FALSE",
            }
            found.update(
                await self._transport.fetch(
                    NEXT_RATES, parameters, lambda rows, answer: _parse_next_rates(rows, answer.rejected_rows)
                )
            )
        return found

    async def read_rate_at(self, asset: str, at: datetime) -> Decimal | None:
        """Return the cross rate in force at `at`, as a fraction an hour; None when the exchange gives none."""
        parameters: Parameters = {
            "asset": asset,
            "startTime": to_milliseconds(at - _RATE_LOOKBACK),
            "endTime": to_milliseconds(at),
        }
        return await self._transport.fetch(PAST_RATES, parameters, lambda rows, _: _newest_rate(rows, asset, at))


def _parse_charges(page: TextInterestPage, scope: Scope) -> Page[InterestCharge]:
    for row in page.rows:
        if row.isolated_symbol and row.isolated_symbol != scope.symbol:
            raise ImplausibleValue(f"a charge of {row.isolated_symbol} among those of {scope}")
    return Page([histories.parse_interest_charge(row, scope) for row in page.rows], len(page.rows), page.total)


def _parse_hourly_rates(rows: Iterable[TextCrossRateRow], rejected_rows: list[RejectedRow]) -> Mapping[str, Decimal]:
    daily = _parse_rates(((row.coin, row.daily_interest, "dailyInterest") for row in rows), rejected_rows)
    return {asset: hourly_from_daily(rate) for asset, rate in daily.items()}


def _parse_next_rates(rows: Iterable[TextNextRateRow], rejected_rows: list[RejectedRow]) -> Mapping[str, Decimal]:
    return _parse_rates(
        ((row.asset, row.next_hourly_interest_rate, "nextHourlyInterestRate") for row in rows), rejected_rows
    )


def _parse_rates(rows: Iterable[tuple[str, str, str]], rejected_rows: list[RejectedRow]) -> Mapping[str, Decimal]:
    """Return the rates by asset; invalid ones are added to `rejected_rows`."""
    found: dict[str, Decimal] = {}
    for asset, text, field in rows:
        try:
            found[asset] = _parse_rate(text, f"{asset}.{field}")
        except ImplausibleValue as why:
            rejected_rows.append(RejectedRow(asset, str(why)))
    return found


def _newest_rate(rows: Iterable[TextPastRateRow], asset: str, at: datetime) -> Decimal | None:
    rates = [
        (parse_time(row.timestamp, "timestamp"), row.daily_interest_rate)
        for row in rows
        if row.asset == asset and parse_time(row.timestamp, "timestamp") <= at
    ]
    return hourly_from_daily(_parse_rate(max(rates)[1], f"{asset}.dailyInterestRate")) if rates else None


def _parse_rate(text: str, field: str) -> Decimal:
    """Return a rate as a fraction of the debt. Raises Implausible above 1: that would be another unit."""
    rate = parse_amount(text, field)
    if rate > 1:
        raise ImplausibleValue(f"{field} is absurd: {text[:40]}")
    return rate

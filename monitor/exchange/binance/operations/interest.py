"""Interest reads: charges made, rates in force, of the next hour and of the past."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from monitor.clock import Clock
from monitor.core.margin.interest import hourly_from_daily
from monitor.core.model.account import InterestCharge, Scope
from monitor.exchange.binance.api.accounts import get_margin_fee
from monitor.exchange.binance.api.history import HistoryReader
from monitor.exchange.binance.api.loans import (
    INTEREST_RETENTION,
    get_margin_interest_history,
    get_margin_interest_rate_history,
    get_margin_next_hourly_interest_rate,
)
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate.histories import parse_interest_charge
from monitor.exchange.binance.wire.loans import DailyRateRow, InterestRow, NextHourlyRateRow
from monitor.exchange.binance.wire.market_data import CrossInterestRow
from monitor.exchange.binance.wire.numbers import ImplausibleValue
from monitor.exchange.binance.wire.plain_values import to_decimal
from monitor.exchange.binance.wire.row_decoding import RejectedRow

MAX_ASSETS = 20
"""Maximum assets in one request for the next rates."""

_RATE_LOOKBACK = timedelta(hours=6)


class BinanceInterestSource:
    """Implementation of `exchange.port.InterestSource`."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock

    async def read_charges(self, scope: Scope, since: datetime, until: datetime) -> tuple[InterestCharge, ...]:
        """Return all charges of `scope` in the window, oldest first, each once. The exchange keeps 90 days."""
        earliest = max(since, self._clock.now() - INTEREST_RETENTION)
        given = {"isolatedSymbol": scope.symbol or None}

        def check(row: InterestRow) -> None:
            if row.isolated_symbol and row.isolated_symbol != scope.symbol:
                raise ImplausibleValue(f"a charge of {row.isolated_symbol} among those of {scope}")

        walk = HistoryReader(self._transport, get_margin_interest_history, given, earliest, until, check=check)
        return tuple([parse_interest_charge(row, scope) async for row in walk])

    async def read_rates(self) -> Mapping[str, Decimal]:
        """Return the cross rates in force for this user, as fractions an hour, by asset."""
        return await get_margin_fee.with_answer(list[CrossInterestRow]).fetch(self._transport, _parse_hourly_rates)

    async def read_next_rates(self, assets: Sequence[str], *, isolated: bool) -> Mapping[str, Decimal]:
        """Return the next hour's rates, as fractions an hour; assets that the exchange omits are missing."""
        found: dict[str, Decimal] = {}
        for start in range(0, len(assets), MAX_ASSETS):
            some = assets[start : start + MAX_ASSETS]
            found.update(
                await get_margin_next_hourly_interest_rate.fetch(
                    self._transport, _parse_next_rates, assets=some, is_isolated=isolated
                )
            )
        return found

    async def read_rate_at(self, asset: str, at: datetime) -> Decimal | None:
        """Return the cross rate in force at `at`, as a fraction an hour; None when the exchange gives none."""
        return await get_margin_interest_rate_history.fetch(
            self._transport,
            lambda rows, _: _newest_rate(rows, asset, at),
            asset=asset,
            start_time=at - _RATE_LOOKBACK,
            end_time=at,
        )


def _parse_hourly_rates(rows: Iterable[CrossInterestRow], answer: ApiResponse) -> Mapping[str, Decimal]:
    daily = _parse_rates(((row.coin, row.daily_interest, "dailyInterest") for row in rows), answer.rejected_rows)
    return {asset: hourly_from_daily(rate) for asset, rate in daily.items()}


def _parse_next_rates(rows: Iterable[NextHourlyRateRow], answer: ApiResponse) -> Mapping[str, Decimal]:
    return _parse_rates(
        ((row.asset, row.next_hourly_interest_rate, "nextHourlyInterestRate") for row in rows), answer.rejected_rows
    )


def _parse_rates(rows: Iterable[tuple[str, Decimal, str]], rejected_rows: list[RejectedRow]) -> Mapping[str, Decimal]:
    """Return the rates by asset; invalid ones are added to `rejected_rows`."""
    found: dict[str, Decimal] = {}
    for asset, rate, field in rows:
        try:
            found[asset] = _parse_rate(rate, f"{asset}.{field}")
        except ImplausibleValue as why:
            rejected_rows.append(RejectedRow(asset, str(why)))
    return found


def _newest_rate(rows: Iterable[DailyRateRow], asset: str, at: datetime) -> Decimal | None:
    rates = [(row.timestamp, row.daily_interest_rate) for row in rows if row.asset == asset and row.timestamp <= at]
    return hourly_from_daily(_parse_rate(max(rates)[1], f"{asset}.dailyInterestRate")) if rates else None


def _parse_rate(rate: Decimal, field: str) -> Decimal:
    """Return a rate as a fraction of the debt. Raises Implausible above 1: that would be another unit."""
    if rate > 1:
        raise ImplausibleValue(f"{field} is absurd: {str(rate)[:40]}")
    return to_decimal(rate)

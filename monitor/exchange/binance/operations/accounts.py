"""Reads of the margin accounts: cross and isolated snapshots, thresholds, tiers."""

from dataclasses import replace

from monitor.core.model.account import CrossSnapshot, IsolatedSnapshot, LeverageTier, Thresholds
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate import accounts, reference_data
from monitor.exchange.binance.translate.accounts import ListedAssets
from monitor.exchange.binance.wire.accounts_text import (
    TextCrossAccount,
    TextIsolatedAccount,
    TextThresholds,
    TextTierRow,
)

CROSS = Endpoint(
    "GET", "/sapi/v1/margin/account", TextCrossAccount, weight=10, priority=Priority.FIRST, rows="userAssets"
)
ISOLATED = Endpoint(
    "GET", "/sapi/v1/margin/isolated/account", TextIsolatedAccount, weight=10, priority=Priority.FIRST, rows="assets"
)
TRADE_COEFF = Endpoint("GET", "/sapi/v1/margin/tradeCoeff", TextThresholds, weight=10, priority=Priority.LAST)
TIERS = Endpoint("GET", "/sapi/v1/margin/isolatedMarginTier", list[TextTierRow], priority=Priority.LAST)


async def read_cross(transport: Transport, previous: ListedAssets) -> tuple[CrossSnapshot, float, ListedAssets]:
    """Return the cross account, its request's time (elapsed_s), and the assets that an answer soon after must list."""

    def translated(account: TextCrossAccount, answer: ApiResponse) -> tuple[CrossSnapshot, float, ListedAssets]:
        snapshot = accounts.parse_cross_snapshot(
            account,
            as_of=answer.as_of,
            received_at=answer.received_at,
            previous=previous,
            rejected_rows=answer.rejected_rows,
        )
        snapshot = replace(snapshot, answered_at=answer.received_at)
        return snapshot, answer.sent_s, ListedAssets(len(account.user_assets), frozenset(snapshot.balances))

    return await transport.fetch(CROSS, None, translated)


async def read_isolated(transport: Transport) -> tuple[IsolatedSnapshot, float]:
    """Return every isolated pair that was ever created, and the request's time (elapsed_s)."""

    def translated(account: TextIsolatedAccount, answer: ApiResponse) -> tuple[IsolatedSnapshot, float]:
        snapshot = accounts.parse_isolated_snapshot(
            account, as_of=answer.as_of, received_at=answer.received_at, rejected_rows=answer.rejected_rows
        )
        return replace(snapshot, answered_at=answer.received_at), answer.sent_s

    return await transport.fetch(ISOLATED, None, translated)


async def read_thresholds(transport: Transport) -> Thresholds:
    """Return the cross account's own thresholds."""
    return await transport.fetch(
        TRADE_COEFF, None, lambda coefficients, _: reference_data.parse_thresholds(coefficients)
    )


async def read_tiers(transport: Transport, symbol: str) -> tuple[LeverageTier, ...]:
    """Return the leverage tiers of one isolated pair."""
    return await transport.fetch(TIERS, {"symbol": symbol}, lambda rows, _: reference_data.parse_tiers(rows, symbol))

"""Reads of the margin accounts: cross and isolated snapshots, thresholds, tiers."""

from dataclasses import replace

from monitor.core.model.account import CrossSnapshot, IsolatedSnapshot, LeverageTier, Thresholds
from monitor.exchange.binance.api.accounts import (
    get_isolated_margin_account,
    get_isolated_margin_tier,
    get_margin_account,
    get_margin_trade_coeff,
)
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate import accounts, reference_data
from monitor.exchange.binance.translate.accounts import ListedAssets
from monitor.exchange.binance.wire.accounts import CrossAccountPayload, IsolatedAccountPayload, TierRatiosRow


async def read_cross(transport: Transport, previous: ListedAssets) -> tuple[CrossSnapshot, float, ListedAssets]:
    """Return the cross account, its request's time (elapsed_s), and the assets that an answer soon after must list."""

    def translated(account: CrossAccountPayload, answer: ApiResponse) -> tuple[CrossSnapshot, float, ListedAssets]:
        snapshot = accounts.parse_cross_snapshot(
            account,
            as_of=answer.as_of,
            received_at=answer.received_at,
            previous=previous,
            rejected_rows=answer.rejected_rows,
        )
        snapshot = replace(snapshot, answered_at=answer.received_at)
        return snapshot, answer.sent_s, ListedAssets(len(account.user_assets), frozenset(snapshot.balances))

    return await get_margin_account.fetch(transport, translated)


async def read_isolated(transport: Transport) -> tuple[IsolatedSnapshot, float]:
    """Return every isolated pair that was ever created, and the request's time (elapsed_s)."""

    def translated(account: IsolatedAccountPayload, answer: ApiResponse) -> tuple[IsolatedSnapshot, float]:
        snapshot = accounts.parse_isolated_snapshot(
            account, as_of=answer.as_of, received_at=answer.received_at, rejected_rows=answer.rejected_rows
        )
        return replace(snapshot, answered_at=answer.received_at), answer.sent_s

    return await get_isolated_margin_account.fetch(transport, translated)


async def read_thresholds(transport: Transport) -> Thresholds:
    """Return the cross account's own thresholds."""
    return await get_margin_trade_coeff.fetch(transport, lambda answer, _: reference_data.parse_thresholds(answer))


async def read_tiers(transport: Transport, symbol: str) -> tuple[LeverageTier, ...]:
    """Return the leverage tiers of one isolated pair."""
    return await get_isolated_margin_tier.with_answer(list[TierRatiosRow]).fetch(
        transport, lambda rows, _: reference_data.parse_tiers(rows, symbol), symbol=symbol
    )

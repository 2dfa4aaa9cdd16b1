"""The margin accounts themselves: cross, isolated, their bars and tiers."""

from dataclasses import replace

from monitor.core.model.account import Bars, CrossSnapshot, IsolatedSnapshot, Tier
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import Answer
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate import accounts, reference_data
from monitor.exchange.binance.translate.accounts import Listing
from monitor.exchange.binance.wire.accounts_text import CrossAccount, IsolatedAccount, TierRow, TradeCoeff

CROSS = Endpoint("GET", "/sapi/v1/margin/account", CrossAccount, weight=10, priority=Priority.FIRST, rows="userAssets")
ISOLATED = Endpoint(
    "GET", "/sapi/v1/margin/isolated/account", IsolatedAccount, weight=10, priority=Priority.FIRST, rows="assets"
)
TRADE_COEFF = Endpoint("GET", "/sapi/v1/margin/tradeCoeff", TradeCoeff, weight=10, priority=Priority.LAST)
TIERS = Endpoint("GET", "/sapi/v1/margin/isolatedMarginTier", list[TierRow], priority=Priority.LAST)


async def read_cross(transport: Transport, last: Listing) -> tuple[CrossSnapshot, float, Listing]:
    """The cross account, when it was asked for (elapsed_s), and what the next answer must have when it comes soon."""

    def translated(account: CrossAccount, answer: Answer) -> tuple[CrossSnapshot, float, Listing]:
        snapshot = accounts.cross_snapshot(
            account, as_of=answer.as_of, received_at=answer.received_at, last=last, odd=answer.odd
        )
        snapshot = replace(snapshot, answered_at=answer.received_at)
        return snapshot, answer.sent_s, Listing(len(account.user_assets), frozenset(snapshot.balances))

    return await transport.fetch(CROSS, None, translated)


async def read_isolated(transport: Transport) -> tuple[IsolatedSnapshot, float]:
    """Every isolated pair that was ever created, and when they were asked for (elapsed_s)."""

    def translated(account: IsolatedAccount, answer: Answer) -> tuple[IsolatedSnapshot, float]:
        snapshot = accounts.isolated_snapshot(
            account, as_of=answer.as_of, received_at=answer.received_at, odd=answer.odd
        )
        return replace(snapshot, answered_at=answer.received_at), answer.sent_s

    return await transport.fetch(ISOLATED, None, translated)


async def read_bars(transport: Transport) -> Bars:
    """The cross account's own bars."""
    return await transport.fetch(TRADE_COEFF, None, lambda coefficients, _: reference_data.bars(coefficients))


async def read_tiers(transport: Transport, symbol: str) -> tuple[Tier, ...]:
    """The leverage tiers of one isolated pair."""
    return await transport.fetch(TIERS, {"symbol": symbol}, lambda rows, _: reference_data.tiers(rows, symbol))

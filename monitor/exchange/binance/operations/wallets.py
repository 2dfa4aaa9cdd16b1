"""Reads of the spot and funding wallets."""

from collections.abc import Iterable

from monitor.core.model.account import WalletBalances
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.api.wallets import get_funding_assets, get_user_assets
from monitor.exchange.binance.translate import reference_data
from monitor.exchange.binance.wire.wallets import WalletFreeRow


async def read_spot_wallet(transport: Transport) -> WalletBalances:
    """Return the free amounts of the spot wallet. A POST by the exchange's choice, at a quarter of its GET's weight."""
    return await get_user_assets.with_answer(list[WalletFreeRow]).fetch(transport, _parse_wallet)


async def read_funding_wallet(transport: Transport) -> WalletBalances:
    """Return the free amounts of the funding wallet. A POST by the exchange's choice; it changes nothing."""
    return await get_funding_assets.with_answer(list[WalletFreeRow]).fetch(transport, _parse_wallet)


def _parse_wallet(rows: Iterable[WalletFreeRow], answer: ApiResponse) -> WalletBalances:
    return reference_data.parse_wallet(rows, as_of=answer.as_of)

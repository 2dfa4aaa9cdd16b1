"""Reads of the spot and funding wallets."""

from monitor.core.model.account import WalletBalances
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import ApiResponse
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate import reference_data
from monitor.exchange.binance.wire.accounts_text import TextWalletRow
from monitor.exchange.binance.wire.row_decoding import WHOLE_ANSWER

SPOT_ASSETS = Endpoint("POST", "/sapi/v3/asset/getUserAsset", list[TextWalletRow], weight=5, rows=WHOLE_ANSWER)
FUNDING_ASSETS = Endpoint("POST", "/sapi/v1/asset/get-funding-asset", list[TextWalletRow], rows=WHOLE_ANSWER)


async def read_spot_wallet(transport: Transport) -> WalletBalances:
    """Return the free amounts of the spot wallet. A POST by the exchange's choice, at a quarter of its GET's weight."""
    return await transport.fetch(SPOT_ASSETS, None, _parse_wallet)


async def read_funding_wallet(transport: Transport) -> WalletBalances:
    """Return the free amounts of the funding wallet. A POST by the exchange's choice; it changes nothing."""
    return await transport.fetch(FUNDING_ASSETS, None, _parse_wallet)


def _parse_wallet(rows: list[TextWalletRow], answer: ApiResponse) -> WalletBalances:
    return reference_data.parse_wallet(rows, as_of=answer.as_of, rejected_rows=answer.rejected_rows)

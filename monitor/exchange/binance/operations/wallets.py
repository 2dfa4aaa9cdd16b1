"""The wallets outside margin."""

from monitor.core.model.account import Wallet
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.response import Answer
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.translate import reference_data
from monitor.exchange.binance.wire.accounts_text import WalletRow
from monitor.exchange.binance.wire.row_decoding import WHOLE

SPOT = Endpoint("POST", "/sapi/v3/asset/getUserAsset", list[WalletRow], weight=5, rows=WHOLE)
FUNDING = Endpoint("POST", "/sapi/v1/asset/get-funding-asset", list[WalletRow], rows=WHOLE)


async def read_spot(transport: Transport) -> Wallet:
    """The free amounts of the spot wallet. A POST by the venue's choice too, at a quarter of what its GET costs."""
    return await transport.fetch(SPOT, None, _wallet)


async def read_funding(transport: Transport) -> Wallet:
    """The free amounts of the funding wallet. A POST by the venue's choice; it changes nothing."""
    return await transport.fetch(FUNDING, None, _wallet)


def _wallet(rows: list[WalletRow], answer: Answer) -> Wallet:
    return reference_data.wallet(rows, as_of=answer.as_of, odd=answer.odd)

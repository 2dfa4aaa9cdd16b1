"""The wallets outside margin."""

from monitor.core.account import Wallet
from monitor.exchange.binance.client.endpoint import Endpoint
from monitor.exchange.binance.client.transport import Transport
from monitor.exchange.binance.translate import references
from monitor.exchange.binance.wire.account import FundingRow, SpotAccount

SPOT = Endpoint("GET", "/api/v3/account", SpotAccount, weight=20)
FUNDING = Endpoint("POST", "/sapi/v1/asset/get-funding-asset", list[FundingRow])


async def read_spot(transport: Transport) -> Wallet:
    """The free amounts of the spot wallet."""
    return await transport.fetch(
        SPOT,
        {"omitZeroBalances": "true"},
        lambda account, answer: references.wallet(account.balances, as_of=answer.as_of),
    )


async def read_funding(transport: Transport) -> Wallet:
    """The free amounts of the funding wallet. A POST by the venue's choice; it changes nothing."""
    return await transport.fetch(FUNDING, None, lambda rows, answer: references.wallet(rows, as_of=answer.as_of))

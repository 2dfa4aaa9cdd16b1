"""Reads of an API key: its permissions and the user it belongs to."""

from monitor.core.model.account import KeyPermissions
from monitor.exchange.binance.api.accounts import get_api_restrictions
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.api.wallets import get_spot_account
from monitor.exchange.binance.translate import reference_data
from monitor.exchange.binance.wire.wallets import SpotOwnerPayload


async def read_permissions(transport: Transport) -> KeyPermissions:
    """Return the permissions of the key."""
    return await get_api_restrictions.fetch(transport, lambda answer, _: reference_data.parse_permissions(answer))


async def read_user_id(transport: Transport) -> int:
    """Return the exchange's number of the key's user. Raises PayloadRejected where none is given."""
    return await get_spot_account.with_answer(SpotOwnerPayload).fetch(
        transport, lambda answer, _: reference_data.parse_user_id(answer), omit_zero_balances=True
    )

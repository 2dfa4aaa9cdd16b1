"""Reads of an API key: its permissions and the user it belongs to."""

from monitor.core.model.account import KeyPermissions
from monitor.exchange.binance.api.endpoint import Endpoint
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.rate_limits import Priority
from monitor.exchange.binance.translate import reference_data
from monitor.exchange.binance.wire.accounts_text import TextKeyPermissions, TextSpotAccount

RESTRICTIONS = Endpoint("GET", "/sapi/v1/account/apiRestrictions", TextKeyPermissions, priority=Priority.LAST)
SPOT_ACCOUNT = Endpoint("GET", "/api/v3/account", TextSpotAccount, weight=20, priority=Priority.LAST)


async def read_permissions(transport: Transport) -> KeyPermissions:
    """Return the permissions of the key."""
    return await transport.fetch(RESTRICTIONS, None, lambda answer, _: reference_data.parse_permissions(answer))


async def read_user_id(transport: Transport) -> int:
    """Return the exchange's number of the key's user. Raises PayloadRejected where none is given."""
    return await transport.fetch(
        SPOT_ACCOUNT, {"omitZeroBalances": "true"}, lambda answer, _: reference_data.parse_user_id(answer)
    )

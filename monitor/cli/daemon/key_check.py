"""Refusal of a configuration with an API key that the exchange refuses."""

import asyncio
import logging
from collections.abc import Container

from monitor.app.exchange import open_exchange
from monitor.clock import Clock
from monitor.config.model import Config
from monitor.errors import ExchangeError, KeyInvalid, KeyRefused

log = logging.getLogger(__name__)


async def refuse_bad_keys(config: Config, clock: Clock, excluded: Container[str] = ()) -> None:
    """Raise KeyRefused when the exchange refuses a key. An exchange that can't be reached is passed over.

    `excluded` are accounts whose keys are not checked.
    """
    names = [account.name for account in config.accounts if account.name not in excluded]
    refusals = await asyncio.gather(*(_check_key(config, name, clock) for name in names))
    for refusal in refusals:
        if refusal is not None:
            raise refusal


async def _check_key(config: Config, account: str, clock: Clock) -> KeyRefused | None:
    exchange = open_exchange(config, account, clock)
    try:
        await exchange.sync_clock()
        await exchange.read_key()
    except KeyInvalid as error:
        refused = KeyRefused(
            f"the exchange refuses the key ({error.message})",
            where=f'accounts "{account}"',
            mend="check the key, its secret, its IP restriction and its permissions on the exchange",
        )
        refused.__cause__ = error
        return refused
    except ExchangeError as error:
        log.warning("exchange.unreachable account=%s cause=%s", account, error)
    finally:
        await exchange.aclose()
    return None

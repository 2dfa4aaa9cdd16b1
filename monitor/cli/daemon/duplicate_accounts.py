"""Refusal of a configuration that names one exchange account twice."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

from monitor.app.exchange import open_exchange
from monitor.clock import Clock
from monitor.config.model import Config
from monitor.errors import ConfigError, ExchangeError, StoreError
from monitor.store.store import Store
from monitor.store.writes import account_owners

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 10.0
"""Timeout for a key's answer, in machine seconds."""


async def refuse_duplicate_accounts(config: Config, clock: Clock, store: Store) -> None:
    """Raise ConfigError where two accounts are the same account of the exchange.

    Recorded keys are not asked about again. A key without an answer is no reason to refuse: the daemon keeps asking,
    and sends no order before it knows.
    """
    if len(config.accounts) < 2:
        return
    known: Mapping[str, int] = {}
    with suppress(StoreError):
        known = await store.read(account_owners.read_known_owners)
    uids = await asyncio.gather(*(_read_uid(config, account.name, clock, known) for account in config.accounts))
    first: dict[int, str] = {}
    for account, uid in zip(config.accounts, uids, strict=True):
        if uid is None:
            continue
        if uid in first:
            raise duplicate_account_error(first[uid], account.name)
        first[uid] = account.name


def duplicate_account_error(first: str, second: str) -> ConfigError:
    """The error for two accounts that are the same."""
    return ConfigError(
        f'is the same account of the exchange as account "{first}"',
        where=f'accounts "{second}"',
        mend="take one of the two out of the configuration",
    )


async def _read_uid(config: Config, account: str, clock: Clock, known_owners: Mapping[str, int]) -> int | None:
    exchange = open_exchange(config, account, clock)
    try:
        if exchange.key_fingerprint in known_owners:
            return known_owners[exchange.key_fingerprint]
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await exchange.sync_clock()
            return await exchange.read_user_id()
    except (ExchangeError, TimeoutError) as error:
        log.warning("owner.unknown account=%s cause=%s", account, error)
        return None
    finally:
        await exchange.aclose()

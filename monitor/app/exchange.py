"""Exchange sessions of configured accounts."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.app.database import open_commands_if_any, open_reader
from monitor.clock import Clock
from monitor.config.credentials import AccountCredentials as KeySecrets
from monitor.config.credentials import resolve_account
from monitor.config.model import Config
from monitor.config.secrets import SecretRef
from monitor.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from monitor.exchange.binance.api.response import ApiCredentials
    from monitor.exchange.binance.binance_account import BinanceAccount
    from monitor.exchange.binance.rate_limits import WeightBudget
    from monitor.exchange.binance.shared_market import SharedMarket
    from monitor.exchange.port import Exchange


KEEPALIVE_INTERVALS = 3
"""Connections are kept for this many intervals of the slowest account read, so that a poll never reconnects."""


def read_keys_once(config: Config, name: str) -> Callable[[], KeySecrets]:
    """Return a function that reads the secrets of one account once: their files may vanish before its session ends."""
    return cache(partial(resolve_account, config, name))


def open_exchange(
    config: Config,
    name: str,
    clock: Clock,
    weight_budget: "WeightBudget | None" = None,
    secrets: Callable[[], KeySecrets] | None = None,
    shared_market: "SharedMarket | None" = None,
) -> "Exchange":
    """Return the exchange session of one account; no request is made yet. Raises ConfigError."""
    return open_binance_account(config, name, clock, weight_budget, secrets, shared_market)


def open_binance_account(
    config: Config,
    name: str,
    clock: Clock,
    weight_budget: "WeightBudget | None" = None,
    secrets: Callable[[], KeySecrets] | None = None,
    shared_market: "SharedMarket | None" = None,
) -> "BinanceAccount":
    """Return the exchange session of one account, with everything that Binance offers.

    Without `weight_budget` a ban in the database holds, and a new one is saved there. `secrets` are those of the
    account, if read before. `shared_market` is what all accounts of a daemon know of the market.
    """
    from monitor.exchange.binance.binance_account import BaseUrls
    from monitor.exchange.binance.factory import create_account

    account, exchange = config.account(name), config.exchange
    keys = resolve_account(config, name) if secrets is None else secrets()
    slowest = max(config.schedule.cross, config.schedule.isolated)
    return create_account(
        name=name,
        base_urls=BaseUrls(
            rest=exchange.rest_url,
            ws_api=exchange.ws_api_url,
            market_stream=exchange.market_stream_url,
            risk_stream=exchange.risk_stream_url,
            rest_fallbacks=exchange.rest_fallback_urls or (),
        ),
        credentials=signing_credentials(keys, account.private_key),
        action_credentials=None
        if keys.action is None
        else signing_credentials(keys.action, account.action_private_key),
        clock=clock,
        cross=account.cross,
        recv_window=exchange.recv_window,
        timeout_s=exchange.request_timeout.total_seconds(),
        keepalive_s=slowest.total_seconds() * KEEPALIVE_INTERVALS,
        proxy=exchange.proxy,
        ca_file=Path(exchange.ca_file) if exchange.ca_file else None,
        weight_budget=weight_budget if weight_budget is not None else load_weight_budget(config, clock),
        shared_market=shared_market,
    )


def name_address(config: Config) -> str:
    """Return the name under which a ban of this machine's address is recorded.

    Where daemons of several machines share the database it is the machine's, else any: the next holder may be a
    container that has another name, but not another address.
    """
    from monitor.store.writes.bans import ANY_ADDRESS

    return os.uname().nodename if config.storage.lease == "account" else ANY_ADDRESS


def save_ban(config: Config, until: datetime, noted_at: datetime) -> None:
    """Save a ban for later commands and the daemon; nothing is saved without a database."""
    from monitor.store.writes import bans

    with suppress(ConfigError, StoreError):
        store = open_commands_if_any(config)
        if store is not None:
            with store:
                store.execute(bans.save_ban, until, None, noted_at, name_address(config))


def load_weight_budget(config: Config, clock: Clock) -> "WeightBudget":
    """Return the weight budget of one command: a ban in the database holds, and a new one is saved there.

    A command with a single request works without a database too.
    """
    from monitor.exchange.binance.rate_limits import WeightBudget
    from monitor.store.writes import bans

    ban = None
    with suppress(ConfigError, StoreError), open_reader(config) as reader:
        ban = reader.read(bans.read_ban, name_address(config))
    known_s = None if ban is None else clock.elapsed_s() + ban.remaining(clock.now()).total_seconds()
    return WeightBudget(known_s, lambda until_s: save_ban(config, clock.moment_of(until_s), clock.now()))


def signing_credentials(keys: KeySecrets, private_key: SecretRef | None) -> "ApiCredentials":
    """Return the signing credentials. Raises ConfigError, naming `private_key`, for a key that can't sign."""
    from monitor.exchange.binance.api.response import ApiCredentials
    from monitor.exchange.binance.signing import HmacSigner

    if keys.api_secret is not None:
        return ApiCredentials(keys.api_key.reveal(), HmacSigner(keys.api_secret.reveal()))
    if keys.private_key_pem is None:
        raise ConfigError("neither api_secret nor private_key is given", where="accounts", mend="give one of them")
    passphrase = None if keys.passphrase is None else keys.passphrase.reveal()
    try:
        # Imported here because only a private key needs its megabytes.
        from monitor.exchange.binance.asymmetric_signing import private_key_signer

        signer = private_key_signer(keys.private_key_pem.reveal().encode(), passphrase)
    except ValueError as error:
        where = "" if private_key is None else private_key.where
        raise ConfigError(str(error), where=where, mend="check the key file and its passphrase") from error
    return ApiCredentials(keys.api_key.reveal(), signer)

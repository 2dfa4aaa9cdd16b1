"""From addresses and keys to an account that can be asked: what its parts share is made here."""

from datetime import timedelta
from pathlib import Path

import httpx

from monitor.clock import Clock
from monitor.errors import ConfigError
from monitor.exchange.binance.api.http import http_client, tls_context
from monitor.exchange.binance.api.response import Credentials
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.binance_account import BinanceAccount, Hosts
from monitor.exchange.binance.rate_limits import Usage
from monitor.exchange.binance.streams.websocket import Sockets


def connect(
    *,
    name: str,
    hosts: Hosts,
    credentials: Credentials,
    clock: Clock,
    cross: bool = True,
    recv_window: timedelta = timedelta(seconds=5),
    timeout_s: float = 10.0,
    keepalive_s: float = 180.0,
    proxy: str = "",
    ca_file: Path | None = None,
    action_credentials: Credentials | None = None,
    usage: Usage | None = None,
    sockets: Sockets | None = None,
    http_transport: httpx.AsyncBaseTransport | None = None,
) -> BinanceAccount:
    """An account ready for use; nothing is asked of the venue yet.

    `usage` is shared by all accounts behind one egress address. `action_credentials` alone move money where given.
    `sockets` and `http_transport` replace the network's settings.
    Raises ConfigError for a key that cannot be sent.
    """
    for pair in (credentials, action_credentials):
        if pair is not None and not (pair.api_key.isascii() and pair.api_key.isprintable() and " " not in pair.api_key):
            raise ConfigError(
                "the API key holds characters that no key has", where=f'accounts "{name}"', mend="copy it once more"
            )
    every = (hosts.rest, *hosts.rest_fallbacks, hosts.ws_api, hosts.market_stream, hosts.risk_stream)
    tls = tls_context(ca_file) if any(url.startswith(("https:", "wss:")) for url in every) else None
    http = http_client(timeout_s=timeout_s, keepalive_s=keepalive_s, proxy=proxy, tls=tls, transport=http_transport)
    shared = usage if usage is not None else Usage()

    def transport(used: Credentials) -> Transport:
        return Transport(
            account=name,
            hosts=(hosts.rest, *hosts.rest_fallbacks),
            credentials=used,
            http=http,
            clock=clock,
            usage=shared,
            recv_window=recv_window,
            timeout_s=timeout_s,
        )

    return BinanceAccount(
        name=name,
        hosts=hosts,
        cross=cross,
        reading=transport(credentials),
        acting=None if action_credentials is None else transport(action_credentials),
        http=http,
        sockets=sockets if sockets is not None else Sockets(proxy=proxy or None, tls=tls),
        clock=clock,
        usage=shared,
        key_mark=credentials.mark,
    )

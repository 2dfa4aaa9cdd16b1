"""A Binance account made of addresses and keys; its transports share one HTTP client and weight budget."""

from datetime import timedelta
from pathlib import Path

import httpx

from monitor.clock import Clock
from monitor.errors import ConfigError
from monitor.exchange.binance.api.http import http_client, tls_context
from monitor.exchange.binance.api.response import ApiCredentials
from monitor.exchange.binance.api.transport import Transport
from monitor.exchange.binance.binance_account import BaseUrls, BinanceAccount
from monitor.exchange.binance.rate_limits import WeightBudget
from monitor.exchange.binance.shared_market import SharedMarket
from monitor.exchange.binance.streams.websocket import ConnectionGate, WebSocketFactory


def create_account(
    *,
    name: str,
    base_urls: BaseUrls,
    credentials: ApiCredentials,
    clock: Clock,
    cross: bool = True,
    recv_window: timedelta = timedelta(seconds=5),
    timeout_s: float = 10.0,
    keepalive_s: float = 180.0,
    proxy: str = "",
    ca_file: Path | None = None,
    action_credentials: ApiCredentials | None = None,
    weight_budget: WeightBudget | None = None,
    shared_market: SharedMarket | None = None,
    websockets: WebSocketFactory | None = None,
    http_transport: httpx.AsyncBaseTransport | None = None,
) -> BinanceAccount:
    """Create an account ready for use; no request is sent yet.

    `weight_budget` is shared by all accounts behind one egress address, `shared_market` by those of one process.
    `action_credentials` alone move money where given. `websockets` and `http_transport` replace the network's settings.
    Raises ConfigError for a key that cannot be sent.
    """
    for pair in (credentials, action_credentials):
        if pair is not None and not (pair.api_key.isascii() and pair.api_key.isprintable() and " " not in pair.api_key):
            raise ConfigError(
                "the API key holds characters that no key has", where=f'accounts "{name}"', mend="copy it once more"
            )
    every = (
        base_urls.rest,
        *base_urls.rest_fallbacks,
        base_urls.ws_api,
        base_urls.market_stream,
        base_urls.risk_stream,
    )
    tls = tls_context(ca_file) if any(url.startswith(("https:", "wss:")) for url in every) else None
    http = http_client(timeout_s=timeout_s, keepalive_s=keepalive_s, proxy=proxy, tls=tls, transport=http_transport)
    budget = weight_budget if weight_budget is not None else WeightBudget()
    market = shared_market if shared_market is not None else SharedMarket(clock)
    sockets = (
        websockets
        if websockets is not None
        else WebSocketFactory(proxy=proxy or None, tls=tls, gate=ConnectionGate(budget, clock))
    )

    def transport(used: ApiCredentials) -> Transport:
        return Transport(
            account=name,
            hosts=(base_urls.rest, *base_urls.rest_fallbacks),
            credentials=used,
            http=http,
            clock=clock,
            weight_budget=budget,
            recv_window=recv_window,
            timeout_s=timeout_s,
            shared_answers=market.answers,
            clock_checks=market.clock_checks,
        )

    return BinanceAccount(
        name=name,
        base_urls=base_urls,
        cross=cross,
        read_transport=transport(credentials),
        action_transport=None if action_credentials is None else transport(action_credentials),
        http=http,
        websockets=sockets,
        market_feed=market.feed(base_urls.market_stream, sockets),
        shared_answers=market.answers,
        clock=clock,
        weight_budget=budget,
        key_fingerprint=credentials.fingerprint,
    )

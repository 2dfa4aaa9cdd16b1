"""The configuration of the pages whose secrets are credentials, before the exchange of a test, with these secrets."""

from collections.abc import Mapping

from monitor.sandbox.server import SandboxInfo
from tests.docs.pages import blocks
from tests.support.sinks import HttpSink


def documented_setup(ready: SandboxInfo, phone: HttpSink) -> tuple[str, Mapping[str, str]]:
    """Return the text of the configuration, and the secrets that it names."""
    (text,) = (block.text for block in blocks("toml") if 'api_key = "credential:binance-key"' in block.text)
    exchange = f"""\
[exchange]
rest_url = "{ready.rest_url}"
ws_api_url = "{ready.ws_api_url}"
market_stream_url = "{ready.market_stream_url}"
risk_stream_url = "{ready.risk_stream_url}"

"""
    (account,) = ready.accounts
    secrets = {
        "binance-key": account["api_key"],
        "binance-secret": account["api_secret"],
        "phone-url": f"json://{phone.url.partition('://')[2]}",
    }
    return exchange + text, secrets

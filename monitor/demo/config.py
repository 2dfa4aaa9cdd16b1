"""The configuration file of a demo run: as a user would write it, with the sandbox's addresses."""

from pathlib import Path

from monitor.sandbox.server import SandboxInfo

_ACTION_TABLES = """
# What the guarded run may do, and no more.
[[actions]]
name = "repay-idle"
kind = "repay"
mode = "live"
asset = "USDT"
target = "margin_level >= initial_level * 1.05"
max_amount = "20000"
max_per_day = "60000"
cooldown = "1m"
max_data_age = "2m"        # a second of this machine

[[actions]]
name = "top-up-and-repay"
kind = "transfer_in"
mode = "live"
asset = "USDT"
source = ["spot"]
target = "margin_level >= initial_level * 1.05"
max_amount = "40000"
max_per_day = "80000"
cooldown = "1m"
max_data_age = "2m"

[[rules]]
name = "near-call"
scope = "cross"
ladder = "level"
when = "margin_level < (initial_level + margin_call_level) / 2"
clear = "margin_level > initial_level"
severity = "critical"
repeat = "5m"
actions = ["repay-idle", "top-up-and-repay"]
"""


def write_config(folder: Path, ready: SandboxInfo, webhook: str, *, guarded: bool, page_token: str = "") -> Path:
    """Write the config file of one run to `folder`, readable by its owner alone; returns its path.

    With `page_token` the page is served at a free port of loopback.
    """
    account = ready.accounts[0]
    text = f"""# A demo: the exchange is the sandbox on this machine.
[storage]
url = "sqlite:///{folder / "margin-monitor.db"}"

[exchange]
rest_url = "{ready.rest_url}"
ws_api_url = "{ready.ws_api_url}"
market_stream_url = "{ready.market_stream_url}"
risk_stream_url = "{ready.risk_stream_url}"

[schedule]
near_liquidation = "10s"    # two cores are enough for a crash of 72 minutes in 40 seconds
liquidations = "1m"


[[accounts]]
name = "{account["name"]}"
api_key = "{account["api_key"]}"
api_secret = "{account["api_secret"]}"

[[channels]]
name = "phone"
webhook = "{webhook}"
"""
    path = folder / "config.toml"
    path.touch(mode=0o600)
    http = f'listen = "127.0.0.1:0"\ntoken = "{page_token}"' if page_token else 'listen = ""'
    path.write_text(text + f"\n[http]\n{http}\n" + (_ACTION_TABLES if guarded else ""), encoding="utf-8")
    return path

"""The configuration file that `init` writes."""

from dataclasses import dataclass

from monitor.config.effective_config import toml_value
from monitor.errors import UsageError


@dataclass(frozen=True, slots=True)
class InitAnswers:
    """Answers to the questions of `init`. Secrets are references or the values themselves; `isolated` None is all
    pairs."""

    account: str
    api_key: str
    api_secret: str
    private_key: str
    isolated: tuple[str, ...] | None
    channels: tuple[tuple[str, str], ...]
    rest_url: str
    passphrase: str = ""


def config_text(answers: InitAnswers) -> str:
    """The TOML text. Absent keys have their default; nothing in the file moves money."""
    parts = [_HEAD]
    if answers.rest_url:
        parts.append(_EXCHANGE.format(rest_url=toml_value(answers.rest_url)))
    parts.append(_account(answers))
    parts += [_CHANNEL.format(name=toml_value(name), url=toml_value(url)) for name, url in answers.channels]
    if not answers.channels:
        parts.append(_NO_CHANNEL)
    parts.append(_TAIL)
    return "\n".join(parts)


def parse_pairs(text: str) -> tuple[str, ...] | None:
    """The isolated pairs that a person named; None for all."""
    word = text.strip().lower()
    if word == "all":
        return None
    return () if word == "none" else tuple(part.strip().upper() for part in text.split(",") if part.strip())


def parse_channel(text: str) -> tuple[str, str]:
    """Name and URL of a channel, given as NAME=URL."""
    name, equals, url = text.partition("=")
    if not equals or not name.strip() or not url.strip() or "://" in name:
        # The value may be a secret URL: it is not repeated.
        raise UsageError("--channel can't be read", mend="write --channel NAME=URL")
    return name.strip(), url.strip()


def _account(answers: InitAnswers) -> str:
    if answers.private_key:
        secret = f"private_key = {toml_value(answers.private_key)}"
        if answers.passphrase:
            secret += f"\nprivate_key_passphrase = {toml_value(answers.passphrase)}"
    else:
        secret = f"api_secret = {toml_value(answers.api_secret)}"
    isolated = '"all"' if answers.isolated is None else toml_value(answers.isolated)
    return f"""\
[[accounts]]
name = {toml_value(answers.account)}
# A key that may only read is enough to watch. Never give it withdrawals.
api_key = {toml_value(answers.api_key)}
{secret}
# Actions, should you want them one day, are sent with a second key that alone may move money:
# action_api_key = "file:action-key"
# action_api_secret = "file:action-secret"
cross = true
isolated = {isolated}    # "all", or a list such as ["BTCUSDT"]
"""


_HEAD = """\
# margin-monitor: accounts and channels. Check it with `margin-monitor check`.
# `margin-monitor config show` prints every key with the value in force.
"""

_EXCHANGE = """\
[exchange]
rest_url = {rest_url}
# Another exchange than the default has streams of its own: ws_api_url, market_stream_url, risk_stream_url.
"""

_CHANNEL = """\
[[channels]]
name = {name}
url = {url}    # any Apprise URL
"""

_NO_CHANNEL = """\
# Without a channel alerts reach nobody:
# [[channels]]
# name = "phone"
# url = "tgram://TOKEN/CHAT"
"""

_TAIL = """\
# The page is at http://127.0.0.1:9184 and shows everything; with a token it takes commands, too:
# [http]
# token = "file:http-token"    # openssl rand -hex 32 > http-token; chmod 600 http-token

# The default rules are on (default_rules = true). Rules of your own:
# [[rules]]
# name = "my-level"
# scope = "cross"
# when = "margin_level < 1.5"
# severity = "warning"
"""

"""Trials of answers before anything is written: the key against the exchange, the pairs against its account."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from monitor.app.exchange import open_exchange
from monitor.cli.account_checks import check_accounts
from monitor.cli.check_rows import CheckRow
from monitor.cli.config_template import InitAnswers, config_text
from monitor.clock import SystemClock
from monitor.config.loading import build_config
from monitor.config.model import Config
from monitor.errors import ExchangeError, UsageError


def build_trial(answers: InitAnswers, target: Path, environ: Mapping[str, str]) -> Config:
    """Return the configuration of these answers as if it were written. Raises ConfigError."""
    return build_config(config_text(answers).encode(), target, environ)


def try_key(config: Config) -> Sequence[CheckRow]:
    """Return the rows of `check` about the account, without those of checks that an earlier one made impossible."""
    rows = asyncio.run(check_accounts(config, offline=False))
    return [row for row in rows if row.result != "skipped"]


def check_pairs(config: Config, pairs: Sequence[str]) -> None:
    """Raise UsageError for a pair that the account does not have. Without an answer nothing is checked."""
    try:
        known = asyncio.run(_read_pairs(config))
    except ExchangeError:
        return
    lacking = [pair for pair in pairs if pair not in known]
    if lacking:
        has = f"it has {', '.join(known)}; answer some of these, or all" if known else "it has none: answer none or all"
        raise UsageError(f"the account has no isolated pair {', '.join(lacking)}", mend=has)


async def _read_pairs(config: Config) -> list[str]:
    exchange = open_exchange(config, config.accounts[0].name, SystemClock())
    try:
        return sorted((await exchange.read_isolated()).pairs)
    finally:
        await exchange.aclose()

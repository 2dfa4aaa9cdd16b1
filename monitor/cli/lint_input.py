"""Input of lint: the configuration, and the recorded state of the accounts."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal

from monitor.app.database import open_reader
from monitor.config import policies
from monitor.config.conflicts.conflict import WARNING
from monitor.config.conflicts.key_conflicts import find_conflicts
from monitor.config.credentials import resolve_database_url
from monitor.config.model import Config, sqlite_file
from monitor.config.schema import ChannelConfig
from monitor.config.simulation.portfolio import THRESHOLD_KEYS
from monitor.core.model.account import Thresholds
from monitor.errors import ConfigError, StoreError
from monitor.lint.channel_flaws import SILENT_KINDS
from monitor.lint.checks import run_checks
from monitor.lint.flaws import AccountCoverage, ChannelInfo, Flaw, LintInput
from monitor.store.readers.status import read_live_documents
from monitor.view.json_values import Document


def find_flaws(config: Config, *, offline: bool = False) -> tuple[Flaw, ...]:
    """Every flaw that lint finds; without a database, thresholds and debts are unknown to it.

    `offline`: a database on a server is not asked.
    """
    documents = _read_documents(config, offline)
    rules = {
        rule.name: rule for account in config.accounts for rule in policies.build_policy(config, account.name).rules
    }
    found = run_checks(
        LintInput(
            rules=tuple(rules.values()),
            actions=config.actions,
            channels=tuple(_channel_info(config, channel) for channel in config.channels),
            accounts=tuple(
                AccountCoverage(
                    account.name, account.cross, None if account.isolated == "all" else tuple(account.isolated)
                )
                for account in config.accounts
            ),
            default_rules=frozenset(rule.name for rule in config.rules if rule.is_shipped),
            has_heartbeat=config.heartbeat.url is not None,
            thresholds={
                scope: found for scope in ("cross", "isolated") if (found := tuple(_read_thresholds(documents, scope)))
            },
            pegged_assets=frozenset({*config.risk.stable_assets, *config.risk.pegs} - {"USDT"}),
            prices_usdt={**dict.fromkeys(config.risk.stable_assets, Decimal(1)), **dict(_prices(documents))},
            largest_debt_usdt=max(_debts(documents), default=None),
        )
    )
    return (*found, *find_conflict_flaws(config))


def find_conflict_flaws(config: Config) -> tuple[Flaw, ...]:
    """The conflicts between keys that hardly work together."""
    found = find_conflicts(config, WARNING)
    return tuple(
        Flaw("conflict", "warning", f"{conflict.location} {conflict.message}", conflict.mend) for conflict in found
    )


def _channel_info(config: Config, channel: ChannelConfig) -> ChannelInfo:
    kind = ""
    if channel.url is not None and channel.url.literal is not None:
        kind = channel.url.literal.reveal().partition("://")[0].lower()
    severities = policies.severities_by_channel(config)[channel.name]
    return ChannelInfo(channel.name, severities, channel.fallback, wakes=kind not in SILENT_KINDS)


def _read_documents(config: Config, offline: bool) -> list[Document]:
    try:
        if offline and sqlite_file(resolve_database_url(config).reveal()) is None:
            return []
        with open_reader(config) as store:
            return [json.loads(row.document) for row in store.read(read_live_documents)]
    except (ConfigError, StoreError):
        return []


def _scope_documents(documents: Iterable[Document], scope: str) -> Iterator[Document]:
    for document in documents:
        if scope == "isolated":
            yield from document["isolated"]
        elif document.get("cross") is not None:
            yield document["cross"]


def _read_thresholds(documents: Iterable[Document], scope: str) -> Iterator[Thresholds]:
    for found in _scope_documents(documents, scope):
        if all(found.get(name) is not None for name in THRESHOLD_KEYS):
            yield Thresholds(*(Decimal(found[name]) for name in THRESHOLD_KEYS))


def _prices(documents: Iterable[Document]) -> Iterator[tuple[str, Decimal]]:
    for found in _scope_documents(documents, "cross"):
        for row in found["balances"]:
            if row.get("price_usdt") is not None:
                yield row["asset"], Decimal(row["price_usdt"])


def _debts(documents: Iterable[Document]) -> Iterator[Decimal]:
    for found in _scope_documents(documents, "cross"):
        if found.get("liabilities_usdt") is not None:
            yield Decimal(found["liabilities_usdt"])

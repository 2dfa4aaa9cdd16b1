"""What lint looks at: the configuration, and of the accounts what is recorded."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal

from monitor.app.database import open_reader
from monitor.config import conflicts, policies
from monitor.config.credentials import resolve_url
from monitor.config.model import Config, sqlite_file
from monitor.config.schema import Channel
from monitor.config.simulation.portfolio import BAR_KEYS
from monitor.core.model.account import Bars
from monitor.errors import ConfigError, StoreError
from monitor.lint.channel_flaws import SILENT_KINDS
from monitor.lint.flaws import Ear, Flaw, Setup, Watched
from monitor.lint.lint import lint
from monitor.store.readers.status import read_live
from monitor.view.json_values import Document


def flaws_of(config: Config, *, offline: bool = False) -> tuple[Flaw, ...]:
    """Everything that lint finds; without a database it knows neither bars nor debts.

    `offline`: one that is no file is not asked.
    """
    documents = _recorded(config, offline)
    rules = {rule.name: rule for each in config.accounts for rule in policies.policy_of(config, each.name).rules}
    found = lint(
        Setup(
            rules=tuple(rules.values()),
            actions=config.actions,
            ears=tuple(_ear(config, channel) for channel in config.channels),
            watched=tuple(
                Watched(each.name, each.cross, None if each.isolated == "all" else tuple(each.isolated))
                for each in config.accounts
            ),
            shipped=frozenset(rule.name for rule in config.rules if rule.is_shipped),
            has_heartbeat=config.heartbeat.url is not None,
            bars={scope: found for scope in ("cross", "isolated") if (found := tuple(_bars(documents, scope)))},
            pegged=frozenset({*config.risk.stable_assets, *config.risk.pegs} - {"USDT"}),
            worth={**dict.fromkeys(config.risk.stable_assets, Decimal(1)), **dict(_prices(documents))},
            owed=max(_debts(documents), default=None),
        )
    )
    return (*found, *conflict_flaws(config))


def conflict_flaws(config: Config) -> tuple[Flaw, ...]:
    """The keys that hardly work beside each other."""
    found = conflicts.conflicts(config, conflicts.WARNING)
    return tuple(Flaw("conflict", "warning", f"{each.place} {each.what}", each.mend) for each in found)


def _ear(config: Config, channel: Channel) -> Ear:
    kind = ""
    if channel.url is not None and channel.url.literal is not None:
        kind = channel.url.literal.reveal().partition("://")[0].lower()
    severities = policies.hears(config)[channel.name]
    return Ear(channel.name, severities, channel.fallback, rings=kind not in SILENT_KINDS)


def _recorded(config: Config, offline: bool) -> list[Document]:
    try:
        if offline and sqlite_file(resolve_url(config).reveal()) is None:
            return []
        with open_reader(config) as store:
            return [json.loads(row.document) for row in store.read(read_live)]
    except (ConfigError, StoreError):
        return []


def _scopes(documents: Iterable[Document], scope: str) -> Iterator[Document]:
    for document in documents:
        if scope == "isolated":
            yield from document["isolated"]
        elif document.get("cross") is not None:
            yield document["cross"]


def _bars(documents: Iterable[Document], scope: str) -> Iterator[Bars]:
    for found in _scopes(documents, scope):
        if all(found.get(name) is not None for name in BAR_KEYS):
            yield Bars(*(Decimal(found[name]) for name in BAR_KEYS))


def _prices(documents: Iterable[Document]) -> Iterator[tuple[str, Decimal]]:
    for found in _scopes(documents, "cross"):
        for row in found["balances"]:
            if row.get("price_usdt") is not None:
                yield row["asset"], Decimal(row["price_usdt"])


def _debts(documents: Iterable[Document]) -> Iterator[Decimal]:
    for found in _scopes(documents, "cross"):
        if found.get("liabilities_usdt") is not None:
            yield Decimal(found["liabilities_usdt"])

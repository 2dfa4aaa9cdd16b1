"""Every rule in force with the number of its subjects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from monitor.app.documents.status import read_accounts
from monitor.config.model import Config
from monitor.core.model.alert import MetricScope
from monitor.core.rules.rule import Rule, rule_applies
from monitor.store.reads import Reads
from monitor.view.documents.types.account import AccountDocument
from monitor.view.documents.types.balances import BalanceDocument
from monitor.view.documents.types.rules import RuleDocument, RuleListDocument
from monitor.view.json_values import json_seconds

RuleSubject = tuple[str, MetricScope, str]
"""An account and one of its subjects: the subject of one possible alert."""


@dataclass(frozen=True, slots=True)
class RulesQuery:
    """The rules; subjects of an account without records are those that the configuration names."""

    config: Config

    def read(self, reads: Reads) -> RuleListDocument:
        return rule_list_document(self.config, read_accounts(reads))


def rule_list_document(config: Config, recorded: Mapping[str, AccountDocument]) -> RuleListDocument:
    """The rules of the configuration; `recorded` are the stored documents of its accounts, as far as there are any."""
    subjects = _find_subjects(config, recorded)
    return {"items": [_rule_document(rule, config, subjects) for rule in config.rules]}


def _rule_document(rule: Rule, config: Config, subjects: frozenset[RuleSubject]) -> RuleDocument:
    watched = [subject for subject in subjects if rule_applies(rule, *subject) and _applies_to(rule, subject, config)]
    channels = [channel.name for channel in config.channels] if rule.channels is None else list(rule.channels)
    return {
        "name": rule.name,
        "scope": rule.scopes[0] if len(rule.scopes) == 1 else list(rule.scopes),
        "when": rule.when.text,
        "clear": rule.clear.text if rule.clear is not None else f"not ({rule.when.text})",
        "for_s": json_seconds(rule.for_s),
        "severity": rule.severity,
        "channels": channels,
        "actions": list(rule.actions),
        "subjects": len(watched),
    }


def _applies_to(rule: Rule, subject: RuleSubject, config: Config) -> bool:
    """Return whether the rule's metrics apply to the subject: only an asset with a peg can leave it."""
    _, kind, asset = subject
    pegged = {*config.risk.stable_assets, *config.risk.pegs} - {"USDT"}
    return kind != "asset" or not {"peg_deviation", "peg_ratio"} & set(rule.metric_names) or asset in pegged


def _find_subjects(config: Config, recorded: Mapping[str, AccountDocument]) -> frozenset[RuleSubject]:
    """All subjects; those of an account without records come from the configuration."""
    subjects: set[RuleSubject] = set()
    for account in config.accounts:
        subjects |= {(account.name, "account", ""), (account.name, "monitor", "")}
        if account.name in recorded:
            subjects |= {(account.name, kind, name) for kind, name in _recorded_subjects(recorded[account.name])}
        else:
            pairs = () if account.isolated == "all" else account.isolated
            subjects |= {(account.name, "cross", "")} if account.cross else set()
            subjects |= {(account.name, "isolated", pair) for pair in pairs}
    return frozenset(subjects)


def _recorded_subjects(document: AccountDocument) -> Iterator[tuple[MetricScope, str]]:
    """Cross, the pairs that exist, and every asset held or owed in them."""
    rows: list[BalanceDocument] = []
    cross = document.get("cross")
    if cross is not None:
        yield "cross", ""
        rows += cross["balances"]
    for pair in document["isolated"]:
        if pair["state"] != "not_created":
            yield "isolated", pair["symbol"]
            rows += [side for side in (pair["base"], pair["quote"]) if side is not None]
    for row in rows:
        amounts = (row["free"], row["locked"], row["borrowed"], row["interest"])
        if any(amount.strip("0.") for amount in amounts):
            yield "asset", row["asset"]

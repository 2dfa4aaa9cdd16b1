"""`rules list`: every rule in force with the number of its subjects."""

import argparse
import json
from collections.abc import Iterator

from monitor.app.database import open_reader
from monitor.cli import config_option, output
from monitor.cli.parser import add_json
from monitor.config.model import Config
from monitor.core.model.alert import MetricScope
from monitor.core.numbers.durations import format_duration, from_seconds
from monitor.core.rules.rule import Rule, rule_applies
from monitor.errors import ExitCode, StoreError
from monitor.store.readers.status import read_live_documents
from monitor.view.json_values import Document, json_seconds
from monitor.view.terminal.table import SEVERITY_TONES, Cell

RuleSubject = tuple[str, MetricScope, str]
"""An account and one of its subjects: the subject of one possible alert."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser, lists=True)


def run(args: argparse.Namespace) -> int:
    config = config_option.read_config(args)
    places, is_recorded = _find_subjects(config)
    items = [_item(rule, config, places) for rule in config.rules]
    if output.wants_json_list(args):
        output.print_documents(args, items)
        return ExitCode.DONE
    headings = ("rule", "scope", "when", "for", "severity", "channels", "actions", "subjects")
    output.print_table(headings, [_row(rule, item) for rule, item in zip(config.rules, items, strict=True)], right=(7,))
    if not is_recorded:
        output.print_line("subjects are those that the configuration names, since nothing is recorded yet", "dim")
    return ExitCode.DONE


def _item(rule: Rule, config: Config, places: frozenset[RuleSubject]) -> Document:
    looked_at = [place for place in places if rule_applies(rule, *place) and _applies_to(rule, place, config)]
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
        "subjects": len(looked_at),
    }


def _applies_to(rule: Rule, place: RuleSubject, config: Config) -> bool:
    """Return whether the rule's metrics apply to the subject: only an asset with a peg can leave it."""
    _, kind, asset = place
    pegged = {*config.risk.stable_assets, *config.risk.pegs} - {"USDT"}
    return kind != "asset" or not {"peg_deviation", "peg_ratio"} & set(rule.metric_names) or asset in pegged


def _row(rule: Rule, item: Document) -> list[str | Cell]:
    return [
        Cell(rule.name, "strong"),
        ", ".join(rule.scopes),
        rule.when.text,
        format_duration(from_seconds(rule.for_s)) if rule.for_s else "",
        Cell(rule.severity, SEVERITY_TONES[rule.severity]),
        "all" if rule.channels is None else ", ".join(rule.channels),
        ", ".join(rule.actions),
        Cell(str(item["subjects"]), "" if item["subjects"] else "dim"),
    ]


def _find_subjects(config: Config) -> tuple[frozenset[RuleSubject], bool]:
    """All subjects, and whether any was recorded; those of an account without records come from the configuration."""
    try:
        with open_reader(config) as store:
            recorded = {row.account: json.loads(row.document) for row in store.read(read_live_documents)}
    except StoreError:
        # The rules are the configuration's; a database only adds their subjects.
        recorded = {}
    places: set[RuleSubject] = set()
    for account in config.accounts:
        places |= {(account.name, "account", ""), (account.name, "monitor", "")}
        if account.name in recorded:
            places |= {(account.name, kind, name) for kind, name in _recorded_subjects(recorded[account.name])}
        else:
            pairs = () if account.isolated == "all" else account.isolated
            places |= {(account.name, "cross", "")} if account.cross else set()
            places |= {(account.name, "isolated", pair) for pair in pairs}
    return frozenset(places), bool(recorded)


def _recorded_subjects(document: Document) -> Iterator[tuple[MetricScope, str]]:
    """Cross, the pairs that exist, and every asset held or owed in them."""
    rows = []
    if document.get("cross") is not None:
        yield "cross", ""
        rows += document["cross"]["balances"]
    for pair in document["isolated"]:
        if pair["state"] != "not_created":
            yield "isolated", pair["symbol"]
            rows += [side for side in (pair["base"], pair["quote"]) if side is not None]
    for row in rows:
        if any(row[amount].strip("0.") for amount in ("free", "locked", "borrowed", "interest")):
            yield "asset", row["asset"]

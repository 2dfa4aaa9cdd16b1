"""Documents held against their types: every field of its type, and no field beyond it."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from monitor.view.documents.types.actions import ActionDocument, ActionListDocument, AuditDocument, PauseDocument
from monitor.view.documents.types.alerts import (
    AlertDocument,
    AlertListDocument,
    DrillDocument,
    SilenceDocument,
    SilenceListDocument,
)
from monitor.view.documents.types.checks import (
    ChannelTestListDocument,
    CheckDocument,
    CompareDocument,
    ConfigDocument,
    DatabaseCheckDocument,
    DatabaseUpgradeDocument,
    ExchangeAnswer,
)
from monitor.view.documents.types.errors import ErrorDocument
from monitor.view.documents.types.events import EventListDocument
from monitor.view.documents.types.history import HistoryListDocument
from monitor.view.documents.types.interest import InterestDocument
from monitor.view.documents.types.report import ReportDocument
from monitor.view.documents.types.rules import LintDocument, RuleListDocument
from monitor.view.documents.types.simulations import BacktestDocument, RuleTestListDocument
from monitor.view.documents.types.status import StatusDocument
from monitor.view.documents.types.stress import StressDocument

PRINTED: Mapping[tuple[str, ...], Any] = {
    ("status",): StatusDocument,
    ("alerts",): AlertListDocument,
    ("ack",): AlertDocument,
    ("silence", "add"): SilenceDocument,
    ("silence", "list"): SilenceListDocument,
    ("silence", "expire"): SilenceDocument,
    ("drill",): DrillDocument,
    ("events",): EventListDocument,
    ("actions", "show"): ActionDocument,
    ("actions", "approve"): ActionDocument,
    ("actions", "reject"): ActionDocument,
    ("actions", "resolve"): ActionDocument,
    ("actions", "pause"): PauseDocument,
    ("actions", "resume"): PauseDocument,
    ("actions", "verify"): AuditDocument,
    ("actions",): ActionListDocument,
    ("interest",): InterestDocument,
    ("history",): HistoryListDocument,
    ("compare",): CompareDocument,
    ("stress",): StressDocument,
    ("rules", "list"): RuleListDocument,
    ("rules", "lint"): LintDocument,
    ("rules", "test"): RuleTestListDocument,
    ("rules", "backtest"): BacktestDocument,
    ("check",): CheckDocument,
    ("notify", "test"): ChannelTestListDocument,
    ("report",): ReportDocument,
    ("db", "upgrade"): DatabaseUpgradeDocument,
    ("db", "check"): DatabaseCheckDocument,
    ("config", "show"): ConfigDocument,
    ("call",): ExchangeAnswer,
}
"""The documents of commands with `--json`, by the command's words."""


def json_form(document: object, type_: Any) -> Any:
    """Return the document as a reader parses it. Raises AssertionError unless it is of the type, to the last field."""
    parsed = json.loads(json.dumps(document))
    try:
        typed: Any = msgspec.convert(parsed, type_, strict=True)
    except msgspec.ValidationError as error:
        raise AssertionError(f"not a {type_.__name__}: {error}") from error
    # Fields that the type lacks are left out by the conversion.
    assert json.loads(msgspec.json.encode(typed)) == parsed, f"fields beyond {type_.__name__}"
    return parsed


def check_printed(words: tuple[str, ...], document: Any) -> None:
    """Hold a document that a command printed against its type, where the command's documents have one."""
    if isinstance(document, dict) and "error" in document:
        json_form(document, ErrorDocument)
        return
    named = tuple(word for word in words if not word.startswith("-"))
    type_ = PRINTED.get(named[:2]) or PRINTED.get(named[:1])
    if type_ is not None:
        json_form(document, type_)

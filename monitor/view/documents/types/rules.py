"""Types of rules in force, and of their flaws."""

from typing import Literal, NotRequired, TypedDict

from monitor.core.model.alert import MetricScope, Severity
from monitor.lint.flaws import FlawKind
from monitor.view.documents.types.values import Count, Seconds


class RuleDocument(TypedDict):
    """A rule in force; `subjects` counts what it looks at."""

    name: str
    scope: MetricScope | list[MetricScope]
    when: str
    clear: str
    for_s: Seconds | None
    severity: Severity
    channels: list[str]
    actions: list[str]
    subjects: Count


class RuleListDocument(TypedDict):
    """The rules in the order of the configuration."""

    items: list[RuleDocument]


class FlawDocument(TypedDict):
    """A flaw of a rule, an action or a channel, and its fix."""

    rule: NotRequired[str]
    kind: FlawKind
    result: Literal["warning", "error"]
    detail: str
    mend: str


class LintDocument(TypedDict):
    """All flaws that were found."""

    ok: bool
    items: list[FlawDocument]

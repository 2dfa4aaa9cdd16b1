"""Reader of one `[[rules]]` table: checked values, errors with their location."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import get_args

from monitor.core.model.alert import SEVERITIES, MetricScope, Severity, severity_rank
from monitor.core.numbers.durations import parse_duration, to_seconds
from monitor.core.rules.parser import Condition, ExpressionError, parse_condition
from monitor.errors import ConfigError, suggest_nearest

METRIC_SCOPES: tuple[MetricScope, ...] = get_args(MetricScope)
MATCH_ALL = ("*",)
_OWN_LABELS = frozenset({"rule", "account", "scope", "symbol", "asset", "severity"})
_MAX_NAME_LENGTH = 100


class RuleError(ConfigError):
    """An error in a rule: the location, the problem, the fix."""

    def __init__(self, where: str, message: str, mend: str = "") -> None:
        super().__init__(message, where=where, mend=mend)


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """An escalation step, taken when an alert stays un-acknowledged for `after_s`.

    `severity` None: unchanged. `channels` are notified besides those of the rule; `fallbacks`: so are the fallbacks of
    every notified channel.
    """

    after_s: Decimal
    severity: Severity | None = None
    channels: tuple[str, ...] = ()
    fallbacks: bool = False


@dataclass(frozen=True, slots=True)
class RuleTableReader:
    """One table and its place in the file. Every method raises RuleError for an invalid value."""

    table: Mapping[str, object]
    where: str

    def reject_unknown(self, known: Collection[str]) -> None:
        for key in self.table:
            if key not in known:
                place = key if key.replace("-", "_").isidentifier() else _quote(key)
                raise RuleError(f"{self.where}.{place}", "unknown key", suggest_nearest(key, known, only_close=True))

    def name(self) -> str:
        if "name" not in self.table:
            raise RuleError(self.where, "a rule needs a name", 'write name = "…"')
        name = self._text("name", self.table["name"])
        if name != name.strip() or not name.isprintable() or len(name) > _MAX_NAME_LENGTH:
            raise RuleError(
                f"{self.where}.name", f"can't be {_quote(name)}", f"up to {_MAX_NAME_LENGTH} characters, one line"
            )
        return name

    def scopes(self) -> tuple[MetricScope, ...]:
        if "scope" not in self.table:
            raise RuleError(self.where, "a rule needs a scope", f"one of {', '.join(METRIC_SCOPES)}, or a list of them")
        value = self.table["scope"]
        words = [value] if isinstance(value, str) else self._texts("scope")
        scopes = []
        for word in words:
            scope = next((scope for scope in METRIC_SCOPES if scope == word), None)
            if scope is None:
                raise RuleError(
                    f"{self.where}.scope",
                    f"unknown scope {_quote(word)}",
                    suggest_nearest(str(word), METRIC_SCOPES, only_close=True) or _one_of(METRIC_SCOPES),
                )
            scopes.append(scope)
        if not scopes:
            raise RuleError(f"{self.where}.scope", "an empty list matches nothing", _one_of(METRIC_SCOPES))
        return tuple(dict.fromkeys(scopes))

    def condition(self, key: str, scopes: tuple[MetricScope, ...]) -> Condition:
        if key not in self.table:
            raise RuleError(self.where, f"a rule needs `{key}`", f'write {key} = "margin_level < 1.5"')
        text = self._text(key, self.table[key])
        try:
            return parse_condition(text, scopes)
        except ExpressionError as error:
            raise RuleError(f"{self.where}.{key}", f"column {error.column}: {error.message}", error.mend) from error

    def seconds(self, key: str, default: Decimal) -> Decimal:
        if key not in self.table:
            return default
        value = self.table[key]
        if not isinstance(value, str):
            raise RuleError(f"{self.where}.{key}", f"{_quote(value)} is not a duration", f'write {key} = "30s"')
        try:
            return to_seconds(parse_duration(value))
        except ValueError as error:
            message, _, mend = str(error).partition("; ")
            raise RuleError(f"{self.where}.{key}", message, mend) from error

    def severity(self) -> Severity | None:
        if "severity" not in self.table:
            return None
        word = self.table["severity"]
        for severity in SEVERITIES:
            if severity == word:
                return severity
        mend = suggest_nearest(str(word), SEVERITIES, only_close=True) or _one_of(SEVERITIES)
        raise RuleError(f"{self.where}.severity", f"unknown severity {_quote(word)}", mend)

    def patterns(self, key: str) -> tuple[str, ...]:
        if key not in self.table:
            return MATCH_ALL
        patterns = self._texts(key)
        if not patterns:
            raise RuleError(f"{self.where}.{key}", "an empty list matches nothing", "leave the key out to match all")
        return patterns

    def patterns_of(self, key: str, scope: MetricScope, scopes: tuple[MetricScope, ...]) -> tuple[str, ...]:
        """Return the patterns of a key that only one scope has.

        Raises RuleError for a rule without that scope, where the patterns would have no effect.
        """
        patterns = self.patterns(key)
        if key in self.table and scope not in scopes:
            raise RuleError(
                f"{self.where}.{key}",
                f"means nothing for scope {', '.join(scopes)}",
                f'remove it, or write scope = "{scope}"',
            )
        return patterns

    def channels(self) -> tuple[str, ...] | None:
        return self._texts("channels") if "channels" in self.table else None

    def actions(self) -> tuple[str, ...]:
        if "action" not in self.table:
            return self._texts("actions") if "actions" in self.table else ()
        if "actions" in self.table:
            raise RuleError(f"{self.where}.action", "is short for `actions`, which is there too", "keep one of them")
        return (self._text("action", self.table["action"]),)

    def ladder(self) -> str | None:
        return self._text("ladder", self.table["ladder"]) if "ladder" in self.table else None

    def labels(self) -> dict[str, str]:
        value = self.table.get("labels", {})
        place = f"{self.where}.labels"
        if not isinstance(value, Mapping):
            raise RuleError(place, "labels are a table", 'write labels = { team = "me" }')
        for name, text in value.items():
            if name in _OWN_LABELS:
                raise RuleError(f"{place}.{name}", "every alert has this label already", "choose another name")
            if not (isinstance(name, str) and name.isascii() and name.isidentifier()):
                raise RuleError(place, f"can't name a label {_quote(name)}", "letters, digits and _ only")
            if not isinstance(text, str):
                raise RuleError(f"{place}.{name}", f"{_quote(text)} is not a text", f'write {name} = "…"')
        return dict(value)

    def escalations(self, severity: Severity) -> tuple[EscalationStep, ...]:
        """Return the steps, in the order of their time; none makes the alert milder than `severity`."""
        value = self.table.get("escalate", [])
        place = f"{self.where}.escalate"
        if not isinstance(value, list | tuple):
            raise RuleError(place, "escalation is a list of steps", 'write escalate = [{ after = "10m" }]')
        steps: list[EscalationStep] = []
        for index, table in enumerate(value):
            if not isinstance(table, Mapping):
                raise RuleError(f"{place}[{index}]", "a step is a table", 'write { after = "10m" }')
            step = RuleTableReader(table, f"{place}[{index}]")._escalation()
            if step.severity is not None and severity_rank(step.severity) < severity_rank(severity):
                raise RuleError(f"{place}[{index}].severity", f"{step.severity} is milder than the rule's {severity}")
            if steps and step.after_s <= steps[-1].after_s:
                raise RuleError(f"{place}[{index}].after", "comes before the step above it", "order the steps by time")
            steps.append(step)
        return tuple(steps)

    def _escalation(self) -> EscalationStep:
        self.reject_unknown(("after", "severity", "channels", "fallbacks"))
        if "after" not in self.table:
            raise RuleError(self.where, "a step needs `after`", 'write after = "10m"')
        fallbacks = self.table.get("fallbacks", False)
        if not isinstance(fallbacks, bool):
            raise RuleError(f"{self.where}.fallbacks", f"{_quote(fallbacks)} is neither true nor false")
        return EscalationStep(self.seconds("after", Decimal(0)), self.severity(), self.channels() or (), fallbacks)

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self.table[key]
        if not isinstance(value, list | tuple):
            raise RuleError(f"{self.where}.{key}", f"{_quote(value)} is not a list", f'write {key} = ["…"]')
        return tuple(dict.fromkeys(self._text(key, item) for item in value))

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str):
            raise RuleError(f"{self.where}.{key}", f"{_quote(value)} is not a text", f'write {key} = "…"')
        if not value.strip():
            raise RuleError(f"{self.where}.{key}", "is empty")
        return value


def _quote(value: object) -> str:
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    text = text.replace("'", '"') if isinstance(value, str) else text
    return text if len(text) <= 60 else text[:57] + "..."


def _one_of(words: Collection[str]) -> str:
    return f"one of {', '.join(words)}"

"""The differences of failed rule tests as lines."""

from monitor.core.numbers.durations import format_duration
from monitor.simulation.rule_test_result import ResultLine, RuleTestResult


def difference_lines(verdict: RuleTestResult) -> list[str]:
    """Differences from the expectation: `-` was expected and is missing, `+` was not expected."""
    lines: list[str] = []
    for comparison in verdict.comparisons:
        if not comparison.is_ok:
            lines.append(f"  at {format_duration(comparison.at)}, {comparison.what}:")
            lines += [f"    - {format_line(line)}" for line in comparison.missing]
            lines += [f"    + {format_line(line)}" for line in comparison.surplus]
    return lines


def format_line(line: ResultLine) -> str:
    """An alert or an action on one line; absent labels are omitted."""
    words = []
    for name, value in line.items():
        if name == "labels" and isinstance(value, dict):
            words += [f"{label}={text}" for label, text in sorted(value.items())] or []
        elif isinstance(value, list):
            words.append(f"{name}={','.join(map(str, value)) or 'nobody'}")
        else:
            words.append(f'{name}="{value}"' if " " in str(value) else f"{name}={value}")
    return " ".join(words)

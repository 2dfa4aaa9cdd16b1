"""What rehearsals of rules found, as programs read it."""

from collections.abc import Sequence

from monitor.core.numbers.durations import format_duration
from monitor.simulation.rule_test_result import Compared, Line, Verdict
from monitor.view.json_values import Document


def verdict_document(file: str, verdict: Verdict) -> Document:
    """One test: by the time of each expectation, what was expected and what there was."""
    return {
        "file": file,
        "name": verdict.name,
        "ok": verdict.is_ok,
        "expected": [_side(each, each.expected) for each in verdict.compared],
        "got": [_side(each, each.got) for each in verdict.compared],
    }


def tests_document(items: Sequence[Document]) -> Document:
    """All tests of one call."""
    passed = sum(1 for item in items if item["ok"])
    return {"passed": passed, "failed": len(items) - passed, "items": list(items)}


def difference_lines(verdict: Verdict) -> list[str]:
    """What is not as expected, for people: `-` was expected and is not there, `+` is there and was not expected."""
    lines: list[str] = []
    for each in verdict.compared:
        if not each.is_ok:
            lines.append(f"  at {format_duration(each.at)}, {each.what}:")
            lines += [f"    - {line_text(line)}" for line in each.missing]
            lines += [f"    + {line_text(line)}" for line in each.surplus]
    return lines


def line_text(line: Line) -> str:
    """An alert or an action in one line; labels that are not there are not said."""
    words = []
    for name, value in line.items():
        if name == "labels" and isinstance(value, dict):
            words += [f"{label}={text}" for label, text in sorted(value.items())] or []
        elif isinstance(value, list):
            words.append(f"{name}={','.join(map(str, value)) or 'nobody'}")
        else:
            words.append(f'{name}="{value}"' if " " in str(value) else f"{name}={value}")
    return " ".join(words)


def _side(each: Compared, lines: Sequence[Line]) -> Document:
    return {"at": format_duration(each.at), each.what: [dict(line) for line in lines]}

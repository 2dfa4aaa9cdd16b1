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


def _side(each: Compared, lines: Sequence[Line]) -> Document:
    return {"at": format_duration(each.at), each.what: [dict(line) for line in lines]}

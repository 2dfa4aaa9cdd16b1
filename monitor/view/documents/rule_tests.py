"""The results of rule tests as JSON documents."""

from collections.abc import Sequence
from typing import Any

from monitor.core.numbers.durations import format_duration
from monitor.simulation.rule_test_result import Comparison, ResultLine, RuleTestResult
from monitor.view.documents.types.simulations import RuleTestDocument, RuleTestListDocument


def test_result_document(file: str, verdict: RuleTestResult) -> RuleTestDocument:
    """One test: by the time of each expectation, the expected and the actual result."""
    return {
        "file": file,
        "name": verdict.name,
        "ok": verdict.is_ok,
        "expected": [_comparison(comparison, comparison.expected) for comparison in verdict.comparisons],
        "got": [_comparison(comparison, comparison.got) for comparison in verdict.comparisons],
    }


def test_results_document(items: Sequence[RuleTestDocument]) -> RuleTestListDocument:
    """All tests of one call."""
    passed = sum(1 for item in items if item["ok"])
    return {"passed": passed, "failed": len(items) - passed, "items": list(items)}


def _comparison(compared: Comparison, lines: Sequence[ResultLine]) -> dict[str, Any]:
    return {"at": format_duration(compared.at), compared.what: [dict(line) for line in lines]}

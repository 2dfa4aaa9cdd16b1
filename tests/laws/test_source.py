"""Laws that an import contract can't check, read off the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laws.syntax_trees import parse

MONITOR = Path(__file__).resolve().parents[2] / "monitor"
PURE = (MONITOR / "core", MONITOR / "simulation", MONITOR / "lint")
"""What decides, and what plays decisions through: nothing of it reads a clock, knows a float, or keeps a state."""

OWN_TIME = {
    MONITOR / "clock.py",
    # The sandbox shares nothing with the rest: its timeline, the anchor of it, and what its pings carry.
    MONITOR / "sandbox" / "virtual_clock.py",
    MONITOR / "sandbox" / "server_main.py",
    MONITOR / "sandbox" / "streams" / "connection.py",
}
"""Where a clock of the machine may be read."""

CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}
"""Wall time. Spans of machine time (time.monotonic) are no moments, and are free outside core."""

FLOATS_ALLOWED = {
    ("outbox.py", "retry_delay_s"),  # seconds of the machine
}
"""The functions of core that may know floats: never money."""


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def pure_files() -> list[Path]:
    return [path for folder in PURE for path in python_files(folder)]


def relative_name(path: Path) -> str:
    return str(path.relative_to(MONITOR))


def clock_uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every mention of a clock of the machine: as an attribute, or imported by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if (owner, node.attr) in CLOCKS:
                yield node.lineno, f"{owner}.{node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from ((node.lineno, f"time.{name.name}") for name in node.names if ("time", name.name) in CLOCKS)


def float_uses(tree: ast.AST, allowed: frozenset[str] = frozenset()) -> Iterator[tuple[int, str]]:
    """Every way in which a float comes into being or is named, outside the allowed functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and node.name in allowed:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield node.lineno, repr(node.value)
        if isinstance(node, ast.Name) and node.id in ("float", "complex"):
            yield node.lineno, node.id
        if isinstance(node, ast.Attribute) and node.attr in ("timestamp", "from_float"):
            yield node.lineno, node.attr
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [name.name for name in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from ((node.lineno, f"import {name}") for name in modules if name in ("math", "cmath", "statistics"))
        yield from float_uses(node, allowed)


PROSE_FIELDS = {"evidence", "note", "summary"}
"""Texts that people read: what a decision needs of them stands in fields of its own."""

TEXT_METHODS = {"startswith", "endswith", "find", "index", "partition", "rpartition", "split"}


def prose_reads(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every place where a text for people is taken apart, or compared with another."""
    for node in ast.walk(tree):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TEXT_METHODS:
            parts = [node.func.value]
        elif isinstance(node, ast.Compare) and not any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            parts = [node.left, *node.comparators]
        for part in parts:
            for found in ast.walk(part):
                if isinstance(found, ast.Attribute) and found.attr in PROSE_FIELDS:
                    yield part.lineno, found.attr


def test_only_the_clock_reads_the_machines_clock() -> None:
    files = [path for path in python_files(MONITOR) if path not in OWN_TIME]
    assert len(files) > 500
    assert [(relative_name(path), *at) for path in files for at in clock_uses(parse(path.read_text()))] == []


def test_core_knows_no_floats() -> None:
    found = []
    for path in pure_files():
        allowed = frozenset(function for file, function in FLOATS_ALLOWED if file == path.name)
        found += [(relative_name(path), *at) for at in float_uses(parse(path.read_text()), allowed)]
    assert found == []


def test_core_divides_no_integers_into_floats() -> None:
    """`/` between two whole numbers would be a float; one side must be something else."""
    assert [(relative_name(path), line) for path in pure_files() for line in whole_divisions(path)] == []


def whole_divisions(path: Path) -> list[int]:
    """The lines that divide two whole numbers."""
    divisions = [
        node
        for node in ast.walk(parse(path.read_text()))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
    ]
    return [node.lineno for node in divisions if _is_whole(node.left) and _is_whole(node.right)]


def _is_whole(node: ast.expr) -> bool:
    return (isinstance(node, ast.Constant) and isinstance(node.value, int)) or (
        isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("int", "len")
    )


def test_core_rebinds_no_module_globals() -> None:
    """No `global`: what core knows is in the state that it is given."""
    assert len(pure_files()) > 100
    found = [
        (relative_name(path), node.lineno)
        for path in pure_files()
        for node in ast.walk(parse(path.read_text()))
        if isinstance(node, ast.Global | ast.Nonlocal)
    ]
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.datetime.utcnow()",
        "import time\nx = time.time()",
        "from time import time\nx = time()",
        "x = map(datetime.now, [])",
    ],
)
def test_planted_clock_use_is_found(planted: str) -> None:
    assert list(clock_uses(parse(planted)))


@pytest.mark.parametrize(
    "planted",
    [
        "x = 1.5",
        "def f():\n    return float('1')",
        "def f(x: float) -> None: ...",
        "x = Decimal.from_float(y)",
        "import math",
    ],
)
def test_planted_float_is_found(planted: str) -> None:
    assert list(float_uses(parse(planted)))
    assert not list(float_uses(parse("def f():\n    return 1.5"), frozenset({"f"})))


def test_migrations_import_nothing_of_the_program() -> None:
    versions = sorted((MONITOR.parent / "migrations" / "versions").glob("*.py"))
    assert len(versions) > 20
    # A migration is what it was when it was written, whatever the program becomes.
    assert [path.name for path in versions if "monitor" in imported_packages(parse(path.read_text()))] == []


def imported_packages(tree: ast.AST) -> set[str]:
    """The first part of the name of each module that a source imports."""
    nodes = list(ast.walk(tree))
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    return {name.partition(".")[0] for name in modules}


def test_no_prose_field_is_parsed() -> None:
    found = [
        (relative_name(path), *at) for path in python_files(MONITOR) for at in prose_reads(parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        '(intent.evidence or "").startswith("late")',
        'step.note == "sent"',
        '"stopped" in intent.evidence',
        'alert.summary.partition(":")',
    ],
)
def test_planted_prose_parsing_is_found(planted: str) -> None:
    assert list(prose_reads(parse(planted)))

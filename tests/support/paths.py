"""Real data that tests read in place: `$MARGIN_MONITOR_TEST_DATA`, else beside the checkout. None of it is ours."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("MARGIN_MONITOR_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")


def price_file(name: str) -> Path:
    """A file of real minute bars; the test is skipped if it is missing."""
    path = DATA / "prices" / name
    if not path.is_file():
        pytest.skip(f"no real bars at {path}: set MARGIN_MONITOR_TEST_DATA")
    return path

"""Words of every alphabet in a picture: in a font of the machine, or as codes, never as boxes."""

import json
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from monitor.view.charts.fonts import BASE_FONT, set_fonts

UNKNOWN = "\U000e0041"
"""A tag character: no font of words has it."""


def test_latin_greek_and_cyrillic_need_no_other_font() -> None:
    spec = {"title": "Handel Börse Αθήνα Москва", "lines": [{"label": "x", "points": []}]}
    assert set_fonts(spec) is spec
    assert mpl.rcParams["font.family"] == [BASE_FONT]


def test_a_character_that_no_font_has_is_written_as_its_code() -> None:
    spec = {"title": f"a{UNKNOWN}b", "lines": [{"label": UNKNOWN}], "height": 3}
    assert set_fonts(spec) == {
        "title": "a\\U000e0041b",
        "lines": [{"label": "\\U000e0041"}],
        "height": 3,
    }


def test_a_picture_with_an_account_named_in_chinese_is_drawn_without_a_missing_glyph(tmp_path: Path) -> None:
    line = {"label": "主账户", "points": [["2026-01-01T00:00:00Z", "1.5"], ["2026-01-01T01:00:00Z", "1.4"]]}
    spec = {"title": "主账户 cross", "subtitle": "", "form": "number", "lines": [line], "bars": [], "marks": [],
            "prices": [], "gaps": []}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "monitor.view.charts.drawing_process", str(tmp_path / "picture.png")],
        input=json.dumps(spec), text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    if "KeyError" in done.stderr:
        pytest.fail(done.stderr)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "picture.png").stat().st_size > 1000

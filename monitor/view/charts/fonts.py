"""Fonts of this machine that have the characters of a chart's texts; loaded by the drawing process only."""

from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

BASE_FONT = "DejaVu Sans"
"""The font that comes with the library; it has Latin, Greek and Cyrillic."""

PLACEHOLDER_FONTS = ("Last Resort",)
"""Families that show a box for every character."""

MAX_FONTS = 400
"""Limit of fonts to open: opening one takes a millisecond."""


def set_fonts(spec: dict[str, Any]) -> dict[str, Any]:
    """The chart's document with its fonts set; a character that no font of the machine has is written as its code.

    A font for Chinese, Japanese and Korean is, for example, in Debian's `fonts-noto-cjk`.
    """
    wanted = {ord(char) for text in _all_texts(spec) for char in text if not char.isascii()}
    families, missing = _find_families(wanted)
    mpl.rcParams["font.family"] = families
    if not missing:
        return spec
    codes = {code: f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}" for code in missing}
    rewritten = _replace_characters(spec, codes)
    assert isinstance(rewritten, dict)
    return rewritten


def _find_families(wanted: set[int]) -> tuple[list[str], set[int]]:
    """The families that have the characters, the base first; and the characters that no family has."""
    families = [BASE_FONT]
    missing = wanted - _font_characters(font_manager.findfont(BASE_FONT))
    for entry in font_manager.fontManager.ttflist[:MAX_FONTS]:
        if not missing:
            break
        if entry.name in families or entry.name.startswith(PLACEHOLDER_FONTS):
            continue
        found = missing & _font_characters(entry.fname)
        if found:
            families.append(entry.name)
            missing -= found
    return families, missing


def _font_characters(path: str) -> set[int]:
    try:
        return set(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        # A font that was removed, or is broken.
        return set()


def _all_texts(value: object) -> Iterable[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _all_texts(item)
        case list():
            for item in value:
                yield from _all_texts(item)


def _replace_characters(value: object, codes: dict[int, str]) -> object:
    match value:
        case str():
            return value.translate(codes)
        case dict():
            return {key: _replace_characters(item, codes) for key, item in value.items()}
        case list():
            return [_replace_characters(item, codes) for item in value]
        case _:
            return value

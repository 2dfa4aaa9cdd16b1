"""Silences as rows of their table, and back."""

import json
from typing import Any

from sqlalchemy import RowMapping

from monitor.core.model.alert import Silence, SilenceMatcher


def row_from_silence(silence: Silence) -> dict[str, Any]:
    """Return the row of `silence`, without its id."""
    return {
        "matchers": json.dumps([[m.name, m.op, m.value] for m in silence.matchers], ensure_ascii=False),
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
        "author": silence.author,
        "comment": silence.comment,
        "include_critical": silence.include_critical,
        "channel": silence.channel,
    }


def silence_from_row(row: RowMapping) -> Silence:
    """Return the silence of a row of `silences`."""
    values: dict[str, Any] = {**row}
    matchers = tuple(SilenceMatcher(*condition) for condition in json.loads(values.pop("matchers")))
    return Silence(matchers=matchers, **values)

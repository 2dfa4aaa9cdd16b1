"""A silence as a JSON document."""

from datetime import datetime

from monitor.core.model.alert import Silence
from monitor.view.documents.types.alerts import SilenceDocument
from monitor.view.documents.types.values import SilenceState
from monitor.view.json_values import json_time


def silence_document(silence: Silence, now: datetime) -> SilenceDocument:
    """The silence and whether it is in force at `now`."""
    state: SilenceState = "pending" if now < silence.starts_at else "active" if now < silence.ends_at else "expired"
    return {
        "id": silence.id,
        "matchers": [{"name": m.name, "op": m.op, "value": m.value} for m in silence.matchers],
        "starts_at": json_time(silence.starts_at),
        "ends_at": json_time(silence.ends_at),
        "author": silence.author,
        "comment": silence.comment,
        "include_critical": silence.include_critical,
        "state": state,
    }

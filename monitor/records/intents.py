"""An intent with its steps and a person's decision on it."""

from dataclasses import dataclass

from monitor.core.model.intent import Intent, IntentStep


@dataclass(frozen=True, slots=True)
class IntentRow:
    """One intent, its steps in order, and a person's decision on it (None: no decision)."""

    intent: Intent
    steps: tuple[IntentStep, ...]
    approved: bool | None

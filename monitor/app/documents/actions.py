"""Intents, and one intent."""

from dataclasses import dataclass

from monitor.errors import RecordNotFound
from monitor.store.commands_in_force import read_rule_stops
from monitor.store.readers.intents import read_intent, read_intents
from monitor.store.reads import Reads
from monitor.view.documents.actions import action_document, rule_stop_document
from monitor.view.documents.types.actions import ActionDocument, ActionListDocument


@dataclass(frozen=True, slots=True)
class ActionsQuery:
    """The intents that are not settled, or all, newest first; `limit`: at most so many."""

    include_final: bool = False
    limit: int | None = None

    def read(self, reads: Reads) -> ActionListDocument:
        rows = reads.read(read_intents, include_final=self.include_final, limit=self.limit)
        stops = reads.read(read_rule_stops)
        return {
            "items": [action_document(row.intent, row.steps) for row in rows],
            "stops": [rule_stop_document(stop) for stop in stops],
        }


@dataclass(frozen=True, slots=True)
class ActionQuery:
    """One intent by its number."""

    number: int

    def read(self, reads: Reads) -> ActionDocument:
        """The intent. Raises RecordNotFound."""
        row = reads.read(read_intent, self.number)
        if row is None:
            raise RecordNotFound(f"there is no intent {self.number}", mend="`margin-monitor actions --all` lists them")
        return action_document(row.intent, row.steps)

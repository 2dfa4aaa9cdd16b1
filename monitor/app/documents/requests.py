"""Queries from the parameters of requests: the documents that the API sends, each by its name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast, get_args

from monitor.app.documents.actions import ActionQuery, ActionsQuery
from monitor.app.documents.alerts import AlertQuery, AlertsQuery, SilencesQuery
from monitor.app.documents.events import EventsQuery
from monitor.app.documents.history import HistoryQuery
from monitor.app.documents.interest import InterestQuery
from monitor.app.documents.past_choice import parse_past_choice
from monitor.app.documents.past_stress import PastStressQuery
from monitor.app.documents.rules import RulesQuery
from monitor.app.documents.status import StatusQuery
from monitor.app.documents.stress import StressQuery, parse_choice
from monitor.app.parameters import choice_parameter, count_parameter, flag_parameter
from monitor.config.model import Config
from monitor.core.model.alert import MetricScope
from monitor.errors import ParameterInvalid, suggest_nearest
from monitor.store.reads import Reads
from monitor.view.documents.types.values import MAX_ITEMS, MAX_SAMPLES, MAX_SUMS, GroupedBy
from monitor.view.json_values import Document

METRIC_SCOPES = get_args(MetricScope)


class DocumentQuery(Protocol):
    """A document to be read, with checked parameters."""

    def read(self, reads: Reads) -> Document:
        """The document as the database has it now. Raises StoreError, and RecordNotFound for a number of nothing."""
        ...


class RequestParameters:
    """The parameters of one request. Raises ParameterInvalid for an unknown one, or one given twice."""

    def __init__(
        self, values: Mapping[str, str | Sequence[str]], known: Sequence[str], repeatable: Sequence[str]
    ) -> None:
        self._values = {name: [given] if isinstance(given, str) else given for name, given in values.items()}
        for name, given in self._values.items():
            if name not in known:
                mend = suggest_nearest(name, known) if known else "leave it out"
                raise ParameterInvalid(name, "there is no such parameter", mend=mend)
            if len(given) > 1 and name not in repeatable:
                raise ParameterInvalid(name, "it is given twice", mend="give it once")

    def text(self, name: str) -> str | None:
        """The value; None where it is not given. Raises ParameterInvalid for an empty one."""
        given = self._values.get(name)
        if not given:
            return None
        if not given[0]:
            raise ParameterInvalid(name, "it is empty", mend="give a value, or leave it out")
        return given[0]

    def texts(self, name: str) -> Sequence[str]:
        """All values of a repeatable parameter."""
        return self._values.get(name, ())

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise ParameterInvalid(name, "it is missing", mend="give it")
        return value

    def flag(self, name: str) -> bool:
        value = self.text(name)
        return value is not None and flag_parameter(name, value)

    def limit(self) -> int:
        """The number of items wanted, by default as many as an answer holds."""
        value = self.text("limit")
        if value is None:
            return MAX_ITEMS
        limit = count_parameter("limit", value)
        if limit > MAX_ITEMS:
            raise ParameterInvalid("limit", f"an answer holds at most {MAX_ITEMS} items", mend="ask for fewer")
        return limit


AnyQuery = DocumentQuery | PastStressQuery
"""A query whose document is read, or one that is worked out after its read."""

QueryMaker = Callable[[Config, RequestParameters], AnyQuery]


def prepare_query(config: Config, name: str, values: Mapping[str, str | Sequence[str]]) -> AnyQuery:
    """The query of the document `name` with the request's parameters. Raises ParameterInvalid.

    `name` is one of `REQUESTS`.
    """
    known, make = REQUESTS[name]
    return make(config, RequestParameters(values, known, ("move",)))


def _status(config: Config, given: RequestParameters) -> DocumentQuery:
    return StatusQuery(config)


def _alerts(config: Config, given: RequestParameters) -> DocumentQuery:
    return AlertsQuery(given.flag("all"), given.limit())


def _alert(config: Config, given: RequestParameters) -> DocumentQuery:
    return AlertQuery(count_parameter("id", given.required("id")))


def _silences(config: Config, given: RequestParameters) -> DocumentQuery:
    return SilencesQuery(given.flag("all"))


def _events(config: Config, given: RequestParameters) -> DocumentQuery:
    limit, since = given.text("limit"), given.text("since")
    if limit is not None or since is not None:
        limit = str(given.limit())
    return EventsQuery(given.text("type"), since, limit)


def _actions(config: Config, given: RequestParameters) -> DocumentQuery:
    return ActionsQuery(given.flag("all"), given.limit())


def _action(config: Config, given: RequestParameters) -> DocumentQuery:
    return ActionQuery(count_parameter("id", given.required("id")))


def _interest(config: Config, given: RequestParameters) -> DocumentQuery:
    by = choice_parameter("by", given.text("by") or "asset", ("day", "asset"))
    return InterestQuery(cast("GroupedBy", by), given.text("since"), MAX_SUMS)


def _history(config: Config, given: RequestParameters) -> DocumentQuery:
    scope = given.text("scope")
    return HistoryQuery(
        config,
        given.required("metric"),
        given.text("account"),
        None if scope is None else cast("MetricScope", choice_parameter("scope", scope, METRIC_SCOPES)),
        given.text("symbol"),
        given.text("asset"),
        given.text("since"),
        MAX_SAMPLES,
    )


def _stress(config: Config, given: RequestParameters) -> AnyQuery:
    choice = parse_choice(given.text("drop"), given.text("like"), given.texts("move"))
    past = parse_past_choice(
        given.text("history"),
        given.text("window"),
        given.text("target_odds"),
        is_like_worst=choice.is_like_worst,
    )
    return StressQuery(config, choice.shock) if past is None else PastStressQuery(config, choice, past)


def _rules(config: Config, given: RequestParameters) -> DocumentQuery:
    return RulesQuery(config)


REQUESTS: Mapping[str, tuple[Sequence[str], QueryMaker]] = {
    "status": ((), _status),
    "alerts": (("all", "limit"), _alerts),
    "alert": (("id",), _alert),
    "silences": (("all",), _silences),
    "events": (("type", "since", "limit"), _events),
    "actions": (("all", "limit"), _actions),
    "action": (("id",), _action),
    "interest": (("by", "since"), _interest),
    "history": (("metric", "account", "scope", "symbol", "asset", "since"), _history),
    "stress": (("drop", "like", "move", "history", "window", "target_odds"), _stress),
    "rules": ((), _rules),
}
"""Every document with the parameters that it takes."""

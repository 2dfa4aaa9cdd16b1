"""Commands of people from the web, by the same functions of the store as those of the command line."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from monitor.app.parameters import comment_parameter, duration_parameter
from monitor.app.silence_input import check_matchers, parse_matchers
from monitor.clock import Clock
from monitor.config.model import Config
from monitor.config.redaction import KNOWN_SECRETS
from monitor.core.alerting.lifecycle import with_ack
from monitor.core.model.alert import Ack, Silence
from monitor.errors import ParameterInvalid, UsageError, suggest_nearest
from monitor.store import command_results
from monitor.store.store import Store
from monitor.store.writes.commands import add_silence
from monitor.view.documents.actions import action_document, rule_stop_document
from monitor.view.documents.alerts import alert_document
from monitor.view.documents.drills import drill_document
from monitor.view.documents.silences import silence_document
from monitor.view.json_values import Document, to_json_value

MAX_COMMENT_LENGTH = 500


class StoredCommands:
    """Commands written into the daemon's store, which the daemon reads like those of any other process."""

    def __init__(self, config: Callable[[], Config], store: Store, clock: Clock, on_change: Callable[[], None]) -> None:
        """`on_change` is called after each command that was carried out."""
        self._config = config
        self._store = store
        self._clock = clock
        self._on_change = on_change

    async def acknowledge(self, alert: int, comment: str, by: str) -> Document:
        ack = Ack(alert, by, self._clock.now(), _comment(comment))
        row = await self._store.execute(command_results.acknowledge, ack)
        return self._result(alert_document(with_ack(row.alert, {alert: ack}), row.deliveries))

    async def add_silence(
        self, matchers: Sequence[str], duration: str, comment: str, include_critical: bool, by: str
    ) -> Document:
        span = duration_parameter("duration", duration)
        if span <= timedelta():
            raise ParameterInvalid("duration", "it is no time at all", mend="write it like 30m or 2h")
        parsed, now = parse_matchers(matchers), self._clock.now()
        check_matchers(parsed, self._config())
        silence = Silence(0, parsed, now, now + span, by, _comment(comment), include_critical)
        return self._result(silence_document(await self._store.execute(add_silence, silence), now))

    async def expire_silence(self, silence: int, by: str) -> Document:
        now = self._clock.now()
        return self._result(
            silence_document(await self._store.execute(command_results.expire_silence, silence, now), now)
        )

    async def set_paused(self, paused: bool, by: str) -> Document:
        changed, lifted = await self._store.execute(command_results.set_paused, paused, by, self._clock.now())
        ended = {} if paused else {"lifted": [rule_stop_document(stop) for stop in lifted]}
        return self._result({"paused": paused, "changed": changed, **ended})

    async def decide(self, intent: int, approved: bool, by: str) -> Document:
        now = self._clock.now()
        row = await self._store.execute(command_results.decide_proposal, intent, approved, by, now)
        return self._result(action_document(row.intent, row.steps))

    async def request_drill(self, rule: str, by: str) -> Document:
        names = [each.name for each in self._config().rules]
        if rule not in names:
            raise ParameterInvalid("rule", f'there is no rule "{rule}"', mend=suggest_nearest(rule, names))
        drill = await self._store.execute(command_results.request_drill, rule, by, self._clock.now())
        return self._result(drill_document(drill, ()))

    def _result(self, document: Document) -> Document:
        """The document of a command that was carried out, without known secrets."""
        self._on_change()
        redacted: Document = to_json_value(document, KNOWN_SECRETS.redact)
        return redacted


def _comment(text: str) -> str:
    said = comment_parameter(text)
    if len(said) > MAX_COMMENT_LENGTH:
        raise UsageError(f"is longer than {MAX_COMMENT_LENGTH} characters", where="comment", mend="shorten it")
    return said

"""Messages as they are sent: the alert as it is now, recovery options, and a chart of the level."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from monitor.clock import Clock
from monitor.core.actions.decision import alert_scope
from monitor.core.metrics.snapshot import measure_subject
from monitor.core.model.account import Scope
from monitor.core.model.action_blocks import block_reasons
from monitor.core.model.alert import Alert, NotificationReason, Severity
from monitor.core.model.metric import METRICS
from monitor.core.notifications.outbox import Delivery
from monitor.core.notifications.throttling import DueAlert
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState
from monitor.errors import StoreError
from monitor.records.history import HistoryRow
from monitor.store.readers.alerts import read_alerts
from monitor.store.readers.history import read_history
from monitor.store.readers.intents import read_intents
from monitor.store.store import Store
from monitor.view.charts.chart_spec import ChartFailed, ChartSpec, draw_chart
from monitor.view.charts.history_chart import THRESHOLD_METRICS, history_chart
from monitor.view.messages.grouping import group_messages
from monitor.view.messages.message import Message, alert_message
from monitor.view.messages.past_text import past_line
from monitor.view.messages.recovery_text import recovery_lines

log = logging.getLogger(__name__)

CHART_SPAN = timedelta(hours=6)
"""The span of a message's chart."""

PAST_RULES = frozenset({"thin", "worst-day", "odds-high", "odds-high-critical"})
"""Rules whose messages say how the scope would have fared on the days of the past."""

MAX_PRICES = 3
"""The number of prices drawn beneath a level."""

MAX_SAMPLES = 2500
"""Most samples of a series in a chart: six hours of one sample in nine seconds."""

CHART_READ_TIMEOUT_S = 5.0
CHART_DRAW_TIMEOUT_S = 10.0
"""Machine seconds after which a chart is left out; the message was sent long before."""

StateLookup = Callable[[str], tuple[AccountState, AccountSettings] | None]
"""A lookup of an account's state and settings by name; None while it is not watched."""


class MessageBuilder:
    """Messages rendered from the present state."""

    def __init__(self, store: Store, clock: Clock, state_lookup: StateLookup, public_url: str = "") -> None:
        """`public_url` is the address of the page in messages, "" without one."""
        self._store = store
        self._clock = clock
        self._state_lookup = state_lookup
        self.public_url = public_url

    def build(
        self,
        alert: Alert,
        reason: NotificationReason,
        *,
        severity: Severity | None = None,
        delivery: Delivery | None = None,
        is_recorded: bool = True,
    ) -> Message:
        """Return the message about an alert. `delivery`, if given, sets since when it waits."""
        now = self._clock.now()
        known = self._state_lookup(alert.key.account)
        figures = None
        restore: list[str] = []
        limits: Mapping[str, str] = {}
        past = ""
        if known is not None:
            state, settings = known
            figures = measure_subject(state, settings, (alert.key.scope, alert.key.subject), now)
            if alert.key.scope in ("cross", "isolated") and reason is not NotificationReason.RESOLVED:
                restore = recovery_lines(state, Scope(alert.key.subject), figures)
                if alert.key.rule in PAST_RULES:
                    past = past_line(state, Scope(alert.key.subject), figures, now)
            if alert.key.scope in ("cross", "isolated", "account") and reason is not NotificationReason.RESOLVED:
                limits = block_reasons(
                    state.action_blocks, None if alert.key.scope == "account" else alert_scope(alert)
                )
        return alert_message(
            alert,
            reason,
            figures,
            now,
            severity=severity,
            at=None if delivery is None else delivery.created_at,
            restore=restore,
            limits=limits,
            recorded=is_recorded,
            public_url=self.public_url,
            past=past,
        )

    def build_group(self, group: Sequence[DueAlert]) -> Message:
        """Return one message about all alerts of the group, the worst first."""
        return group_messages(
            [
                self.build(
                    due.alert,
                    due.reason,
                    severity=due.delivery.severity,
                    delivery=due.delivery,
                    is_recorded=due.delivery.is_recorded,
                )
                for due in group
            ]
        )

    @contextlib.asynccontextmanager
    async def draw_chart(self, alert: Alert) -> AsyncIterator[Path | None]:
        """Yield a chart of the level and its thresholds while it is needed; None where there is nothing to show."""
        with TemporaryDirectory(prefix="margin-monitor-") as folder:
            path = Path(folder) / "level.png"
            try:
                async with asyncio.timeout(CHART_READ_TIMEOUT_S):
                    drawing = await self._chart_spec(alert)
                if drawing is not None:
                    await draw_chart(drawing, path, timeout_s=CHART_DRAW_TIMEOUT_S)
            except (ChartFailed, StoreError, TimeoutError, OSError) as error:
                log.warning(
                    "picture.left_out alert=%d cause=%s", alert.id, str(error) or "it could not be read in time"
                )
            yield path if path.exists() else None

    async def _chart_spec(self, alert: Alert) -> ChartSpec | None:
        until = self._clock.now()
        since = until - CHART_SPAN
        levels = await self._series("margin_level", alert, since)
        if levels is None or len(levels.points) < 2:
            return None
        thresholds = {
            bar: row for bar in THRESHOLD_METRICS if (row := await self._series(bar, alert, since)) is not None
        }
        rows = await self._store.read(read_alerts, include_closed=True, account=alert.key.account, limit=50)
        intents = await self._store.read(read_intents, include_final=True, account=alert.key.account, limit=50)
        return history_chart(
            METRICS["margin_level"],
            (levels,),
            thresholds,
            [row.alert for row in rows],
            [row.intent for row in intents],
            since,
            until,
            await self._prices(alert, since),
        )

    async def _prices(self, alert: Alert, since: datetime) -> list[HistoryRow]:
        """Return the index price of a pair, or the prices of the assets that weigh most in cross."""
        if alert.key.scope == "isolated":
            index = await self._series("index_price", alert, since)
            return [index] if index is not None else []
        known = self._state_lookup(alert.key.account)
        if known is None:
            return []
        state, settings = known
        holdings = measure_subject(state, settings, ("cross", ""), self._clock.now()).holdings
        worth = {
            h.balance.asset: max(h.balance.held, h.balance.owed) * h.price
            for h in holdings
            if h.price is not None and h.balance.asset not in settings.stable_assets
        }
        heaviest = sorted(worth, key=lambda asset: worth[asset], reverse=True)[:MAX_PRICES]
        rows = await self._store.read(
            read_history,
            "price_usdt",
            account=alert.key.account,
            scope="asset",
            subject=None,
            since=since,
            newest=MAX_SAMPLES,
        )
        return sorted((r for r in rows if r.subject in heaviest), key=lambda row: heaviest.index(row.subject))

    async def _series(self, metric: str, alert: Alert, since: datetime) -> HistoryRow | None:
        key = alert.key
        rows = await self._store.read(
            read_history,
            metric,
            account=key.account,
            scope=key.scope,
            subject=key.subject or None,
            since=since,
            newest=MAX_SAMPLES,
        )
        return rows[0] if rows else None

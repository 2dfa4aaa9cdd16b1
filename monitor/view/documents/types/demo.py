"""Types of the demonstration's result."""

from typing import Literal, TypedDict

from monitor.core.model.alert import MetricScope, Severity
from monitor.view.documents.types.actions import ActionDocument
from monitor.view.documents.types.values import DecimalText, Number, TimeText

DemoRunName = Literal["unguarded", "guarded"]


class DemoAlertDocument(TypedDict):
    """An alert of a run, and the time that was left until the liquidation."""

    id: Number
    rule: str
    scope: MetricScope
    subject: str | None
    severity: Severity
    fired_at: TimeText
    minutes_before_liquidation: DecimalText | None


class DemoMovedDocument(TypedDict):
    """The amounts that the actions of a run moved, by asset."""

    repaid: dict[str, DecimalText]
    transferred_in: dict[str, DecimalText]


class DemoRunDocument(TypedDict):
    """One run of the scenario, with or without actions."""

    name: DemoRunName
    liquidated_at: TimeText | None
    lowest_level: DecimalText | None
    lowest_at: TimeText | None
    alerts: list[DemoAlertDocument]
    actions: list[ActionDocument]
    moved: DemoMovedDocument


class DemoMomentDocument(TypedDict):
    """One moment of the runs."""

    at: TimeText
    run: DemoRunName
    kind: str
    text: str


class DemoDocument(TypedDict):
    """The demonstration. `ok`: it went as planned; `picture` is the path of its chart."""

    scenario: str
    ok: bool
    runs: list[DemoRunDocument]
    timeline: list[DemoMomentDocument]
    picture: str


class DemoRunResult(DemoRunDocument):
    """One run as its process reports it; `series` and `bars` are for the chart."""

    told: int
    streamed: int
    timeline: list[DemoMomentDocument]
    series: dict[str, list[list[str]]]
    bars: dict[str, DecimalText]

"""The part of Grafana's dashboard model that the shipped dashboard uses, after Grafana's documentation of that model.

Unknown fields are refused: what Grafana would silently drop is a mistake here.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0)]
Color = Literal["green", "yellow", "orange", "red", "blue", "transparent"]
Unit = Literal["short", "none", "percentunit", "s", "currencyUSD"]


class Strict(Struct, forbid_unknown_fields=True, rename="camel"):
    """A part of the model without further fields."""


class DatasourceRef(Strict):
    type: Literal["prometheus"]
    uid: Literal["${datasource}"]


class GridPos(Strict):
    x: Annotated[int, Meta(ge=0, le=23)]
    y: Count
    w: Annotated[int, Meta(ge=1, le=24)]
    h: Annotated[int, Meta(ge=1)]


class Step(Strict):
    color: Color
    value: float | None


class StepList(Strict):
    mode: Literal["absolute", "percentage"]
    steps: Annotated[list[Step], Meta(min_length=1)]


class MappedText(Strict):
    text: Text
    color: Color
    index: Count


class ValueMapping(Strict):
    type: Literal["value"]
    options: dict[str, MappedText]


class FieldDefaults(Strict):
    unit: Unit
    thresholds: StepList
    mappings: list[ValueMapping]
    min: float | None = None


class FieldConfig(Strict):
    defaults: FieldDefaults
    overrides: list[None]


class Target(Strict):
    ref_id: Annotated[str, Meta(pattern="^[A-Z]$")]
    datasource: DatasourceRef
    expr: Text
    legend_format: str
    range: bool = False
    instant: bool = False
    format: Literal["time_series", "table"] = "time_series"


class ReduceOptions(Strict):
    calcs: list[Text]
    fields: str
    values: bool


class StatOptions(Strict):
    color_mode: Literal["none", "value", "background"]
    graph_mode: Literal["none", "area"]
    text_mode: Literal["auto", "value", "value_and_name", "name", "none"]
    reduce_options: ReduceOptions


class Legend(Strict):
    display_mode: Literal["list", "table", "hidden"]
    placement: Literal["bottom", "right"]
    calcs: list[Text]


class Tooltip(Strict):
    mode: Literal["single", "multi", "none"]
    sort: Literal["none", "asc", "desc"]


class TimeseriesOptions(Strict):
    legend: Legend
    tooltip: Tooltip


class TableOptions(Strict):
    show_header: bool
    cell_height: Literal["sm", "md", "lg"]


class RowPanel(Strict, tag="row"):
    id: int
    title: Text
    collapsed: bool
    grid_pos: GridPos
    panels: list[None]


class QueryPanel(Strict, kw_only=True):
    """The fields that all panels with queries share."""

    id: int
    title: Text
    datasource: DatasourceRef
    grid_pos: GridPos
    targets: Annotated[list[Target], Meta(min_length=1)]
    field_config: FieldConfig
    description: str = ""


class StatPanel(QueryPanel, tag="stat", kw_only=True):
    options: StatOptions


class TimeseriesPanel(QueryPanel, tag="timeseries", kw_only=True):
    options: TimeseriesOptions


class TablePanel(QueryPanel, tag="table", kw_only=True):
    options: TableOptions


class DatasourceVariable(Strict, tag="datasource"):
    name: Text
    label: Text
    query: Literal["prometheus"]
    hide: Literal[0, 1, 2]


class VariableQuery(Strict):
    query: Text
    ref_id: Text


class Current(Strict):
    text: str
    value: str


class QueryVariable(Strict, tag="query"):
    name: Text
    label: Text
    datasource: DatasourceRef
    query: VariableQuery
    refresh: Literal[0, 1, 2]
    sort: Annotated[int, Meta(ge=0, le=8)]
    multi: bool
    include_all: bool
    all_value: str
    current: Current
    hide: Literal[0, 1, 2]


class Templating(Strict):
    variables: list[DatasourceVariable | QueryVariable] = msgspec.field(name="list")


class Annotations(Strict):
    queries: list[None] = msgspec.field(name="list")


class TimeRange(Strict):
    from_: str = msgspec.field(name="from")
    to: str = msgspec.field(name="to")


class Dashboard(Strict):
    uid: Annotated[str, Meta(min_length=1, max_length=40)]
    title: Text
    description: Text
    tags: list[Text]
    schema_version: Annotated[int, Meta(ge=36)]
    version: Count
    editable: bool
    graph_tooltip: Literal[0, 1, 2]
    timezone: Literal["browser", "utc"]
    refresh: Text
    time: TimeRange
    templating: Templating
    annotations: Annotations
    links: list[None]
    panels: list[RowPanel | StatPanel | TimeseriesPanel | TablePanel]

    @property
    def query_panels(self) -> "list[StatPanel | TimeseriesPanel | TablePanel]":
        """The panels with queries."""
        return [panel for panel in self.panels if not isinstance(panel, RowPanel)]

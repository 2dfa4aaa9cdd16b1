"""Choice of samples, and the difference between infinite and unavailable values."""

from collections.abc import Mapping
from decimal import Decimal

from monitor.core.metrics.sampling import SeriesKey, due_samples
from monitor.core.model.account import Price
from monitor.core.model.events import CrossRead, Event, PricesRead, Tick
from monitor.core.model.journal import Sample
from monitor.core.model.metric import MetricValue, MissingValue
from monitor.core.model.metric_values import DataState, MetricValues
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_state import LastSample
from tests.support.examples.accounts import NOW, after, cross_snapshot

READ = CrossRead(cross_snapshot())
TICK = Tick()


def figures(state: DataState = "ok", **values: MetricValue) -> Mapping[tuple[str, str], MetricValues]:
    return {("cross", ""): MetricValues("cross", "", state, NOW, "poll", values, values)}


def samples_of(
    known: Mapping[SeriesKey, LastSample],
    seconds: float,
    event: Event = READ,
    state: DataState = "ok",
    **values: MetricValue,
) -> tuple[list[MetricValue | None], Mapping[SeriesKey, LastSample]]:
    samples, now_known = due_samples(known, figures(state, **values), event, after(seconds))  # type: ignore[arg-type]
    return [sample.value for sample in samples], now_known


def test_sample_carries_subject_metric_and_time() -> None:
    samples, _ = due_samples({}, figures(margin_level=Decimal("1.5")), READ, NOW)  # type: ignore[arg-type]
    assert samples == (Sample("cross", "", "margin_level", NOW, Decimal("1.5")),)


def test_infinite_is_recorded_as_infinite_and_unavailable_as_none() -> None:
    assert samples_of({}, 0, margin_level=INFINITE)[0] == [INFINITE]
    assert samples_of({}, 0, margin_level=MissingValue.UNAVAILABLE)[0] == [None]


def test_metric_that_does_not_apply_is_not_recorded() -> None:
    assert samples_of({}, 0, peg_deviation=MissingValue.NOT_APPLICABLE)[0] == []


def test_changed_value_is_recorded_at_most_every_ten_seconds() -> None:
    _, known = samples_of({}, 0, margin_level=Decimal(1))
    assert samples_of(known, 9, margin_level=Decimal(2))[0] == []
    assert samples_of(known, 10, margin_level=Decimal(2))[0] == [2]


def test_early_change_is_recorded_when_its_ten_seconds_are_over() -> None:
    # A read after an action came three seconds after the last sample; the next read is a minute away.
    _, known = samples_of({}, 0, margin_level=Decimal(1), equity_usdt=Decimal(7))
    _, known = samples_of(known, 3, margin_level=Decimal(2), equity_usdt=Decimal(7))
    early, known = samples_of(known, 9, TICK, margin_level=Decimal(2), equity_usdt=Decimal(8))
    assert early == []
    late, known = samples_of(known, 10, TICK, margin_level=Decimal(2), equity_usdt=Decimal(8))
    assert late == [2]
    assert samples_of(known, 60, TICK, margin_level=Decimal(3), equity_usdt=Decimal(8))[0] == []


def test_reverted_change_is_not_recorded_later() -> None:
    _, known = samples_of({}, 0, margin_level=Decimal(1))
    _, known = samples_of(known, 3, margin_level=Decimal(2))
    _, known = samples_of(known, 6, margin_level=Decimal(1))
    assert samples_of(known, 10, TICK, margin_level=Decimal(5))[0] == []


def test_unchanged_value_is_recorded_once_an_hour() -> None:
    _, known = samples_of({}, 0, margin_level=Decimal(1))
    assert samples_of(known, 3_599, margin_level=Decimal(1))[0] == []
    assert samples_of(known, 3_600, margin_level=Decimal(1))[0] == [1]


def test_only_snapshots_give_samples() -> None:
    prices = PricesRead({"BTCUSDT": Price(Decimal(1), NOW)})
    assert samples_of({}, 0, prices, margin_level=Decimal(1))[0] == []
    assert samples_of({}, 0, TICK, margin_level=Decimal(1))[0] == []


def test_series_ends_where_its_figures_went_stale() -> None:
    _, known = samples_of({}, 0, margin_level=Decimal(1))
    ended, known = samples_of(known, 5, TICK, "stale", margin_level=MissingValue.UNAVAILABLE)
    assert ended == [None]
    assert samples_of(known, 6, TICK, "stale", margin_level=MissingValue.UNAVAILABLE)[0] == []


def test_returning_value_is_recorded() -> None:
    _, known = samples_of({}, 0, margin_level=MissingValue.UNAVAILABLE)
    assert samples_of(known, 10, margin_level=Decimal(1))[0] == [1]


def test_known_samples_are_unchanged_when_nothing_is_recorded() -> None:
    _, known = samples_of({}, 0, margin_level=Decimal(1))
    assert samples_of(known, 1, margin_level=Decimal(1))[1] is known

"""Which figures are kept, and how infinite and unavailable are told apart."""

from collections.abc import Mapping
from decimal import Decimal

from monitor.core.metrics.sampling import Series, due_samples
from monitor.core.model.account import Price
from monitor.core.model.events import CrossRead, Event, PricesRead, Tick
from monitor.core.model.journal import Sample
from monitor.core.model.metric import Missing, Value
from monitor.core.model.metric_values import Figures, FigureState
from monitor.core.numbers.amounts import INFINITE
from monitor.core.state.account_state import Sampled
from tests.support.examples.accounts import NOW, after, cross

READ = CrossRead(cross())
TICK = Tick()


def figures(state: FigureState = "ok", **values: Value) -> Mapping[tuple[str, str], Figures]:
    return {("cross", ""): Figures("cross", "", state, NOW, "poll", values, values)}


def kept(
    known: Mapping[Series, Sampled],
    seconds: float,
    event: Event = READ,
    state: FigureState = "ok",
    **values: Value,
) -> tuple[list[Value | None], Mapping[Series, Sampled]]:
    samples, now_known = due_samples(known, figures(state, **values), event, after(seconds))  # type: ignore[arg-type]
    return [sample.value for sample in samples], now_known


def test_sample_says_whose_value_it_is_and_when() -> None:
    samples, _ = due_samples({}, figures(margin_level=Decimal("1.5")), READ, NOW)  # type: ignore[arg-type]
    assert samples == (Sample("cross", "", "margin_level", NOW, Decimal("1.5")),)


def test_infinite_is_kept_as_infinite_and_unavailable_as_none() -> None:
    assert kept({}, 0, margin_level=INFINITE)[0] == [INFINITE]
    assert kept({}, 0, margin_level=Missing.UNAVAILABLE)[0] == [None]


def test_what_does_not_apply_is_not_kept() -> None:
    assert kept({}, 0, peg_deviation=Missing.NOT_APPLICABLE)[0] == []


def test_changed_value_is_kept_at_most_every_ten_seconds() -> None:
    _, known = kept({}, 0, margin_level=Decimal(1))
    assert kept(known, 9, margin_level=Decimal(2))[0] == []
    assert kept(known, 10, margin_level=Decimal(2))[0] == [2]


def test_a_change_that_came_too_soon_is_kept_as_soon_as_it_may_be() -> None:
    # An action was read back three seconds after the last point; the next read is a minute away.
    _, known = kept({}, 0, margin_level=Decimal(1), equity_usdt=Decimal(7))
    _, known = kept(known, 3, margin_level=Decimal(2), equity_usdt=Decimal(7))
    early, known = kept(known, 9, TICK, margin_level=Decimal(2), equity_usdt=Decimal(8))
    assert early == []
    late, known = kept(known, 10, TICK, margin_level=Decimal(2), equity_usdt=Decimal(8))
    assert late == [2]
    assert kept(known, 60, TICK, margin_level=Decimal(3), equity_usdt=Decimal(8))[0] == []


def test_a_change_that_was_undone_at_once_is_not_waited_for() -> None:
    _, known = kept({}, 0, margin_level=Decimal(1))
    _, known = kept(known, 3, margin_level=Decimal(2))
    _, known = kept(known, 6, margin_level=Decimal(1))
    assert kept(known, 10, TICK, margin_level=Decimal(5))[0] == []


def test_same_value_is_kept_once_an_hour() -> None:
    _, known = kept({}, 0, margin_level=Decimal(1))
    assert kept(known, 3_599, margin_level=Decimal(1))[0] == []
    assert kept(known, 3_600, margin_level=Decimal(1))[0] == [1]


def test_only_reads_give_points() -> None:
    prices = PricesRead({"BTCUSDT": Price(Decimal(1), NOW)})
    assert kept({}, 0, prices, margin_level=Decimal(1))[0] == []
    assert kept({}, 0, TICK, margin_level=Decimal(1))[0] == []


def test_series_ends_where_its_figures_went_stale() -> None:
    _, known = kept({}, 0, margin_level=Decimal(1))
    ended, known = kept(known, 5, TICK, "stale", margin_level=Missing.UNAVAILABLE)
    assert ended == [None]
    assert kept(known, 6, TICK, "stale", margin_level=Missing.UNAVAILABLE)[0] == []


def test_value_that_came_back_is_kept() -> None:
    _, known = kept({}, 0, margin_level=Missing.UNAVAILABLE)
    assert kept(known, 10, margin_level=Decimal(1))[0] == [1]


def test_nothing_kept_leaves_what_is_known_untouched() -> None:
    _, known = kept({}, 0, margin_level=Decimal(1))
    assert kept(known, 1, margin_level=Decimal(1))[1] is known

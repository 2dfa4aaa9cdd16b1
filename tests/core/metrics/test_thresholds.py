"""The bars in force: read, remembered or documented, and what is said of those that are not certain."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.actions.decision import decide
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import read_target
from monitor.core.metrics.data_quality import gaps
from monitor.core.metrics.snapshot import figures_of
from monitor.core.metrics.thresholds import CROSS_BARS, PAIR_BARS, calls_by_ratio, supposed_call
from monitor.core.model.account import CROSS, Bars, IsolatedPair, KeyPermissions, Scope, Tier
from monitor.core.model.alert import Alert, AlertKey, AlertState
from monitor.core.model.events import BarsRead, KeyRead, ReadFailed, TiersRead
from monitor.core.model.lending_terms import Terms, bars_text, remembered, tiers_text
from monitor.core.model.safety import Safety
from monitor.core.rules.rule import parse_rules
from monitor.core.state.account_settings import Settings
from monitor.core.state.apply import apply
from monitor.view.messages.message import _figure_lines
from tests.support.examples.accounts import (
    BARS,
    FIVE_FOLD,
    NOW,
    SETTINGS,
    long_pair,
    short_pair,
    started,
    watched,
    watched_pair,
)

D = Decimal
LATER = NOW + timedelta(seconds=11)
MAY = KeyPermissions(True, True, True, True, withdrawals=False, ip_restricted=True)


class TestCross:
    def test_what_was_read_is_certain(self) -> None:
        found = figures_of(watched(), SETTINGS, ("cross", ""), LATER).bars
        assert found is not None
        assert (found.bars, found.origin, found.note) == (BARS, "read", "")

    def test_documented_bars_wait_for_the_first_read_and_not_for_one_that_failed(self) -> None:
        state = replace(watched(), bars=None)
        assert figures_of(state, SETTINGS, ("cross", ""), NOW + timedelta(seconds=9)).bars is None
        failed = apply(state, ReadFailed("reference_data", CROSS, NOW, "503"), NOW)
        for found in (
            figures_of(failed, SETTINGS, ("cross", ""), NOW).bars,
            figures_of(state, SETTINGS, ("cross", ""), LATER).bars,
        ):
            assert found is not None
            assert (found.bars, found.origin) == (CROSS_BARS[3], "documented")
            assert found.note == ("supposed: the account's own were never read, these are documented for cross of 3x")

    def test_remembered_bars_hold_until_they_are_read(self) -> None:
        own = CROSS_BARS[5]
        state = replace(watched(), bars=own, remembered=frozenset({CROSS}))
        found = figures_of(state, SETTINGS, ("cross", ""), NOW).bars
        assert found is not None
        assert (found.bars, found.origin) == (own, "remembered")
        assert found.note == "as read in an earlier run, not since the start"
        read = figures_of(apply(state, BarsRead(own), NOW), SETTINGS, ("cross", ""), NOW).bars
        assert read is not None
        assert (read.origin, read.note) == ("read", "")

    def test_message_and_status_say_so(self) -> None:
        figures = figures_of(replace(watched(), bars=None), SETTINGS, ("cross", ""), LATER)
        assert _figure_lines(figures, LATER)[0] == (
            "Bars: initial 1.50, margin call 1.30, liquidation 1.10 "
            "(supposed: the account's own were never read, these are documented for cross of 3x)"
        )
        state = replace(watched(), bars=None)
        assert "bars" in [gap.kind for gap in gaps(state, SETTINGS, CROSS, figures, LATER)]
        assert "bars" not in [
            gap.kind
            for gap in gaps(watched(), SETTINGS, CROSS, figures_of(watched(), SETTINGS, ("cross", ""), LATER), LATER)
        ]


class TestPair:
    @pytest.mark.parametrize("pair", [long_pair(), short_pair()])
    def test_liquidation_price_tells_the_leverage(self, pair: IsolatedPair) -> None:
        found = figures_of(replace(watched_pair(pair), tiers={}), SETTINGS, ("isolated", "BTCUSDT"), LATER).bars
        assert found is not None
        assert (found.bars, found.origin) == (PAIR_BARS[5], "documented")
        assert found.note.endswith("documented for pairs of 5x, which its liquidation price fits")

    @pytest.mark.parametrize(("price", "leverage"), [("42000", 10), ("47200", 3), (None, 3), ("90000", 3)])
    def test_without_a_telling_price_the_most_cautious_are_supposed(self, price: str | None, leverage: int) -> None:
        pair = replace(long_pair(), liquidation_price=None if price is None else D(price))
        found = figures_of(replace(watched_pair(pair), tiers={}), SETTINGS, ("isolated", "BTCUSDT"), LATER).bars
        assert found is not None
        assert (found.bars, found.origin) == (PAIR_BARS[leverage], "documented")

    def test_remembered_tiers_hold_until_they_are_read(self) -> None:
        state = replace(watched_pair(long_pair()), remembered=frozenset({Scope("BTCUSDT"), Scope("ETHUSDT")}))
        found = figures_of(state, SETTINGS, ("isolated", "BTCUSDT"), NOW).bars
        assert found is not None
        assert found.origin == "remembered"
        after = apply(state, TiersRead("BTCUSDT", (FIVE_FOLD,)), NOW)
        assert after.remembered == {Scope("ETHUSDT")}


@pytest.mark.parametrize(
    ("initial", "liquidation", "call"),
    [("1.5", "1.2", "1.25"), ("1.25", "1.15", "1.2"), ("1.06", "1.02", "1.04"), ("1.1", "1.3", "1.35")],
)
def test_unlisted_margin_call_is_supposed_above_liquidation_and_below_the_initial_bar(
    initial: str, liquidation: str, call: str
) -> None:
    assert supposed_call(D(initial), D(liquidation)) == D(call)


@pytest.mark.parametrize("bars", PAIR_BARS.values())
def test_supposed_margin_call_is_no_later_than_the_documented_one(bars: Bars) -> None:
    # The gap of 10x reaches the bar itself: halfway is later by a hundredth, and its own is in the table.
    assert supposed_call(bars.initial, bars.liquidation) >= bars.margin_call - D("0.02")


def test_own_margin_calls_are_laid_over_the_documented_ones() -> None:
    assert calls_by_ratio([("1.050", D("1.12")), ("1.3", D("1.35"))]) == {
        D("1.05"): D("1.12"),
        D("1.15"): D("1.19"),
        D("1.18"): D("1.22"),
        D("1.3"): D("1.35"),
    }


AMOUNTS = st.decimals(min_value=0, max_value=10**12, places=8)
RATIOS = st.decimals(min_value=1, max_value=100, places=4)


@given(
    st.builds(Bars, RATIOS, RATIOS, RATIOS),
    st.lists(st.builds(Tier, st.integers(1, 99), RATIOS, RATIOS, AMOUNTS, AMOUNTS), min_size=1, max_size=5),
)
def test_terms_tell_what_they_were_made_of(bars: Bars, tiers: list[Tier]) -> None:
    known = [Terms("bars", "", bars_text(bars), NOW), Terms("tiers", "BTCUSDT", tiers_text(tiers), NOW)]
    found = remembered(known)
    assert (found.bars, found.tiers) == (bars, {"BTCUSDT": tuple(tiers)})


@pytest.mark.parametrize("text", ["", "none", "initial 1.5", "1: 1.5/1.2 up to x/y", "initial 1.5, margin call NaN, x"])
def test_terms_that_tell_nothing_are_as_if_never_seen(text: str) -> None:
    found = remembered([Terms("bars", "", text, NOW), Terms("tiers", "BTCUSDT", text, NOW)])
    assert (found.bars, found.tiers) == (None, {})


@pytest.mark.parametrize(
    ("when", "sized", "moves"),
    [
        ("margin_level < initial_level * 2", {"target": read_target("margin_level >= 3")}, False),
        ("margin_level < 2.5", {"target": read_target("margin_level >= initial_level * 2")}, False),
        ("margin_level < 2.5", {"target": read_target("margin_level >= 3")}, True),
        ("margin_level < 2.5", {"amount": D(100)}, True),
        ("margin_level < initial_level * 2", {"amount": D(100)}, False),
    ],
)
def test_no_money_moves_by_documented_bars(when: str, sized: dict[str, object], moves: bool) -> None:
    table = {"name": "low", "scope": "cross", "when": when, "severity": "critical", "actions": ["repay"]}
    (rule,) = parse_rules([table], "rules.toml")
    spec = ActionSpec("repay", "repay", mode="live", max_amount=D(9999), max_per_day=D(9999), **sized)  # type: ignore[arg-type]  # names and values are the row's
    key = AlertKey("low", "main", "cross", "")
    firing = Alert(7, key, AlertState.FIRING, "critical", NOW, when, "", "margin level 1.83", fired_at=NOW)
    state = replace(watched(), bars=None, alerts={key: firing})
    state = apply(state, KeyRead(True, MAY, NOW), NOW)
    state = apply(state, ReadFailed("reference_data", CROSS, NOW, "503"), NOW)
    figures = {("cross", ""): figures_of(state, SETTINGS, ("cross", ""), NOW)}
    found = decide(state, figures, (rule,), (spec,), Safety(), SETTINGS, NOW, lambda: 1)  # type: ignore[arg-type]  # a literal key
    assert bool(found.intents) is moves
    if not moves:
        (stop,) = found.blocked.values()
        assert (stop.counts, stop.reason) == (
            True,
            "its bars were never read, and no money moves by documented ones; act by hand",
        )


def test_nothing_is_supposed_of_an_account_of_which_bars_are_on_their_way() -> None:
    state = replace(started(), bars=None)
    assert figures_of(state, Settings("main"), ("cross", ""), NOW).bars is None

"""Effective thresholds: read, remembered or documented, and the note about uncertain ones."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.rules.rule_files import parse_rules
from monitor.core.actions.decision import decide
from monitor.core.actions.spec import ActionSpec
from monitor.core.actions.target import parse_sizing_target
from monitor.core.metrics.data_quality import find_data_issues
from monitor.core.metrics.snapshot import measure_subject
from monitor.core.metrics.thresholds import (
    DOCUMENTED_CROSS_THRESHOLDS,
    DOCUMENTED_PAIR_THRESHOLDS,
    assumed_margin_call,
    margin_calls_by_ratio,
)
from monitor.core.model.account import CROSS, IsolatedPair, KeyPermissions, LeverageTier, Scope, Thresholds
from monitor.core.model.alert import Alert, AlertKey, AlertState
from monitor.core.model.events import KeyRead, LeverageTiersRead, ReadFailed, ThresholdsRead
from monitor.core.model.lending_terms import LendingTerms, parse_remembered_thresholds, thresholds_text, tiers_text
from monitor.core.model.safety_settings import SafetySettings
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import ThresholdState
from monitor.core.state.account_update import apply_account_event
from monitor.view.messages.message import _figure_lines
from tests.support.examples.accounts import (
    FIVE_TIMES_TIER,
    NOW,
    SETTINGS,
    THRESHOLDS,
    cross_account_state,
    long_pair,
    new_account_state,
    pair_account_state,
    short_pair,
)

D = Decimal
LATER = NOW + timedelta(seconds=11)
MAY = KeyPermissions(True, True, True, True, withdrawals=False, ip_restricted=True)


class TestCross:
    def test_read_thresholds_are_certain(self) -> None:
        found = measure_subject(cross_account_state(), SETTINGS, ("cross", ""), LATER).thresholds
        assert found is not None
        assert (found.thresholds, found.origin, found.note) == (THRESHOLDS, "read", "")

    def test_documented_thresholds_are_used_only_after_a_failed_first_read(self) -> None:
        state = replace(cross_account_state(), thresholds=ThresholdState())
        assert measure_subject(state, SETTINGS, ("cross", ""), NOW + timedelta(seconds=9)).thresholds is None
        failed = apply_account_event(state, ReadFailed("reference_data", CROSS, NOW, "503"), NOW)
        for found in (
            measure_subject(failed, SETTINGS, ("cross", ""), NOW).thresholds,
            measure_subject(state, SETTINGS, ("cross", ""), LATER).thresholds,
        ):
            assert found is not None
            assert (found.thresholds, found.origin) == (DOCUMENTED_CROSS_THRESHOLDS[3], "documented")
            assert "cross of 3x" in found.note

    def test_remembered_thresholds_hold_until_the_first_read(self) -> None:
        own = DOCUMENTED_CROSS_THRESHOLDS[5]
        state = replace(cross_account_state(), thresholds=ThresholdState(own, remembered_scopes=frozenset({CROSS})))
        found = measure_subject(state, SETTINGS, ("cross", ""), NOW).thresholds
        assert found is not None
        assert (found.thresholds, found.origin) == (own, "remembered")
        assert found.note
        read = measure_subject(
            apply_account_event(state, ThresholdsRead(own), NOW), SETTINGS, ("cross", ""), NOW
        ).thresholds
        assert read is not None
        assert (read.origin, read.note) == ("read", "")

    def test_message_and_status_mark_uncertain_thresholds(self) -> None:
        figures = measure_subject(
            replace(cross_account_state(), thresholds=ThresholdState()), SETTINGS, ("cross", ""), LATER
        )
        line = _figure_lines(figures, LATER)[0]
        for words in ("initial 1.50", "margin call 1.30", "liquidation 1.10", "supposed"):
            assert words in line
        state = replace(cross_account_state(), thresholds=ThresholdState())
        assert "bars" in [gap.kind for gap in find_data_issues(state, SETTINGS, CROSS, figures, LATER)]
        assert "bars" not in [
            gap.kind
            for gap in find_data_issues(
                cross_account_state(),
                SETTINGS,
                CROSS,
                measure_subject(cross_account_state(), SETTINGS, ("cross", ""), LATER),
                LATER,
            )
        ]


class TestPair:
    @pytest.mark.parametrize("pair", [long_pair(), short_pair()])
    def test_leverage_follows_from_the_liquidation_price(self, pair: IsolatedPair) -> None:
        found = measure_subject(
            replace(pair_account_state(pair), thresholds=ThresholdState()), SETTINGS, ("isolated", "BTCUSDT"), LATER
        ).thresholds
        assert found is not None
        assert (found.thresholds, found.origin) == (DOCUMENTED_PAIR_THRESHOLDS[5], "documented")
        assert found.note.endswith("documented for pairs of 5x, which its liquidation price fits")

    @pytest.mark.parametrize(("price", "leverage"), [("42000", 10), ("47200", 3), (None, 3), ("90000", 3)])
    def test_most_cautious_tier_is_assumed_without_a_liquidation_price(self, price: str | None, leverage: int) -> None:
        pair = replace(long_pair(), liquidation_price=None if price is None else D(price))
        found = measure_subject(
            replace(pair_account_state(pair), thresholds=ThresholdState()), SETTINGS, ("isolated", "BTCUSDT"), LATER
        ).thresholds
        assert found is not None
        assert (found.thresholds, found.origin) == (DOCUMENTED_PAIR_THRESHOLDS[leverage], "documented")

    def test_remembered_tiers_hold_until_they_are_read(self) -> None:
        state = pair_account_state(long_pair())
        remembered = frozenset({Scope("BTCUSDT"), Scope("ETHUSDT")})
        state = replace(state, thresholds=replace(state.thresholds, remembered_scopes=remembered))
        found = measure_subject(state, SETTINGS, ("isolated", "BTCUSDT"), NOW).thresholds
        assert found is not None
        assert found.origin == "remembered"
        after = apply_account_event(state, LeverageTiersRead("BTCUSDT", (FIVE_TIMES_TIER,)), NOW)
        assert after.thresholds.remembered_scopes == {Scope("ETHUSDT")}


@pytest.mark.parametrize(
    ("initial", "liquidation", "call"),
    [("1.5", "1.2", "1.25"), ("1.25", "1.15", "1.2"), ("1.06", "1.02", "1.04"), ("1.1", "1.3", "1.35")],
)
def test_unlisted_margin_call_is_assumed_between_liquidation_and_initial(
    initial: str, liquidation: str, call: str
) -> None:
    assert assumed_margin_call(D(initial), D(liquidation)) == D(call)


@pytest.mark.parametrize("bars", DOCUMENTED_PAIR_THRESHOLDS.values())
def test_assumed_margin_call_is_never_later_than_the_documented_one(bars: Thresholds) -> None:
    # The margin-call distance of 10x reaches the initial level: halfway is later by a hundredth, and its own is listed.
    assert assumed_margin_call(bars.initial, bars.liquidation) >= bars.margin_call - D("0.02")


def test_configured_margin_calls_override_the_documented_ones() -> None:
    assert margin_calls_by_ratio([("1.050", D("1.12")), ("1.3", D("1.35"))]) == {
        D("1.05"): D("1.12"),
        D("1.15"): D("1.19"),
        D("1.18"): D("1.22"),
        D("1.3"): D("1.35"),
    }


AMOUNTS = st.decimals(min_value=0, max_value=10**12, places=8)
RATIOS = st.decimals(min_value=1, max_value=100, places=4)


@given(
    st.builds(Thresholds, RATIOS, RATIOS, RATIOS),
    st.lists(st.builds(LeverageTier, st.integers(1, 99), RATIOS, RATIOS, AMOUNTS, AMOUNTS), min_size=1, max_size=5),
)
def test_terms_round_trip_to_thresholds(bars: Thresholds, tiers: list[LeverageTier]) -> None:
    known = [
        LendingTerms("bars", "", thresholds_text(bars), NOW),
        LendingTerms("tiers", "BTCUSDT", tiers_text(tiers), NOW),
    ]
    found = parse_remembered_thresholds(known)
    assert (found.thresholds, found.tiers) == (bars, {"BTCUSDT": tuple(tiers)})


@pytest.mark.parametrize("text", ["", "none", "initial 1.5", "1: 1.5/1.2 up to x/y", "initial 1.5, margin call NaN, x"])
def test_unreadable_terms_are_ignored(text: str) -> None:
    found = parse_remembered_thresholds(
        [LendingTerms("bars", "", text, NOW), LendingTerms("tiers", "BTCUSDT", text, NOW)]
    )
    assert (found.thresholds, found.tiers) == (None, {})


@pytest.mark.parametrize(
    ("when", "sized", "moves"),
    [
        ("margin_level < initial_level * 2", {"target": parse_sizing_target("margin_level >= 3")}, False),
        ("margin_level < 2.5", {"target": parse_sizing_target("margin_level >= initial_level * 2")}, False),
        ("margin_level < 2.5", {"target": parse_sizing_target("margin_level >= 3")}, True),
        ("margin_level < 2.5", {"amount": D(100)}, True),
        ("margin_level < initial_level * 2", {"amount": D(100)}, False),
    ],
)
def test_no_action_is_sized_by_documented_thresholds(when: str, sized: dict[str, object], moves: bool) -> None:
    table = {"name": "low", "scope": "cross", "when": when, "severity": "critical", "actions": ["repay"]}
    (rule,) = parse_rules([table], "rules.toml")
    spec = ActionSpec("repay", "repay", mode="live", max_amount=D(9999), max_per_day=D(9999), **sized)  # type: ignore[arg-type]  # names and values are the row's
    key = AlertKey("low", "main", "cross", "")
    firing = Alert(7, key, AlertState.FIRING, "critical", NOW, when, "", "margin level 1.83", fired_at=NOW)
    state = replace(cross_account_state(), thresholds=ThresholdState(), alerts={key: firing})
    state = apply_account_event(state, KeyRead(True, MAY, NOW), NOW)
    state = apply_account_event(state, ReadFailed("reference_data", CROSS, NOW, "503"), NOW)
    figures = {("cross", ""): measure_subject(state, SETTINGS, ("cross", ""), NOW)}
    found = decide(state, figures, (rule,), (spec,), SafetySettings(), SETTINGS, NOW, lambda: 1)  # type: ignore[arg-type]  # a literal key
    assert bool(found.intents) is moves
    if not moves:
        (stop,) = found.blocks.values()
        assert stop.blocks_live_action
        assert "documented" in stop.reason
        assert "act by hand" in stop.reason


def test_nothing_is_assumed_while_thresholds_are_being_read() -> None:
    state = replace(new_account_state(), thresholds=ThresholdState())
    assert measure_subject(state, AccountSettings("main"), ("cross", ""), NOW).thresholds is None

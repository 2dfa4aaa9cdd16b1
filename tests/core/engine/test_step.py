"""One step: an event, the new state and the journal entry."""

import itertools
import tomllib
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import pytest

from monitor.config.rules.rule_files import parse_rules
from monitor.core.alerting.lifecycle import ChannelRouting
from monitor.core.engine.step import IdSource, Policy, StepResult, step
from monitor.core.model.account import CROSS, Balance, IsolatedSnapshot, KeyPermissions, LiquidationOrder, Scope
from monitor.core.model.alert import Ack, AlertState, NotificationReason
from monitor.core.model.events import (
    CommandsRead,
    CrossRead,
    Event,
    HealthRead,
    IntentUpdated,
    IsolatedRead,
    KeyRead,
    LeverageTiersRead,
    LiquidationsRead,
    PricesRead,
    ReadFailed,
    StreamAlive,
    StreamChanged,
    StreamEvent,
    Tick,
)
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import Order, Repay, Transfer
from monitor.core.model.stream_payloads import BalanceAdjusted, BalancesChanged, MarginNotice, ParsedPayload, StreamName
from monitor.core.rules.rule import Rule
from monitor.core.state.account_settings import AccountSettings
from monitor.core.state.account_state import AccountState, ThresholdState
from monitor.resources import packaged_path
from tests.support.examples.accounts import (
    FIVE_TIMES_TIER,
    NOW,
    SETTINGS,
    THRESHOLDS,
    after,
    cross_account_state,
    cross_snapshot,
    isolated_snapshot,
    long_pair,
    new_account_state,
    prices,
    sample_balances,
    sample_prices,
)

LOW = parse_rules([{"name": "low", "scope": "cross", "when": "margin_level < 1.5", "clear": "margin_level > 1.6"}], "t")
STREAMS: tuple[StreamName, ...] = ("account", "market", "risk")
KEY = KeyPermissions(True, True, True, True, False, True)


def shipped_ladder() -> tuple[Rule, ...]:
    tables = tomllib.loads(packaged_path("config", "rules", "ladder.toml").read_text())["rules"]
    return parse_rules(tables, "ladder")


@dataclass
class EngineRun:
    """One account, event by event."""

    rules: tuple[Rule, ...] = LOW
    state: AccountState = field(default_factory=new_account_state)
    alerts: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    settings: AccountSettings = SETTINGS

    def step(self, event: Event, seconds: float = 0) -> StepResult:
        policy = Policy(self.settings, self.rules, ChannelRouting(("phone",)))
        ids = IdSource(self.alerts.__next__, itertools.count(1).__next__)
        done = step(self.state, event, policy, after(seconds), ids)
        self.state = done.state
        return done

    def start(self, seconds: float = 0) -> "EngineRun":
        """Bring the account to a state in which everything is connected, read and priced, without any alert."""
        for name in STREAMS:
            self.step(StreamChanged(name, True, (), after(seconds)), seconds)
        self.step(PricesRead(sample_prices(after(seconds))), seconds)
        self.step(CrossRead(cross_snapshot(after(seconds))), seconds)
        self.step(IsolatedRead(IsolatedSnapshot(after(seconds), after(seconds), {})), seconds)
        self.step(KeyRead(True, KEY, after(seconds)), seconds)
        self.step(LiquidationsRead(()), seconds)
        return self


def event_of(
    meaning: ParsedPayload = None, stream: StreamName = "account", scope: Scope = CROSS, rejected: str | None = None
) -> StreamEvent:
    return StreamEvent(stream, scope, "x", "key", NOW, NOW, "{}", meaning, rejected)


def intent_of(order: Order) -> Intent:
    return Intent(1, None, "a", "repay", "live", "main", order, IntentState.CONFIRMED, Decimal(1), NOW, settled_at=NOW)


class TestStep:
    def test_alert_its_transition_and_its_message_are_one_entry(self) -> None:
        story = EngineRun().start()
        done = story.step(PricesRead(prices(after(1), BTCUSDT=40_000)), 1)
        # 1.5 · 40,000 + 20,000 = 80,000 against 60,000.
        (alert,) = done.entry.alerts
        assert (alert.id, alert.summary, alert.fired_at) == (1, "margin level 1.33", after(1))
        assert [t.to_state for t in done.entry.transitions] == [AlertState.FIRING]
        assert [n.reason for n in done.entry.notifications] == [NotificationReason.FIRED]
        assert done.state.alerts[alert.key] == alert

    def test_price_that_hardly_moved_is_known_at_once_and_evaluated_at_the_next_tick(self) -> None:
        story = EngineRun().start()
        quiet = story.step(PricesRead(prices(after(1), BTCUSDT=40_000), frozenset()), 1)
        assert quiet.entry.is_empty
        assert quiet.state.prices.newest["BTCUSDT"].value == 40_000
        (alert,) = story.step(Tick(), 1.5).entry.alerts
        assert (alert.summary, alert.fired_at) == ("margin level 1.33", after(1.5))

    def test_price_that_moved_is_evaluated_with_those_that_hardly_did(self) -> None:
        story = EngineRun().start()
        moved = PricesRead(prices(after(1), BTCUSDT=40_000, XRPUSDT=2), frozenset({"XRPUSDT"}))
        assert story.step(moved, 1).entry.is_empty
        both = PricesRead(prices(after(2), BTCUSDT=40_001, XRPUSDT=2), frozenset({"BTCUSDT"}))
        (alert,) = story.step(both, 2).entry.alerts
        assert alert.summary == "margin level 1.33"

    def test_first_price_after_a_silence_is_evaluated_at_once(self) -> None:
        story = EngineRun().start()
        (alert,) = story.step(PricesRead(prices(after(60), BTCUSDT=40_000), frozenset()), 60).entry.alerts
        assert alert.summary == "margin level 1.33"

    def test_withdrawal_event_is_evaluated_at_once(self) -> None:
        story = EngineRun().start()
        left = BalancesChanged(after(1), {"BTC": (Decimal("0.9"), Decimal(0))})
        done = story.step(replace(event_of(left), event_time=after(1)), 1)
        # 0.9 · 60,000 + 20,000 = 74,000 against 60,000.
        (alert,) = done.entry.alerts
        assert (alert.summary, alert.fired_at, done.requested_reads) == (
            "margin level 1.23",
            after(1),
            frozenset({"cross"}),
        )

    def test_price_without_a_decision_records_nothing(self) -> None:
        story = EngineRun(shipped_ladder()).start()
        done = story.step(PricesRead(prices(after(1), BTCUSDT=60_001)), 1)
        assert done.entry.is_empty
        assert done.requested_reads == frozenset()

    def test_tick_without_a_change_records_nothing(self) -> None:
        story = EngineRun(shipped_ladder()).start()
        story.step(HealthRead(), 1)
        assert story.step(Tick(), 1).entry.is_empty

    def test_healthy_account_fires_none_of_the_shipped_rules(self) -> None:
        story = EngineRun(shipped_ladder()).start()
        for second in range(1, 50, 7):
            story.step(PricesRead(sample_prices(after(second))), second)
            for name in STREAMS:
                story.step(StreamAlive(name, after(second)), second)
            story.step(Tick(), second)
        assert story.state.alerts == {}

    def test_crash_climbs_the_shipped_ladder_rung_by_rung(self) -> None:
        story = EngineRun(shipped_ladder()).start()
        told: list[str] = []
        # Level (1.5 · BTC + 20,000) / 60,000: 1.45, 1.38, 1.29, 1.15.
        for second, btc in enumerate((44_666, 41_866, 38_266, 32_666), 1):
            for moment in (second * 40, second * 40 + 31):
                at = after(moment)
                story.step(PricesRead(prices(at, BTCUSDT=btc, ETHUSDT=3_000)), moment)
                level = (Decimal(btc) * Decimal("1.5") + 20_000) / 60_000
                story.step(CrossRead(cross_snapshot(at, level)), moment)
                done = story.step(Tick(), moment)
                told += [
                    key.rule for key, a in done.state.alerts.items() if a.notified_at == at and key.scope == "cross"
                ]
        assert list(dict.fromkeys(told)) == ["below-initial", "near-call", "margin-call", "liquidation-near"]

    def test_stream_event_is_recorded(self) -> None:
        event = event_of()
        assert EngineRun().step(event).entry.events == (event,)

    def test_failed_read_is_recorded(self) -> None:
        failed = ReadFailed("cross", CROSS, NOW, "no answer")
        assert EngineRun().step(failed).entry.failures == (failed,)

    def test_snapshot_gives_samples_and_prices_do_not(self) -> None:
        story = EngineRun().start()
        assert story.step(PricesRead(prices(after(20), BTCUSDT=59_000)), 20).entry.samples == ()
        samples = story.step(CrossRead(cross_snapshot(after(20), Decimal("1.84"))), 20).entry.samples
        assert {"margin_level", "polled_margin_level"} <= {s.metric for s in samples if s.scope == "cross"}

    def test_command_of_a_person_takes_effect_at_once(self) -> None:
        story = EngineRun().start()
        story.step(PricesRead(prices(after(1), BTCUSDT=40_000)), 1)
        done = story.step(CommandsRead(acks=(Ack(1, "me", after(2), "on it"),)), 2)
        assert [alert.acked_by for alert in done.entry.alerts] == ["me"]

    def test_liquidation_is_notified_at_once(self) -> None:
        story = EngineRun(shipped_ladder()).start()
        sold = LiquidationOrder("BTCUSDT", "SELL", Decimal(1), Decimal(30_000), 1, False, NOW)
        done = story.step(LiquidationsRead((sold,)), 1)
        assert [key.rule for key in done.state.alerts] == ["liquidated"]
        assert done.entry.notifications[0].severity == "critical"

    def test_refused_key_is_notified_at_once(self) -> None:
        done = EngineRun(shipped_ladder()).start().step(KeyRead(False, None, NOW), 1)
        assert [key.rule for key in done.state.alerts] == ["key-refused"]

    def test_price_affects_only_subjects_with_that_symbol(self) -> None:
        story = EngineRun(
            parse_rules([{"name": "low", "scope": ["cross", "isolated"], "when": "margin_level < 100"}], "t")
        ).start()
        for pair in ("BTCUSDT", "ETHUSDT"):
            story.state = replace(
                story.state,
                thresholds=replace(
                    story.state.thresholds, tiers={**story.state.thresholds.tiers, pair: (FIVE_TIMES_TIER,)}
                ),
            )
        pairs = isolated_snapshot(long_pair(), replace(long_pair(), symbol="ETHUSDT"), at=after(1))
        story.step(IsolatedRead(pairs), 1)
        before = dict(story.state.alerts)
        story.step(PricesRead(prices(after(2), BTCUSDT=60_000)), 2)
        looked = {key.subject for key, alert in story.state.alerts.items() if alert is not before[key]}
        assert looked == {"", "BTCUSDT"}

    def test_tiers_are_judged_at_once_for_their_own_pair(self) -> None:
        rules = parse_rules(
            [{"name": "tiers", "scope": "isolated", "when": "margin_level < 100 and liquidation_level > 0"}], "t"
        )
        story = EngineRun(rules, new_account_state(thresholds=ThresholdState(THRESHOLDS))).start()
        pairs = isolated_snapshot(long_pair(), replace(long_pair(), symbol="ETHUSDT"), at=after(1))
        story.step(IsolatedRead(pairs), 1)
        assert not story.state.alerts
        for pair in ("BTCUSDT", "ETHUSDT"):
            before = dict(story.state.alerts)
            fired = story.step(LeverageTiersRead(pair, (FIVE_TIMES_TIER,)), 2).entry.transitions
            assert len(fired) == 1
            assert {key.subject for key, alert in story.state.alerts.items() if alert is not before.get(key)} == {pair}
        # A pair that is not watched has no subject.
        assert story.step(LeverageTiersRead("SOLUSDT", (FIVE_TIMES_TIER,)), 3).entry.transitions == ()

    def test_full_evaluation_sets_the_poll_intervals(self) -> None:
        story = EngineRun().start()
        assert story.step(Tick(), 1).intervals["cross"].total_seconds() == 60
        assert (
            story.step(CrossRead(cross_snapshot(after(2), Decimal("1.4"))), 2).intervals["cross"].total_seconds() == 2
        )
        assert story.step(PricesRead(prices(after(3), BTCUSDT=60_000)), 3).intervals == {}

    def test_full_evaluation_returns_its_metrics(self) -> None:
        story = EngineRun().start()
        metrics = story.step(Tick(), 1).metrics
        assert metrics is not None
        assert metrics.now == after(1)
        assert {subject[0] for subject in metrics.subjects} == {"cross", "asset", "account", "monitor"}
        assert story.step(PricesRead(prices(after(2), BTCUSDT=60_000)), 2).metrics is None

    def test_alert_fires_between_polls_as_time_passes(self) -> None:
        story = EngineRun(
            parse_rules([{"name": "low", "scope": "cross", "when": "margin_level < 1.5", "for": "10s"}], "t")
        )
        story.start()
        story.step(CrossRead(cross_snapshot(after(1), Decimal("1.4"))), 1)
        fired: list[datetime | None] = []
        for second in range(2, 13):
            fired += [alert.fired_at for alert in story.step(Tick(), second).entry.alerts]
        assert fired == [after(11)]

    def test_same_events_give_the_same_entries(self) -> None:
        events: list[tuple[Event, float]] = [
            (PricesRead(sample_prices()), 0),
            (CrossRead(cross_snapshot(level=Decimal("1.4"))), 1),
            (Tick(), 2),
            (CrossRead(cross_snapshot(after(3), Decimal("1.7"))), 3),
        ]
        stories = (EngineRun(), EngineRun())
        told = [[story.step(event, seconds).entry for event, seconds in events] for story in stories]
        assert told[0] == told[1]


class TestReadDemand:
    @pytest.mark.parametrize("stream", STREAMS)
    def test_gap_in_a_stream_calls_for_both_snapshots(self, stream: StreamName) -> None:
        story = EngineRun().start()
        assert story.step(StreamChanged(stream, False, (), NOW)).requested_reads >= {"cross", "isolated"}
        assert story.step(StreamChanged(stream, True, (), NOW)).requested_reads >= {"cross", "isolated"}

    def test_lost_market_stream_calls_for_prices(self) -> None:
        assert "prices" in EngineRun().start().step(StreamChanged("market", False, (), NOW)).requested_reads

    @pytest.mark.parametrize(
        "meaning",
        [
            BalancesChanged(NOW, {}),
            BalanceAdjusted("BTC", Decimal(1), NOW),
            MarginNotice(Decimal("1.2"), "MARGIN_LEVEL_2"),
        ],
    )
    def test_changed_balance_calls_for_the_read_of_its_scope(self, meaning: ParsedPayload) -> None:
        assert EngineRun().step(event_of(meaning)).requested_reads == {"cross"}
        assert EngineRun().step(event_of(meaning, scope=Scope("BTCUSDT"))).requested_reads == {"isolated"}

    def test_risk_event_calls_for_cross(self) -> None:
        assert EngineRun().step(event_of(stream="risk")).requested_reads == {"cross"}

    def test_unreadable_event_requests_all_reads(self) -> None:
        assert EngineRun().step(event_of(rejected="not JSON", scope=Scope("BTCUSDT"))).requested_reads == {"isolated"}
        assert EngineRun().step(event_of(rejected="not JSON", stream="market")).requested_reads == frozenset()

    def test_unreconciled_event_requests_reads_until_one_succeeds(self) -> None:
        story = EngineRun().start()
        left = BalancesChanged(after(1), {"BTC": (Decimal("1.2"), Decimal(0))})
        assert story.step(event_of(left), 1).requested_reads == {"cross"}
        assert story.step(Tick(), 3).requested_reads == frozenset()
        story.step(ReadFailed("cross", CROSS, after(4), "HTTP 503"), 4)
        assert story.step(Tick(), 8).requested_reads == frozenset()
        assert story.step(Tick(), 9).requested_reads == {"cross"}
        story.step(CrossRead(cross_snapshot(after(10))), 10)
        assert story.step(Tick(), 30).requested_reads == frozenset()

    def test_event_without_a_change_requests_nothing(self) -> None:
        assert EngineRun().step(event_of()).requested_reads == frozenset()

    def test_first_prices_call_for_both_snapshots_again(self) -> None:
        story = EngineRun()
        story.step(CrossRead(cross_snapshot()))
        assert story.step(PricesRead(sample_prices())).requested_reads == {"cross", "isolated"}

    def test_prices_that_came_back_call_for_both_snapshots_again(self) -> None:
        story = EngineRun().start()
        assert story.step(PricesRead(prices(after(10), BTCUSDT=60_000)), 10).requested_reads == frozenset()
        assert story.step(PricesRead(prices(after(60), BTCUSDT=60_000)), 60).requested_reads == {"cross", "isolated"}

    def test_first_price_of_an_asset_calls_for_the_read_that_has_it(self) -> None:
        story = EngineRun().start()
        balances = {**sample_balances(), "ABC": Balance("ABC", free=Decimal(1))}
        story.step(CrossRead(cross_snapshot(after(1), balances=balances)), 1)
        assert story.step(PricesRead(prices(after(2), ABCUSDT=5)), 2).requested_reads == {"cross"}
        assert story.step(PricesRead(prices(after(3), ABCUSDT=6)), 3).requested_reads == frozenset()
        assert story.step(PricesRead(prices(after(4), XYZUSDT=6)), 4).requested_reads == frozenset()

    def test_new_asset_without_a_price_calls_for_prices_once(self) -> None:
        story = EngineRun().start()
        balances = {**sample_balances(), "ABC": Balance("ABC", free=Decimal(1))}
        assert story.step(CrossRead(cross_snapshot(after(1), balances=balances)), 1).requested_reads == {"prices"}
        assert story.step(CrossRead(cross_snapshot(after(2), balances=balances)), 2).requested_reads == frozenset()

    def test_prices_are_polled_while_no_stream_brings_them(self) -> None:
        story = EngineRun().start()
        assert story.step(CrossRead(cross_snapshot(after(1))), 1).requested_reads == frozenset()
        story.step(StreamChanged("market", False, (), after(2)), 2)
        assert story.step(CrossRead(cross_snapshot(after(3))), 3).requested_reads == {"prices"}

    def test_new_pair_calls_for_its_tiers_and_its_interest(self) -> None:
        story = EngineRun(state=new_account_state(thresholds=ThresholdState(THRESHOLDS))).start()
        wants = story.step(IsolatedRead(isolated_snapshot(at=after(1))), 1).requested_reads
        assert wants == {"reference_data", "interest", "interest_rates"}
        story.step(LeverageTiersRead("BTCUSDT", (FIVE_TIMES_TIER,)), 1)
        assert story.step(IsolatedRead(isolated_snapshot(at=after(2))), 2).requested_reads == frozenset()

    def test_new_debt_calls_for_its_first_charge_and_its_rate(self) -> None:
        story = EngineRun().start()
        more = {**sample_balances(), "BTC": Balance("BTC", free=Decimal(1), borrowed=Decimal("0.1"))}
        assert story.step(CrossRead(cross_snapshot(after(1), balances=more)), 1).requested_reads == {
            "interest",
            "interest_rates",
        }
        assert story.step(CrossRead(cross_snapshot(after(2), balances=more)), 2).requested_reads == frozenset()

    def test_peg_ratio_is_recorded_at_a_tick(self) -> None:
        balances = {**sample_balances(), "WBETH": Balance("WBETH", free=Decimal(1))}
        story = EngineRun(settings=replace(SETTINGS, pegs={"WBETH": "ETH"}))
        story.step(PricesRead(prices(NOW, ETHUSDT=4_000, WBETHUSDT=4_320)))
        story.step(CrossRead(cross_snapshot(balances=balances)))
        assert story.step(Tick()).state.prices.peg_history["WBETH"].points == ((NOW, Decimal("1.08")),)

    def test_unread_thresholds_are_requested_again(self) -> None:
        story = EngineRun(state=new_account_state(thresholds=ThresholdState())).start()
        assert story.step(CrossRead(cross_snapshot(after(1))), 1).requested_reads == {"reference_data"}

    def test_refused_key_is_asked_again_when_a_read_succeeds(self) -> None:
        story = EngineRun().start()
        story.step(KeyRead(False, None, NOW))
        assert story.step(CrossRead(cross_snapshot(after(1))), 1).requested_reads == {"key"}

    def test_settled_intent_requests_account_and_wallet_reads(self) -> None:
        repaid = intent_of(Repay(CROSS, "USDT", Decimal(1)))
        assert EngineRun().step(IntentUpdated(repaid)).requested_reads == {"cross", "isolated"}
        moved = intent_of(Transfer("spot", CROSS, "USDT", Decimal(1)))
        assert EngineRun().step(IntentUpdated(moved)).requested_reads == {"cross", "isolated", "spot", "funding"}

    def test_ticks_and_health_request_nothing(self) -> None:
        story = EngineRun().start()
        for event in (Tick(), HealthRead(), StreamAlive("risk", NOW), CommandsRead()):
            assert story.step(event, 1).requested_reads == frozenset()


def test_restored_alert_goes_on_without_repeating() -> None:
    story = EngineRun(state=cross_account_state()).start()
    story.step(CrossRead(cross_snapshot(after(1), Decimal("1.4"))), 1)
    alerts = {key: replace(alert, unknown_since=after(20)) for key, alert in story.state.alerts.items()}
    again = EngineRun(state=new_account_state(alerts=alerts))
    # Nothing is known yet: the alert neither clears nor is it notified again.
    assert again.step(Tick(), 100).entry.is_empty
    assert again.state.alerts.keys() == alerts.keys()
    done = again.step(CrossRead(cross_snapshot(after(101), Decimal("1.4"))), 101)
    assert done.entry.notifications == () and done.entry.transitions == ()
    (alert,) = done.state.alerts.values()
    assert (alert.id, alert.unknown_since, alert.notified_at) == (1, None, after(1))

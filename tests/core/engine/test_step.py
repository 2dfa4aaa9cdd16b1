"""One event in, everything to remember out."""

import itertools
import tomllib
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import pytest

from monitor.core.alerting.lifecycle import Audience
from monitor.core.engine.step import Ids, Policy, Step, step
from monitor.core.model.account import CROSS, Balance, IsolatedSnapshot, KeyPermissions, Liquidation, Scope
from monitor.core.model.alert import AlertState, Reason
from monitor.core.model.events import (
    Ack,
    ActionSettled,
    AssetMoved,
    BalancesChanged,
    CrossRead,
    Event,
    HealthRead,
    IsolatedRead,
    KeyRead,
    LiquidationsRead,
    MarginNotice,
    Meaning,
    OperatorRead,
    PricesRead,
    ReadFailed,
    StreamAlive,
    StreamChanged,
    StreamEvent,
    StreamName,
    Tick,
    TiersRead,
)
from monitor.core.model.intent import Intent, IntentState
from monitor.core.model.order import Order, Repay, Transfer
from monitor.core.rules.rule import Rule, parse_rules
from monitor.core.state.account_settings import Settings
from monitor.core.state.account_state import AccountState
from monitor.resources import shipped
from tests.support.examples.accounts import (
    FIVE_FOLD,
    NOW,
    SETTINGS,
    after,
    cross,
    isolated,
    long_pair,
    prices,
    sample_balances,
    sample_prices,
    started,
    watched,
)

LOW = parse_rules([{"name": "low", "scope": "cross", "when": "margin_level < 1.5", "clear": "margin_level > 1.6"}], "t")
STREAMS: tuple[StreamName, ...] = ("account", "market", "risk")
KEY = KeyPermissions(True, True, True, True, False, True)


def shipped_ladder() -> tuple[Rule, ...]:
    tables = tomllib.loads(shipped("config", "rules", "ladder.toml").read_text())["rules"]
    return parse_rules(tables, "ladder")


@dataclass
class Story:
    """One account, event by event."""

    rules: tuple[Rule, ...] = LOW
    state: AccountState = field(default_factory=started)
    alerts: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    settings: Settings = SETTINGS

    def tell(self, event: Event, seconds: float = 0) -> Step:
        policy = Policy(self.settings, self.rules, Audience(("phone",)))
        ids = Ids(self.alerts.__next__, itertools.count(1).__next__)
        done = step(self.state, event, policy, after(seconds), ids)
        self.state = done.state
        return done

    def begin(self, seconds: float = 0) -> "Story":
        """Everything is connected, read and priced; nothing is wrong."""
        for name in STREAMS:
            self.tell(StreamChanged(name, True, (), after(seconds)), seconds)
        self.tell(PricesRead(sample_prices(after(seconds))), seconds)
        self.tell(CrossRead(cross(after(seconds))), seconds)
        self.tell(IsolatedRead(IsolatedSnapshot(after(seconds), after(seconds), {})), seconds)
        self.tell(KeyRead(True, KEY, after(seconds)), seconds)
        self.tell(LiquidationsRead(()), seconds)
        return self


def event_of(
    meaning: Meaning = None, stream: StreamName = "account", scope: Scope = CROSS, rejected: str | None = None
) -> StreamEvent:
    return StreamEvent(stream, scope, "x", "key", NOW, NOW, "{}", meaning, rejected)


def intent_of(order: Order) -> Intent:
    return Intent(1, None, "a", "repay", "live", "main", order, IntentState.CONFIRMED, Decimal(1), NOW, settled_at=NOW)


class TestStep:
    def test_alert_its_transition_and_its_message_are_one_entry(self) -> None:
        story = Story().begin()
        done = story.tell(PricesRead(prices(after(1), BTCUSDT=40_000)), 1)
        # 1.5 · 40,000 + 20,000 = 80,000 against 60,000.
        (alert,) = done.entry.alerts
        assert (alert.id, alert.summary, alert.fired_at) == (1, "margin level 1.33", after(1))
        assert [t.to_state for t in done.entry.transitions] == [AlertState.FIRING]
        assert [n.reason for n in done.entry.notifications] == [Reason.FIRED]
        assert done.state.alerts[alert.key] == alert

    def test_what_an_event_takes_away_is_judged_at_once(self) -> None:
        story = Story().begin()
        left = BalancesChanged(after(1), {"BTC": (Decimal("0.9"), Decimal(0))})
        done = story.tell(replace(event_of(left), event_time=after(1)), 1)
        # 0.9 · 60,000 + 20,000 = 74,000 against 60,000.
        (alert,) = done.entry.alerts
        assert (alert.summary, alert.fired_at, done.wants) == ("margin level 1.23", after(1), frozenset({"cross"}))

    def test_price_that_changes_no_decision_leaves_nothing_to_remember(self) -> None:
        story = Story(shipped_ladder()).begin()
        done = story.tell(PricesRead(prices(after(1), BTCUSDT=60_001)), 1)
        assert done.entry.is_empty
        assert done.wants == frozenset()

    def test_tick_with_nothing_to_say_leaves_nothing_to_remember(self) -> None:
        story = Story(shipped_ladder()).begin()
        story.tell(HealthRead(), 1)
        assert story.tell(Tick(), 1).entry.is_empty

    def test_healthy_account_fires_none_of_the_shipped_rules(self) -> None:
        story = Story(shipped_ladder()).begin()
        for second in range(1, 50, 7):
            story.tell(PricesRead(sample_prices(after(second))), second)
            for name in STREAMS:
                story.tell(StreamAlive(name, after(second)), second)
            story.tell(Tick(), second)
        assert story.state.alerts == {}

    def test_crash_climbs_the_shipped_ladder_rung_by_rung(self) -> None:
        story = Story(shipped_ladder()).begin()
        told: list[str] = []
        # Level (1.5 · BTC + 20,000) / 60,000: 1.45, 1.38, 1.29, 1.15.
        for second, btc in enumerate((44_666, 41_866, 38_266, 32_666), 1):
            for moment in (second * 40, second * 40 + 31):
                at = after(moment)
                story.tell(PricesRead(prices(at, BTCUSDT=btc, ETHUSDT=3_000)), moment)
                level = (Decimal(btc) * Decimal("1.5") + 20_000) / 60_000
                story.tell(CrossRead(cross(at, level)), moment)
                done = story.tell(Tick(), moment)
                told += [
                    key.rule for key, a in done.state.alerts.items() if a.notified_at == at and key.scope == "cross"
                ]
        assert list(dict.fromkeys(told)) == ["below-initial", "near-call", "margin-call", "liquidation-near"]

    def test_stream_event_is_remembered(self) -> None:
        event = event_of()
        assert Story().tell(event).entry.events == (event,)

    def test_failed_read_is_remembered(self) -> None:
        failed = ReadFailed("cross", CROSS, NOW, "no answer")
        assert Story().tell(failed).entry.failures == (failed,)

    def test_snapshot_gives_samples_and_prices_do_not(self) -> None:
        story = Story().begin()
        assert story.tell(PricesRead(prices(after(20), BTCUSDT=59_000)), 20).entry.samples == ()
        samples = story.tell(CrossRead(cross(after(20), Decimal("1.84"))), 20).entry.samples
        assert {"margin_level", "polled_margin_level"} <= {s.metric for s in samples if s.scope == "cross"}

    def test_order_of_a_person_is_heard_at_once(self) -> None:
        story = Story().begin()
        story.tell(PricesRead(prices(after(1), BTCUSDT=40_000)), 1)
        done = story.tell(OperatorRead(acks=(Ack(1, "me", after(2), "on it"),)), 2)
        assert [alert.acked_by for alert in done.entry.alerts] == ["me"]

    def test_liquidation_is_told_at_once(self) -> None:
        story = Story(shipped_ladder()).begin()
        sold = Liquidation("BTCUSDT", "SELL", Decimal(1), Decimal(30_000), 1, False, NOW)
        done = story.tell(LiquidationsRead((sold,)), 1)
        assert [key.rule for key in done.state.alerts] == ["liquidated"]
        assert done.entry.notifications[0].severity == "critical"

    def test_refused_key_is_told_at_once(self) -> None:
        done = Story(shipped_ladder()).begin().tell(KeyRead(False, None, NOW), 1)
        assert [key.rule for key in done.state.alerts] == ["key-refused"]

    def test_price_moves_only_what_has_that_price(self) -> None:
        story = Story(
            parse_rules([{"name": "low", "scope": ["cross", "isolated"], "when": "margin_level < 100"}], "t")
        ).begin()
        for pair in ("BTCUSDT", "ETHUSDT"):
            story.state = replace(story.state, tiers={**story.state.tiers, pair: (FIVE_FOLD,)})
        pairs = isolated(long_pair(), replace(long_pair(), symbol="ETHUSDT"), at=after(1))
        story.tell(IsolatedRead(pairs), 1)
        before = dict(story.state.alerts)
        story.tell(PricesRead(prices(after(2), BTCUSDT=60_000)), 2)
        looked = {key.subject for key, alert in story.state.alerts.items() if alert is not before[key]}
        assert looked == {"", "BTCUSDT"}

    def test_full_looks_tell_how_often_to_read_from_now_on(self) -> None:
        story = Story().begin()
        assert story.tell(Tick(), 1).intervals["cross"].total_seconds() == 60
        assert story.tell(CrossRead(cross(after(2), Decimal("1.4"))), 2).intervals["cross"].total_seconds() == 2
        assert story.tell(PricesRead(prices(after(3), BTCUSDT=60_000)), 3).intervals == {}

    def test_alert_fires_between_polls_as_time_passes(self) -> None:
        story = Story(parse_rules([{"name": "low", "scope": "cross", "when": "margin_level < 1.5", "for": "10s"}], "t"))
        story.begin()
        story.tell(CrossRead(cross(after(1), Decimal("1.4"))), 1)
        fired: list[datetime | None] = []
        for second in range(2, 13):
            fired += [alert.fired_at for alert in story.tell(Tick(), second).entry.alerts]
        assert fired == [after(11)]

    def test_same_story_told_twice_is_the_same_story(self) -> None:
        events: list[tuple[Event, float]] = [
            (PricesRead(sample_prices()), 0),
            (CrossRead(cross(level=Decimal("1.4"))), 1),
            (Tick(), 2),
            (CrossRead(cross(after(3), Decimal("1.7"))), 3),
        ]
        stories = (Story(), Story())
        told = [[story.tell(event, seconds).entry for event, seconds in events] for story in stories]
        assert told[0] == told[1]


class TestWants:
    @pytest.mark.parametrize("stream", STREAMS)
    def test_gap_in_a_stream_calls_for_both_snapshots(self, stream: StreamName) -> None:
        story = Story().begin()
        assert story.tell(StreamChanged(stream, False, (), NOW)).wants >= {"cross", "isolated"}
        assert story.tell(StreamChanged(stream, True, (), NOW)).wants >= {"cross", "isolated"}

    def test_lost_market_stream_calls_for_prices(self) -> None:
        assert "prices" in Story().begin().tell(StreamChanged("market", False, (), NOW)).wants

    @pytest.mark.parametrize(
        "meaning",
        [BalancesChanged(NOW, {}), AssetMoved("BTC", Decimal(1), NOW), MarginNotice(Decimal("1.2"), "MARGIN_LEVEL_2")],
    )
    def test_changed_balance_calls_for_the_read_of_its_scope(self, meaning: Meaning) -> None:
        assert Story().tell(event_of(meaning)).wants == {"cross"}
        assert Story().tell(event_of(meaning, scope=Scope("BTCUSDT"))).wants == {"isolated"}

    def test_risk_event_calls_for_cross(self) -> None:
        assert Story().tell(event_of(stream="risk")).wants == {"cross"}

    def test_event_that_could_not_be_read_may_have_been_anything(self) -> None:
        assert Story().tell(event_of(rejected="not JSON", scope=Scope("BTCUSDT"))).wants == {"isolated"}
        assert Story().tell(event_of(rejected="not JSON", stream="market")).wants == frozenset()

    def test_what_was_told_is_read_again_and_again_until_a_read_succeeds(self) -> None:
        story = Story().begin()
        left = BalancesChanged(after(1), {"BTC": (Decimal("1.2"), Decimal(0))})
        assert story.tell(event_of(left), 1).wants == {"cross"}
        assert story.tell(Tick(), 3).wants == frozenset()
        story.tell(ReadFailed("cross", CROSS, after(4), "HTTP 503"), 4)
        assert story.tell(Tick(), 8).wants == frozenset()
        assert story.tell(Tick(), 9).wants == {"cross"}
        story.tell(CrossRead(cross(after(10))), 10)
        assert story.tell(Tick(), 30).wants == frozenset()

    def test_event_that_moves_nothing_calls_for_nothing(self) -> None:
        assert Story().tell(event_of()).wants == frozenset()

    def test_first_prices_call_for_both_snapshots_again(self) -> None:
        story = Story()
        story.tell(CrossRead(cross()))
        assert story.tell(PricesRead(sample_prices())).wants == {"cross", "isolated"}

    def test_prices_that_came_back_call_for_both_snapshots_again(self) -> None:
        story = Story().begin()
        assert story.tell(PricesRead(prices(after(10), BTCUSDT=60_000)), 10).wants == frozenset()
        assert story.tell(PricesRead(prices(after(60), BTCUSDT=60_000)), 60).wants == {"cross", "isolated"}

    def test_first_price_of_an_asset_calls_for_the_read_that_has_it(self) -> None:
        story = Story().begin()
        balances = {**sample_balances(), "ABC": Balance("ABC", free=Decimal(1))}
        story.tell(CrossRead(cross(after(1), balances=balances)), 1)
        assert story.tell(PricesRead(prices(after(2), ABCUSDT=5)), 2).wants == {"cross"}
        assert story.tell(PricesRead(prices(after(3), ABCUSDT=6)), 3).wants == frozenset()
        assert story.tell(PricesRead(prices(after(4), XYZUSDT=6)), 4).wants == frozenset()

    def test_new_asset_without_a_price_calls_for_prices_once(self) -> None:
        story = Story().begin()
        balances = {**sample_balances(), "ABC": Balance("ABC", free=Decimal(1))}
        assert story.tell(CrossRead(cross(after(1), balances=balances)), 1).wants == {"prices"}
        assert story.tell(CrossRead(cross(after(2), balances=balances)), 2).wants == frozenset()

    def test_prices_are_polled_while_no_stream_brings_them(self) -> None:
        story = Story().begin()
        assert story.tell(CrossRead(cross(after(1))), 1).wants == frozenset()
        story.tell(StreamChanged("market", False, (), after(2)), 2)
        assert story.tell(CrossRead(cross(after(3))), 3).wants == {"prices"}

    def test_new_pair_calls_for_its_tiers_and_its_interest(self) -> None:
        story = Story(state=started(tiers={})).begin()
        wants = story.tell(IsolatedRead(isolated(at=after(1))), 1).wants
        assert wants == {"reference_data", "interest", "interest_rates"}
        story.tell(TiersRead("BTCUSDT", (FIVE_FOLD,)), 1)
        assert story.tell(IsolatedRead(isolated(at=after(2))), 2).wants == frozenset()

    def test_new_debt_calls_for_its_first_charge_and_its_rate(self) -> None:
        story = Story().begin()
        more = {**sample_balances(), "BTC": Balance("BTC", free=Decimal(1), borrowed=Decimal("0.1"))}
        assert story.tell(CrossRead(cross(after(1), balances=more)), 1).wants == {"interest", "interest_rates"}
        assert story.tell(CrossRead(cross(after(2), balances=more)), 2).wants == frozenset()

    def test_ratio_of_what_is_pegged_is_noted_at_a_tick(self) -> None:
        balances = {**sample_balances(), "WBETH": Balance("WBETH", free=Decimal(1))}
        story = Story(settings=replace(SETTINGS, pegs={"WBETH": "ETH"}))
        story.tell(PricesRead(prices(NOW, ETHUSDT=4_000, WBETHUSDT=4_320)))
        story.tell(CrossRead(cross(balances=balances)))
        assert story.tell(Tick()).state.pegs["WBETH"].points == ((NOW, Decimal("1.08")),)

    def test_bars_that_could_not_be_read_are_asked_for_again(self) -> None:
        story = Story(state=started(bars=None)).begin()
        assert story.tell(CrossRead(cross(after(1))), 1).wants == {"reference_data"}

    def test_refused_key_is_asked_again_when_a_read_succeeds(self) -> None:
        story = Story().begin()
        story.tell(KeyRead(False, None, NOW))
        assert story.tell(CrossRead(cross(after(1))), 1).wants == {"key"}

    def test_settled_action_calls_for_the_accounts_and_a_transfer_for_the_wallets_too(self) -> None:
        repaid = intent_of(Repay(CROSS, "USDT", Decimal(1)))
        assert Story().tell(ActionSettled(repaid)).wants == {"cross", "isolated"}
        moved = intent_of(Transfer("spot", CROSS, "USDT", Decimal(1)))
        assert Story().tell(ActionSettled(moved)).wants == {"cross", "isolated", "spot", "funding"}

    def test_time_and_health_call_for_nothing(self) -> None:
        story = Story().begin()
        for event in (Tick(), HealthRead(), StreamAlive("risk", NOW), OperatorRead()):
            assert story.tell(event, 1).wants == frozenset()


def test_restored_alert_goes_on_without_repeating() -> None:
    story = Story(state=watched()).begin()
    story.tell(CrossRead(cross(after(1), Decimal("1.4"))), 1)
    alerts = {key: replace(alert, unknown_since=after(20)) for key, alert in story.state.alerts.items()}
    again = Story(state=started(alerts=alerts))
    # Nothing is known yet: it neither clears nor is it told again.
    assert again.tell(Tick(), 100).entry.is_empty
    assert again.state.alerts.keys() == alerts.keys()
    done = again.tell(CrossRead(cross(after(101), Decimal("1.4"))), 101)
    assert done.entry.notifications == () and done.entry.transitions == ()
    (alert,) = done.state.alerts.values()
    assert (alert.id, alert.unknown_since, alert.notified_at) == (1, None, after(1))

from typing import Any

import pytest

from monitor.web.pages.models.scope import ScopeView, scope_views
from tests.web.pages.example_documents import STABLES, account, balance, cross, pair


def view(**changes: Any) -> ScopeView:
    (found,) = scope_views(account(cross=cross(**changes)), STABLES)  # type: ignore[arg-type]
    return found


def pair_view(**changes: Any) -> ScopeView:
    (found,) = scope_views(account(cross=None, isolated=[pair(**changes)]), STABLES)  # type: ignore[arg-type]
    return found


NO_PRICE = {"kind": "prices_stale", "name": None, "text": "no price came for 94 s: the level is the one last read"}


@pytest.mark.parametrize(
    ("level", "tone", "verdict"),
    [
        ("1.51", "good", "above its initial level"),
        ("1.5", "good", "above its initial level"),
        ("1.4999", "note", "below its initial level"),
        ("1.3", "bad", "margin call"),
        ("1.1", "bad", "at liquidation"),
    ],
)
def test_level_is_judged_by_its_own_thresholds(level: str, tone: str, verdict: str) -> None:
    found = view(margin_level=level)
    assert (found.tone, found.verdict) == (tone, verdict)


def test_level_and_distance_are_rounded_down() -> None:
    found = view(margin_level="1.4999", distance_to_liquidation="0.0849")
    assert (found.level, found.distance) == ("1.49", "8.4 %")


def test_old_figures_are_never_good() -> None:
    found = view(state="stale", margin_level="1.8", age_s=189)
    assert (found.is_dated, view().is_dated) == (True, False)
    assert (found.tone, found.verdict) == ("old", "figures are old; last known: above its initial level")


@pytest.mark.parametrize(
    ("changes", "is_aged"),
    [
        ({"source": "live", "live_age_s": 14, "age_s": 60}, False),
        ({"source": "live", "live_age_s": 16, "age_s": 60}, True),
        ({"source": "polled", "age_s": 60}, False),
        ({"source": "polled", "age_s": 181}, True),
        ({"source": "polled", "age_s": 2, "gaps": [NO_PRICE]}, False),
        ({"source": "polled", "age_s": 16, "gaps": [NO_PRICE]}, True),
    ],
)
def test_figures_look_old_when_their_prices_are(changes: dict[str, object], is_aged: bool) -> None:
    assert view(**changes).is_aged is is_aged


def test_old_scope_that_owed_nothing_is_not_the_worst() -> None:
    sides = {"base": balance("BTC", free="1"), "quote": balance("USDT")}
    found = pair_view(state="stale", margin_level=None, distance_to_liquidation=None, **sides)
    assert (found.tone, found.level, found.distance) == ("old", "∞", "∞")
    assert found.verdict == "figures are old; last known: nothing was owed"
    owing = pair_view(state="stale", margin_level="1.8")
    assert owing.order < found.order
    unknown = pair_view(state="stale", margin_level=None, distance_to_liquidation=None)
    assert (unknown.level, unknown.verdict[-15:]) == ("?", "level not known")
    free = view(state="stale", margin_level=None, distance_to_liquidation=None, liabilities_usdt="0")
    assert free.level == "∞"


def test_danger_remains_danger_in_old_figures() -> None:
    assert view(state="stale", margin_level="1.2").tone == "bad"


def test_unknown_level_is_no_infinite_one() -> None:
    found = view(state="unavailable", margin_level=None, distance_to_liquidation=None, age_s=None, live_age_s=None)
    assert (found.level, found.distance, found.tone, found.age) == ("?", "?", "old", None)


def test_level_without_debts_is_infinite_and_good() -> None:
    found = view(state="no_debt", margin_level=None, distance_to_liquidation=None)
    assert (found.level, found.distance, found.tone) == ("∞", "∞", "good")


def test_known_level_that_no_move_liquidates_has_an_infinite_distance() -> None:
    found = view(distance_to_liquidation=None, drop_to_liquidation=None)
    assert (found.distance, found.move) == ("∞", "no move of prices liquidates it")


@pytest.mark.parametrize("lacking", [{"balances": []}, {"liquidation_level": None}])
def test_unknown_distance_of_a_known_level_is_no_infinite_one(lacking: dict[str, Any]) -> None:
    found = view(distance_to_liquidation=None, drop_to_liquidation=None, **lacking)
    assert (found.level, found.distance, found.move, found.prices) == ("1.40", "?", "not known", ())
    assert found.order < view(distance_to_liquidation="0.01").order


@pytest.mark.parametrize(
    ("level", "tone", "verdict"),
    [
        ("1.2", "bad", "margin call; reported by the exchange, not read yet"),
        ("1.8", "old", "above its initial level; reported by the exchange, not read yet"),
    ],
)
def test_level_that_the_exchange_reported_is_judged_before_the_first_read(level: str, tone: str, verdict: str) -> None:
    nothing: dict[str, Any] = {"age_s": None, "live_age_s": None, "distance_to_liquidation": None, "balances": []}
    found = view(state="unavailable", margin_level=level, **nothing)
    assert (found.tone, found.verdict, found.distance) == (tone, verdict, "?")


def test_prices_are_those_at_the_fall_of_all_and_of_the_asset_alone() -> None:
    (price,) = view().prices
    assert (price.asset, price.now, price.together, price.alone) == ("SOL", "200.00", "150.00", "150.00")


def test_prices_at_a_rise_lie_above() -> None:
    found = view(drop_to_liquidation=None, rise_to_liquidation="0.25")
    assert found.move == "rise of all prices to liquidation"
    assert found.prices[0].together == "250.00"


def test_stable_assets_have_no_price_to_watch() -> None:
    rows = [balance("USDC", free="500", price="0.9998"), balance("USDT", borrowed="100")]
    assert view(balances=rows).prices == ()


def test_assets_that_weigh_most_stand_first() -> None:
    rows = [
        balance("A", free="1", price="5"),
        balance("B", free="1", borrowed="9", price="5"),
        balance("C", free="3", price="5"),
    ]
    assert [price.asset for price in view(balances=rows).prices] == ["B", "C", "A"]


def test_pair_names_its_own_move_and_price() -> None:
    found = pair_view(danger="above", distance_to_liquidation="0.1369", liquidation_price="128569.005")
    assert found.move == "rise of BTC to liquidation"
    assert found.short_move == "rise of BTC"
    assert found.prices[0].alone == "128,569"


def test_feasible_options_stand_before_those_that_are_not() -> None:
    options = [
        {"route": "repay", "asset": "BTC", "amount": "0.42844505", "value_usdt": "48421.62", "feasible": False},
        {"route": "transfer_in", "asset": "USDT", "amount": "27842.43", "value_usdt": "27842.43", "feasible": True},
    ]
    found = view(restore={"target": "1.575", "outside_as_of": None, "options": options})
    assert found.target == "1.575"
    assert [(o.words, o.value, o.is_at_hand) for o in found.options] == [
        ("Bring in 27,850 USDT as collateral", "", True),
        ("Repay 0.4285 BTC from the free balance", "about 48,421.62 USDT", False),
    ]


def test_age_is_that_of_the_prices_beside_that_of_the_balances() -> None:
    found = view()
    assert found.age is not None
    assert found.read_age is not None
    assert (found.age.words, found.read_age.words) == ("1 s", "12 s")


def test_account_is_quoted_in_its_address() -> None:
    (found,) = scope_views(account(account="a/<b>"), STABLES)  # type: ignore[arg-type]
    assert found.href == "/account/a%2F%3Cb%3E"

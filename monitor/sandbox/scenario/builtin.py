"""The built-in scenarios. Their prices are paths of our own, modelled on published figures."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from monitor.sandbox.scenario.price_path import SimPricePath
from monitor.sandbox.scenario.scenario import CROSS_3X, AccountSpec, PairSpec, Scenario, initial_balance

CRASH_START = datetime(2025, 10, 10, 20, 48, tzinfo=UTC)
CRASH_MINUTES = 72

# Minutes after 20:48 UTC and prices. BTC: 116,837 → 101,516 in 31 minutes, the last of them -6.15 %, and
# +11.8 % back within 26. SOL: -29.5 % in the 22 minutes from 20:59 to 21:21, more than half of it back.
_BTC_CRASH = (
    (0, "117050.0"), (1, "116837.0"), (4, "116310.0"), (8, "115640.0"), (12, "115080.0"), (16, "114350.0"),
    (20, "113580.0"), (23, "112900.0"), (25, "112150.0"), (27, "110900.0"), (29, "109820.0"), (30, "109050.0"),
    (31, "108168.4"), (32, "101516.0"), (33, "104100.0"), (34, "106400.0"), (36, "108700.0"), (39, "110350.0"),
    (43, "111500.0"), (48, "112450.0"), (53, "113020.0"), (58, "113495.0"), (64, "112980.0"), (72, "112700.0"),
)  # fmt: skip
_SOL_CRASH = (
    (0, "220.00"), (3, "215.60"), (7, "208.20"), (11, "200.40"), (15, "197.10"), (19, "193.40"), (23, "189.20"),
    (26, "184.30"), (28, "178.60"), (30, "171.20"), (31, "165.10"), (32, "148.00"), (33, "141.28"), (34, "154.60"),
    (36, "166.90"), (39, "173.80"), (43, "178.20"), (48, "181.70"), (53, "183.90"), (58, "185.20"), (64, "183.60"),
    (72, "182.90"),
)  # fmt: skip


# WBETH against an ETH of 4,000: an hour at 1.08 of it, then within five minutes down to 0.2, and most of it back.
_WBETH_DEPEG = (
    (0, "4320.0"), (66, "4320.0"), (67, "4180.0"), (68, "3650.0"), (69, "2500.0"), (70, "1400.0"), (71, "800.0"),
    (73, "800.0"), (75, "2900.0"), (78, "3950.0"), (84, "4240.0"),
)  # fmt: skip


def calm_scenario() -> Scenario:
    """Flat prices and a small account, far from liquidation."""
    account = AccountSpec(
        name="main",
        spot={"USDT": Decimal(5000), "BTC": Decimal("0.1")},
        funding={"USDT": Decimal(1000)},
        cross={
            "BTC": initial_balance("1.5"),
            "USDT": initial_balance("20000", borrowed="30000"),
            "ETH": initial_balance(borrowed="10"),
        },
        bars=CROSS_3X,
        isolated={
            "BTCUSDT": PairSpec(
                base=initial_balance("0.5"), quote=initial_balance("500", borrowed="20000", interest="1.25")
            )
        },
    )
    return Scenario(
        name="calm",
        start=CRASH_START,
        accounts=(account,),
        prices={"BTCUSDT": Decimal(60_000), "ETHUSDT": Decimal(3000)},
    )


def crash_scenario() -> Scenario:
    """The night of 2025-10-10: a cross account that is liquidated without help, a long pair and a short one.

    Cross starts near a level of 1.57, falls below its initial level (1.5) about 25 minutes before the low and is
    liquidated in the worst minutes. Spot and funding hold enough to prevent that. The long pair gets a margin call and
    survives; the short one gains by the fall and loses in the rebound.
    """
    account = AccountSpec(
        name="main",
        spot={"USDT": Decimal(60_000), "BTC": Decimal("0.1")},
        funding={"USDT": Decimal(20_000)},
        cross={
            "BTC": initial_balance("0.25", borrowed="0.081", interest="0.00001203"),
            "SOL": initial_balance("1000"),
            "USDT": initial_balance("5000", borrowed="152000", interest="20.81735160"),
        },
        bars=CROSS_3X,
        isolated={
            "SOLUSDT": PairSpec(
                base=initial_balance("60"), quote=initial_balance("25", borrowed="7000", interest="0.95890411")
            ),
            "BTCUSDT": PairSpec(
                base=initial_balance(borrowed="0.4", interest="0.00000685"), quote=initial_balance("54000")
            ),
        },
    )
    return Scenario(
        name="crash-2025-10-10",
        start=CRASH_START,
        duration_s=CRASH_MINUTES * 60,
        accounts=(account,),
        paths={"BTCUSDT": _price_path(_BTC_CRASH), "SOLUSDT": _price_path(_SOL_CRASH)},
        leverage={"SOLUSDT": 3, "BTCUSDT": 10},
    )


def depeg_scenario() -> Scenario:
    """A staking token loses its peg while its underlying asset keeps its price: WBETH falls to 0.2 ETH."""
    account = AccountSpec(
        name="main",
        spot={"USDT": Decimal(60_000)},
        funding={"USDT": Decimal(20_000)},
        cross={"WBETH": initial_balance("10"), "USDT": initial_balance("1000", borrowed="20000")},
        bars=CROSS_3X,
    )
    return Scenario(
        name="depeg-wbeth",
        start=CRASH_START,
        duration_s=84 * 60,
        accounts=(account,),
        prices={"ETHUSDT": Decimal(4000)},
        paths={"WBETHUSDT": _price_path(_WBETH_DEPEG)},
    )


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "calm": calm_scenario,
    "crash-2025-10-10": crash_scenario,
    "depeg-wbeth": depeg_scenario,
}


def _price_path(points: Sequence[tuple[int, str]]) -> SimPricePath:
    start_ms = int(CRASH_START.timestamp() * 1000)
    return SimPricePath([(start_ms + minute * 60_000, Decimal(price)) for minute, price in points])

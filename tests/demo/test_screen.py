"""The demo as it is watched, on a terminal and without one."""

import io
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from monitor.demo.screen import DemoFrame, DemoRun, DemoScreen, level_gauge, parse_run
from tests.support.examples.documents import NOW

RUN = DemoRun(
    "guarded",
    NOW,
    Decimal("1.42"),
    Decimal("1.5"),
    Decimal("1.3"),
    Decimal("1.1"),
    Decimal("0.181"),
    {"BTC": Decimal(108000)},
    ("below-initial",),
    told=2,
)


def test_screen_frame_is_read_from_the_status_document() -> None:
    run = parse_run(
        "guarded",
        {
            "at": "2025-10-10T21:15:30.000Z",
            "margin_level": "1.42",
            "initial_level": "1.5",
            "margin_call_level": "1.3",
            "liquidation_level": "1.1",
            "distance_to_liquidation": "0.181",
            "prices": {"BTCUSDT": "108000"},
            "firing": ["below-initial"],
            "told": 2,
        },
    )
    assert run == RUN


def test_empty_status_document_is_read() -> None:
    assert parse_run("guarded", {"at": "2025-10-10T21:15:30.000Z", "told": 0}).level is None


def test_without_a_terminal_only_events_are_printed() -> None:
    out = io.StringIO()
    with DemoScreen(out, live=False) as screen:
        for run in (
            RUN,
            replace(RUN, at=NOW + timedelta(minutes=1), level=Decimal("1.41")),
            replace(RUN, at=NOW + timedelta(minutes=2), intents=1),
            replace(RUN, at=NOW + timedelta(minutes=3), intents=1, liquidated=True),
        ):
            screen.show(DemoFrame("crash", (run,), 0.5, 10))
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["21:15:30", "21:17:30", "21:18:30"]
    for line in lines:
        for words in ("guarded", "1.42", "below-initial"):
            assert words in line
    assert ["actions: 1" in line for line in lines] == [False, True, True]
    assert ["LIQUIDATED" in line for line in lines] == [False, False, True]


def test_on_a_terminal_the_screen_shows_level_bars_and_alerts() -> None:
    out = io.StringIO()
    with DemoScreen(out, live=True) as screen:
        screen.show(DemoFrame("crash", (RUN,), 0.5, 12.4, ("21:14:00 guarded repaid",)))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert "1.42" in shown
    for words in ("liquidation 1.10, call 1.30, initial 1.50", "below-initial", "12 s left", "repaid"):
        assert words in shown


@pytest.mark.parametrize(("level", "filled"), [("0.5", 0), ("1.2", 3), ("1.5", 10), ("9", 23)])
def test_gauge_fills_with_the_level(level: str, filled: int) -> None:
    drawn = level_gauge(replace(RUN, level=Decimal(level)), 24)
    assert len(drawn) == 26
    assert drawn.index("●") - 1 == filled

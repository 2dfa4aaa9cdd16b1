"""`stress` as a user runs it, on a database without a daemon; and the ways to write a move."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.cli import parser
from monitor.errors import UsageError
from tests.integration.cli.test_read_commands import _status_entry, _write
from tests.support.command import margin_monitor, write_config


@pytest.fixture
def config(tmp_path: Path, sqlite_template: Path) -> Path:
    shutil.copy(sqlite_template, tmp_path / "monitor.db")
    return write_config(tmp_path)


async def test_shock_is_printed_as_json_and_text(config: Path) -> None:
    await _write(config, _status_entry(datetime.now(UTC)))
    said = margin_monitor(config, "stress", "--drop", "20%", "eth=+50%", "XRP=-10%", "--json")
    document = said.json()
    assert said.code == 0
    assert document["shock"] | {"source": None} == {
        "drop": "0.2",
        "moves": {"ETH": "0.5", "XRP": "-0.1"},
        "like": None,
        "source": None,
    }
    # 1.5 x 48,000 + 20,000 against 10 x 4,500 + 30,000.
    assert document["accounts"][0]["level_after"].startswith("1.22666")
    assert [item["liquidated"] for item in document["accounts"]] == [False, True]
    assert said.err == "XRP is in no scope: its move changes nothing\n"
    text = margin_monitor(config, "stress").out
    assert text.startswith("assumed: 2025-10-10 again (BTC -13.1 %")
    assert "main BTCUSDT falls first" in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--drop", "20"], "--drop: 20 would be 2000%; write 20% if that is meant"),
        (["--drop", "0"], "--drop: 0 is no fall; write one between 0% and 100%, such as 20%"),
        (["--drop", "100%"], "--drop: 100% is no fall; write one between 0% and 100%, such as 20%"),
        (
            ["--like", "2025-10-11"],
            "--like: nothing is known of 2025-10-11; "
            "there are 2025-10-10, 2021-05-19, 2025-02-03, 2021-12-04, and worst",
        ),
        (["SOL"], '"SOL" is no move; write ASSET=MOVE, such as SOL=-35%'),
        (["SOL=-35"], "SOL: -35 would be -3500%; write -35% if that is meant"),
        (["SOL=low"], "SOL: 'low' is not a percentage; write 20% or 0.2"),
        (["SOL=-100%"], "SOL: nothing falls by -100%; write a fall of less than 100%"),
        (["sol=-1%", "SOL=-2%"], "SOL is given twice; give it once"),
        (["USDT=-1%"], "USDT can't move: prices are told in it; move what is held or owed against it"),
    ],
)
def test_invalid_move_is_one_line_with_the_fix(words: list[str], line: str) -> None:
    with pytest.raises(UsageError) as raised:
        parser.dispatch(["stress", *words])
    assert str(raised.value) == line

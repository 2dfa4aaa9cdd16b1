"""Events that wait in a file: in order, whole, once, and across the death of the process."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.core.model.account import CROSS, Scope
from monitor.core.model.events import StreamEvent
from monitor.errors import StoreError
from monitor.store.db.spill import EventSpill

NOW = datetime(2025, 10, 10, 21, 0, 0, 123456, tzinfo=UTC)


def event(number: int) -> StreamEvent:
    return StreamEvent("account", CROSS, "balanceUpdate", f"key-{number}", NOW, NOW, f'{{"n":{number},"é":"\\n"}}')


def events(*numbers: int) -> tuple[StreamEvent, ...]:
    return tuple(map(event, numbers))


def test_spilled_events_come_back_in_order(tmp_path: Path) -> None:
    spill = EventSpill(tmp_path / "spill")
    odd = replace(event(3), stream="risk", scope=Scope("BTCUSDT"), type="rejected", rejected="not JSON")
    spill.append(events(1, 2))
    spill.append([odd])
    first, mark = spill.read(2)
    assert first == events(1, 2)
    spill.drop(mark)
    assert spill.read(2)[0] == (odd,)


def test_the_file_goes_when_all_of_it_is_dropped(tmp_path: Path) -> None:
    spill = EventSpill(tmp_path / "spill")
    spill.append(events(1))
    spill.drop(spill.read(5)[1])
    assert spill.is_empty
    assert not (tmp_path / "spill").exists()
    spill.append(events(2))
    assert spill.read(5)[0] == events(2)


def test_events_not_dropped_survive_a_restart(tmp_path: Path) -> None:
    spill = EventSpill(tmp_path / "spill")
    spill.append(events(1, 2, 3))
    spill.drop(spill.read(1)[1])
    assert EventSpill(tmp_path / "spill").read(9)[0] == events(1, 2, 3)


def test_partial_line_of_a_killed_process_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "spill"
    EventSpill(path).append(events(1))
    with path.open("ab") as file:
        file.write(b'["account","","balanceUp')
    spill = EventSpill(path)
    spill.append(events(2))
    assert spill.read(9)[0] == events(1, 2)


def test_unreadable_line_does_not_block_others(tmp_path: Path) -> None:
    path = tmp_path / "spill"
    EventSpill(path).append(events(1))
    with path.open("ab") as file:
        file.write(b'{"what":"is this"}\n\x00\n')
    spill = EventSpill(path)
    spill.append(events(2))
    told, mark = spill.read(9)
    assert told == events(1, 2)
    spill.drop(mark)
    assert spill.is_empty


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    EventSpill(tmp_path / "spill").append(events(1))
    assert (tmp_path / "spill").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_there_is_a_failure_that_names_it(tmp_path: Path) -> None:
    spill = EventSpill(tmp_path / "gone" / "spill")
    with pytest.raises(StoreError, match="gone"):
        spill.append(events(1))
    assert spill.is_empty

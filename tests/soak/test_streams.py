"""The soak in short: three hours of exchange time in a minute, every fault about once."""

from pathlib import Path

import pytest

from monitor.sandbox.faults import STREAM_FAULTS
from tests.soak.streams import rotation, soak


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_record_equals_what_was_sent_whatever_befalls_the_streams(tmp_path: Path) -> None:
    report = await soak(tmp_path, hours=3, minutes=1)
    assert report.is_clean, report.text()
    assert report.recorded > 500
    assert report.swallowed > 0


def test_rotation_holds_every_fault_that_streams_can_suffer() -> None:
    assert {fault.what for faults in rotation() for fault in faults} == set(STREAM_FAULTS)

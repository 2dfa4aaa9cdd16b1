"""The record as a whole: every sample of one account in order of time."""

from decimal import Decimal

from monitor.core.model.journal import Entry, Sample
from monitor.core.model.metric import Missing
from monitor.core.numbers.amounts import INFINITE
from monitor.simulation.recorded_frames import Recorded
from monitor.store.readers.samples import read_recording
from monitor.store.store import Store
from tests.support.examples.store_rows import NOW, at


async def test_samples_come_in_order_of_time_with_what_was_missing(store: Store) -> None:
    samples = (
        Sample("cross", "", "margin_level", at(0), Decimal("1.5")),
        Sample("cross", "", "margin_level", at(20), INFINITE),
        Sample("asset", "BTC", "held", at(10), Decimal("0.5")),
        Sample("cross", "", "margin_level", at(30), None),
        Sample("cross", "", "margin_level", at(40), Decimal(2)),
    )
    await store.commit(Entry("main", NOW, samples=samples))
    await store.commit(Entry("other", NOW, samples=(Sample("cross", "", "margin_level", at(5), Decimal(9)),)))
    assert await store.read(read_recording, "main", at(10), at(40)) == (
        Recorded(at(10), "asset", "BTC", "held", Decimal("0.5")),
        Recorded(at(20), "cross", "", "margin_level", INFINITE),
        Recorded(at(30), "cross", "", "margin_level", Missing.UNAVAILABLE),
    )

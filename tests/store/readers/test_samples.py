"""The record as a whole: every sample of one account in order of time."""

from decimal import Decimal

from monitor.core.model.journal import JournalEntry, Sample
from monitor.core.model.metric import MissingValue
from monitor.core.numbers.amounts import INFINITE
from monitor.simulation.recorded_frames import ReplaySample
from monitor.store.readers.samples import read_samples
from monitor.store.store import Store
from tests.support.examples.store_rows import NOW, at


async def test_samples_come_in_time_order_including_missing_ones(store: Store) -> None:
    samples = (
        Sample("cross", "", "margin_level", at(0), Decimal("1.5")),
        Sample("cross", "", "margin_level", at(20), INFINITE),
        Sample("asset", "BTC", "held", at(10), Decimal("0.5")),
        Sample("cross", "", "margin_level", at(30), None),
        Sample("cross", "", "margin_level", at(40), Decimal(2)),
    )
    await store.commit(JournalEntry("main", NOW, samples=samples))
    await store.commit(JournalEntry("other", NOW, samples=(Sample("cross", "", "margin_level", at(5), Decimal(9)),)))
    assert await store.read(read_samples, "main", at(10), at(40)) == (
        ReplaySample(at(10), "asset", "BTC", "held", Decimal("0.5")),
        ReplaySample(at(20), "cross", "", "margin_level", INFINITE),
        ReplaySample(at(30), "cross", "", "margin_level", MissingValue.UNAVAILABLE),
    )

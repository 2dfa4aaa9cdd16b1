"""The samples of an exposition."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families


def read_samples(text: str) -> Mapping[str, float]:
    """Return the samples of an exposition by name and sorted labels: `name{account="main"}`."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{label}="{value}"' for label, value in sorted(sample.labels.items()))
            key = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found

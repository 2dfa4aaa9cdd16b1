"""Translation of payloads to core's types: pure. Sentinels and self-contradictory answers end here."""

"""From the venue's words to ours: pure. Sentinels end here, and so do answers that contradict themselves."""

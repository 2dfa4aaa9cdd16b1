"""Tests of the page, the API and the metrics."""

"""The REST server: requests in, answers and faults out, and the admin API."""

"""The report for people: text and HTML page."""

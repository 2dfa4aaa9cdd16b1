"""What the page, the API and the metrics get of the program."""

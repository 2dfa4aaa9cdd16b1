"""Messages to people: queues, sending, drills, the daily report."""

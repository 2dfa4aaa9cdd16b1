"""What commands and pages read, a module per topic: functions of a connection, to be given to a store's `read`."""

"""Messages of alerts and notices, in the formats that services take."""

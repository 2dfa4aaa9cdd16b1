"""Tables and lines for people at a terminal, made from the JSON documents."""

"""What the account adapter does through the API, one module a topic: core's types in and out."""

"""The documents' types: what each field holds, for the type checker, for tests, and for the API's description."""

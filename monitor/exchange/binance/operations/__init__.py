"""Operations of the account adapter on the API, one module a topic: core's types in and out."""

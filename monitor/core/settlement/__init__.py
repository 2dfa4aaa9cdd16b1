"""Settlement of sent intents: observations, verification, state transitions, notices."""

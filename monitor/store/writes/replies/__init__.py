"""Records of answers from messages: the messages themselves, and presses of their buttons."""

"""Telegram by its Bot API: messages with buttons, edits of them, and the updates of a bot."""

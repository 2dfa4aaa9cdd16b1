"""The JSON API: documents, commands of people, live events, health."""

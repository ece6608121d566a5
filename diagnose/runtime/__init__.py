"""How jobs run: memory, progress, the session that holds the models."""

"""Where to look: estimates of what units, words and moments do."""

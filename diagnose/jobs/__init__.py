"""What a user can ask for: each job a few named stages."""

"""What is looked at: generators, judges, their addresses and hooks."""

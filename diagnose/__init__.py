"""What is found out: pure functions from a generator, a judge and a prompt to result objects."""
